//! What may leave this machine: the residency policy of calls, the egress policy, and the only HTTP
//! clients.

pub mod egress;
#[cfg(feature = "remote")]
pub mod remote;
pub mod residency;
pub mod server;
