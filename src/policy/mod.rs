//! What may leave this machine: the egress policy and the only HTTP client.

pub mod egress;
