//! From a sentence and what a model makes of its letters to the sentence with vowels. Pure.
//!
//! The model is asked for signs, never for letters: what is written is copied and signs are added behind it.
//! Where the model believes that another letter should stand (its hamza is another), it has read another
//! word, and that word stays plain. When that happens to a good part of a sentence, the sentence is none that the
//! model knows, a dialect perhaps, and all of it stays plain. Lacks a check of meaning: a wrong reading of the
//! right letters is heard.

use super::given::{GivenWords, digits_read_out, same_letters};
use super::letters::{Letter, Word, words};
use super::marks::{Marks, Vowel, is_hamza};

const MADDA: char = '\u{653}';
const HAMZA_BELOW: char = '\u{655}';

/// Characters behind a word at which a voice pauses.
const PAUSES: [char; 10] = ['.', '،', ',', '؟', '?', '!', '؛', ';', ':', '…'];

/// What the voice is given for a sentence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) text: String,
    /// Words with Arabic letters.
    pub(crate) words: u32,
    /// Of those: the model's reading was not believed, and they stay as they are written.
    pub(crate) refused: u32,
}

/// A sentence taken apart.
pub(super) struct Draft<'a> {
    sentence: &'a str,
    words: Vec<Word>,
    /// By word: where its reading comes from.
    sources: Vec<Source>,
    /// What the model reads: letters and marks of the sentence, words parted by spaces, no signs.
    pub(super) input: Vec<char>,
    /// By word and letter: its place in the input, for those that the model reads.
    places: Vec<Vec<Option<usize>>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    /// As it is written: no Arabic word, given by the operator, or written with its vowels.
    Writing,
    /// Our list.
    List(String),
    Model,
}

impl<'a> Draft<'a> {
    /// Words of `as_given` stay as they are written.
    pub(super) fn new(sentence: &'a str, as_given: &[String], list: &GivenWords) -> Self {
        let words = words(sentence);
        let (mut input, mut places, mut sources) = (Vec::new(), Vec::new(), Vec::new());
        let bare: Vec<String> = words.iter().map(|word| word.bare(sentence)).collect();
        let digits = digits_read_out(&bare);
        for ((word, bare), digit) in words.iter().zip(&bare).zip(digits) {
            if !input.is_empty() {
                input.push(' ');
            }
            sources.push(match (source(sentence, word, bare, as_given, list), digit) {
                (Source::Model, Some(form)) => Source::List(form.to_owned()),
                (source, _) => source,
            });
            let parts_after = parts_after(bare);
            let (mut own, mut arabic) = (Vec::new(), 0);
            for letter in &word.letters {
                if letter.is_arabic {
                    arabic += 1;
                }
                // Tatweel stretches a word and reads as nothing.
                let is_read = letter.base != '\u{640}';
                own.push(is_read.then_some(input.len()));
                if is_read {
                    input.push(letter.base);
                }
                if letter.is_arabic && parts_after == Some(arabic) {
                    input.push(' ');
                }
            }
            places.push(own);
        }
        Self { sentence, words, sources, input, places }
    }

    /// Whether any word is the model's to read.
    pub(super) fn needs_model(&self) -> bool {
        self.sources.contains(&Source::Model)
    }

    /// The sentence with vowels, from the model's signs for each place of the input.
    pub(super) fn read(&self, signs: &[Marks]) -> Reading {
        let mut reading = Reading::default();
        let mut forms = Vec::with_capacity(self.words.len());
        let mut believed = 0;
        for (n, word) in self.words.iter().enumerate() {
            let last = n + 1 == self.words.len();
            reading.words += u32::from(word.letters.iter().any(|letter| letter.is_arabic));
            forms.push(match &self.sources[n] {
                Source::Writing => None,
                Source::List(form) => Some(self.with_form(word, form, last)),
                Source::Model => {
                    let form = self.word(word, &self.places[n], signs, last);
                    match form {
                        Some(_) => believed += 1,
                        None => reading.refused += 1,
                    }
                    form
                }
            });
        }
        // One word may be a name; a third of them is another language than the model's.
        if reading.refused >= 2 && reading.refused * 2 > believed {
            reading.refused += believed;
            for (form, source) in forms.iter_mut().zip(&self.sources) {
                if *source == Source::Model {
                    *form = None;
                }
            }
        }
        reading.text = self.write(&forms);
        if !same_letters(&reading.text, self.sentence) {
            debug_assert!(false, "{} is not {}. This is a bug.", reading.text, self.sentence);
            reading.text = self.sentence.to_owned();
            reading.refused = reading.words;
        }
        reading
    }

