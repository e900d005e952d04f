//! Text to speakable text, in Arabic and English: pure functions.
//!
//! A text is filtered (`filter`) into what is *written*, which captions and history keep; the operator's
//! lexicon (`lexicon`) and the rules (`verbalise`) turn that into what is *spoken*; words of another
//! script become runs of their own, for a voice of their own (`spoken`). `align` leads from spoken words
//! back to written ones. Lacks diacritics: the voice's engine adds them, to runs of Arabic.

mod align;
mod filter;
pub mod guard;
mod lexicon;
pub mod normalise;
mod script;
mod spoken;
mod tokens;
mod verbalise;

pub use filter::written;
pub use lexicon::Lexicon;
pub use script::language_of;
pub use spoken::{Explained, Manner, Run, Spoken, Step};
pub use verbalise::By;

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
