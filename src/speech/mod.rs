//! Text to speakable text and back, in Arabic and English: pure functions.

pub mod guard;
pub mod normalise;
mod script;
mod speakable;

pub use script::language_of;
pub use speakable::speakable;