    fn write(&self, forms: &[Option<String>]) -> String {
        let mut out = String::with_capacity(self.sentence.len() * 2);
        let mut from = 0;
        for (word, form) in self.words.iter().zip(forms) {
            out.push_str(&self.sentence[from..word.range.start]);
            out.push_str(form.as_deref().unwrap_or(&self.sentence[word.range.clone()]));
            from = word.range.end;
        }
        out.push_str(&self.sentence[from..]);
        out
    }

    /// A word as the model reads it; none if it reads other letters.
    fn word(
        &self,
        word: &Word,
        places: &[Option<usize>],
        signs: &[Marks],
        last: bool,
    ) -> Option<String> {
        let (last_letter, _) = word.last_letter()?;
        let pauses = last || self.pauses_after(word);
        let stem = stem_of(word);
        let mut out = String::new();
        for (n, letter) in word.letters.iter().enumerate() {
            out.push_str(&self.sentence[letter.written.clone()]);
            let own = &self.sentence[letter.signs.clone()];
            if !letter.is_arabic || !own.is_empty() {
                Marks::parse(own).write(&mut out);
                continue;
            }
            let mut marks = places[n].and_then(|place| signs.get(place)).copied()?;
            if !agrees(letter, marks, n == stem) {
                return None;
            }
            let is_last = n == last_letter;
            let before_last = n + 1 == last_letter && "اى".contains(word.letters[n + 1].base);
            if let Some(vowel) = marks.vowel {
                if vowel.is_tanwin() && !is_last && !(before_last && vowel == Vowel::Fathatan) {
                    return None; // the word goes on behind its end
                }
                // A long vowel carries none; a first alif does, and "شكراً" is written by many.
                let is_long = is_long_alif(letter, n == stem) || letter.hamza == Some(MADDA);
                if is_long && vowel != Vowel::Fathatan {
                    marks.vowel = None;
                }
            }
            // A hamza below is an "i" and nothing else; the model leaves some out.
            if letter.hamza == Some(HAMZA_BELOW) && marks.vowel.is_none() {
                marks.vowel = Some(Vowel::Kasra);
            }
            if is_last && letter.base == 'ي' && marks.shadda {
                // "سُعُودِيٌّ": people say "saudi". The model hears it in "رصيدي" as well.
                marks.vowel = marks.vowel.filter(|vowel| !vowel.is_tanwin());
            }
            if is_last && pauses {
                marks = at_pause(letter, marks);
            }
            marks.write(&mut out);
        }
        Some(out)
    }

    fn pauses_after(&self, word: &Word) -> bool {
        let Some((at, _)) = word.last_letter() else { return false };
        let behind = &self.sentence[word.letters[at].signs.end..word.range.end];
        behind.contains(PAUSES)
    }

    /// A word of our list, with whatever is written around its letters.
    fn with_form(&self, word: &Word, form: &str, last: bool) -> String {
        let pauses = last || self.pauses_after(word);
        let last_letter = word.last_letter().map(|(at, _)| at);
        let mut signs = words(form).into_iter().flat_map(|word| word.letters);
        let mut out = String::new();
        for (n, letter) in word.letters.iter().enumerate() {
            out.push_str(&self.sentence[letter.written.clone()]);
            if letter.is_arabic {
                let known = signs.next().map(|known| known.marks(form)).unwrap_or_default();
                let ends = pauses && Some(n) == last_letter;
                let known = if ends { at_pause(letter, known) } else { known };
                known.write(&mut out);
            } else {
                out.push_str(&self.sentence[letter.signs.clone()]);
            }
        }
        out
    }
}

