//! Arabic vowels for the voice: a small model reads a sentence's letters and tells their signs.
//!
//! Stands between the request and the voices of Arabic. What it makes is heard and never shown, stored or sent
//! to a language model; `SynthesizeDone.vocalised` tells it to those who ask why. Where the model fails, the
//! voice speaks the plain text: worse, but speech. Knows no dialect but the words of `words.tsv`.

mod given;
mod letters;
mod marks;
mod model;
mod reading;
mod spelling;

pub(crate) use model::Diacritizer;

use std::sync::Arc;

use sawt_engine_protocol::v1::Vocalised;

use crate::render::{Rendered, Sentence, Task};
use crate::worker::Renderer;

/// `renderer` with vowels added to what its Arabic voices speak; `arabic` tells by index which those are.
pub(crate) fn vocalising(
    diacritizer: Option<Arc<Diacritizer>>,
    arabic: Vec<bool>,
    mut renderer: Renderer,
) -> Renderer {
    Box::new(move |index, task, cancelled| {
        let sentence = match task {
            Task::Sentence(sentence) if arabic.get(index) == Some(&true) => sentence,
            task => return renderer(index, task, cancelled),
        };
        let vocalised = diacritizer.as_deref().map(|d| d.read(&sentence.text, &sentence.as_given));
        let text = vocalised.as_ref().map_or(sentence.text.as_str(), |v| v.text.as_str());
        let task = Task::Sentence(Sentence { text: spelling::spelled(text), ..sentence.clone() });
        let mut rendered = renderer(index, task, cancelled)?;
        name_words(&mut rendered, &sentence.text);
        if let Some(opening) = &mut rendered.opening {
            opening.vocalised = vocalised;
        }
        Ok(rendered)
    })
}

/// Gives the marks of `rendered` the words as they were sent, for those are what the caller's side knows.
fn name_words(rendered: &mut Rendered, sentence: &str) {
    let Some(opening) = &mut rendered.opening else { return };
    let sent: Vec<&str> =
        sentence.split_whitespace().filter(|w| w.chars().any(char::is_alphanumeric)).collect();
    if sent.len() == opening.words.len() {
        for (mark, word) in opening.words.iter_mut().zip(sent) {
            word.clone_into(&mut mark.0);
        }
    }
}

/// Adds what was done to a sentence to what was done before it.
pub(crate) fn add(all: &mut Option<Vocalised>, sentence: Option<Vocalised>) {
    let Some(sentence) = sentence else { return };
    let all = all.get_or_insert_default();
    if !all.text.is_empty() {
        all.text.push(' ');
    }
    all.text.push_str(&sentence.text);
    all.words += sentence.words;
    all.words_refused += sentence.words_refused;
    all.took_us += sentence.took_us;
    all.sentences_failed += sentence.sentences_failed;
}

#[cfg(test)]
mod tests;
