//! Text to speakable text and back, in Arabic and English: pure functions.

mod script;
mod speakable;

pub use script::language_of;
pub use speakable::speakable;