fn source(
    sentence: &str,
    word: &Word,
    bare: &str,
    as_given: &[String],
    list: &GivenWords,
) -> Source {
    let has_signs = word.letters.iter().any(|letter| !letter.signs.is_empty());
    if bare.is_empty() || as_given.iter().any(|given| same_letters(given, bare)) {
        return Source::Writing;
    }
    if !has_signs {
        if let Some(form) = list.get(bare) {
            return Source::List(form);
        }
    } else if is_vocalised(sentence, word) {
        return Source::Writing;
    }
    Source::Model
}

/// Whether whoever wrote `word` gave half of its letters that can carry a vowel one. A tanwin, which many write
/// alone, tells the word's end only.
fn is_vocalised(sentence: &str, word: &Word) -> bool {
    let letters: Vec<&Letter> = word.letters.iter().filter(|letter| letter.is_arabic).collect();
    let carries = |(n, letter): &(usize, &&Letter)| {
        let is_long = *n > 0 && letter.hamza.is_none() && "اوىي".contains(letter.base);
        !is_long && *n + 1 < letters.len()
    };
    let carrying: Vec<_> = letters.iter().enumerate().filter(carries).map(|(_, l)| l).collect();
    let tells = |letter: &&&Letter| {
        let marks = letter.marks(sentence);
        !marks.is_empty() && !marks.vowel.is_some_and(Vowel::is_tanwin)
    };
    let marked = carrying.iter().copied().filter(tells).count();
    marked > 0 && marked * 2 >= carrying.len()
}

/// Letters of "عبدالعزيز" after which the model is shown a space: it reads the two names apart.
fn parts_after(bare: &str) -> Option<usize> {
    let rest = bare.strip_prefix("عبدال")?;
    (rest.chars().count() > 2).then_some(3)
}

/// Where the word begins behind "و", "ف" and the article: an alif there carries a vowel. Behind "ب", "ل" and "ك"
/// alone it is as a rule a long one ("باي", "كام").
fn stem_of(word: &Word) -> usize {
    let letters: Vec<(usize, &Letter)> =
        word.letters.iter().enumerate().filter(|(_, letter)| letter.is_arabic).collect();
    let is = |at: usize, c: char| {
        letters.get(at).is_some_and(|(_, letter)| letter.base == c && letter.hamza.is_none())
    };
    let mut at = 0;
    at += usize::from(is(at, 'و') || is(at, 'ف'));
    let article = at + usize::from(is(at, 'ب') || is(at, 'ك'));
    if is(article, 'ا') && is(article + 1, 'ل') && is(article + 2, 'ا') {
        at = article + 2;
    }
    letters.get(at).map_or(usize::MAX, |(n, _)| *n)
}

/// Whether the model reads the letter that is written. People leave out the hamza of a first alif.
fn agrees(letter: &Letter, marks: Marks, is_stem: bool) -> bool {
    let is_left_out = || {
        let is_hamza = marks.hamza.is_some_and(|hamza| is_hamza(hamza) && hamza != MADDA);
        is_stem && letter.base == 'ا' && letter.hamza.is_none() && is_hamza
    };
    // Madda leaves nothing to tell; the model leaves it out at times.
    let is_madda = letter.hamza == Some(MADDA) && marks.hamza.is_none();
    letter.hamza == marks.hamza || is_madda || is_left_out()
}

fn is_long_alif(letter: &Letter, is_stem: bool) -> bool {
    letter.base == 'ا' && letter.hamza.is_none() && !is_stem
}

/// People do not speak the case of a last word, but for "شكرًا" and "عادةً".
fn at_pause(letter: &Letter, marks: Marks) -> Marks {
    let mut marks = marks;
    match marks.vowel {
        None | Some(Vowel::Fathatan) => {}
        Some(_) => {
            let is_open = marks.shadda || "ةايىو".contains(letter.base);
            marks.vowel = (!is_open).then_some(Vowel::Sukun);
        }
    }
    marks
}

#[cfg(test)]
mod tests;
