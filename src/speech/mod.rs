//! Text to speakable text and back, in Arabic and English: pure functions.
