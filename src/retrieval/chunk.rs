//! A document as passages: a few sentences each, under the headings that they stand below.

use serde::Serialize;

/// A passage is closed once it is longer, in characters.
const CHARS: usize = 500;

/// Longest passage: a line without end is cut.
const CHARS_MAX: usize = 900;

const TITLE_CHARS_MAX: usize = 120;

/// A passage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Passage {
    /// Its headings, or its document's name.
    pub title: String,
    /// Document and line, as in `fees.md:12`.
    pub place: String,
    /// Its words.
    pub text: String,
}

/// The passages of the document `name`.
pub(super) fn passages(name: &str, text: &str) -> Vec<Passage> {
    let mut chunker =
        Chunker { name, headings: Vec::new(), open: String::new(), line: 1, done: Vec::new() };
    for (number, line) in text.lines().enumerate() {
        chunker.take(number + 1, line.trim());
    }
    chunker.close();
    chunker.done
}

struct Chunker<'a> {
    name: &'a str,
    /// By level.
    headings: Vec<(usize, String)>,
    open: String,
    line: usize,
    done: Vec<Passage>,
}

impl Chunker<'_> {
    fn take(&mut self, number: usize, line: &str) {
        let level = line.bytes().take_while(|b| *b == b'#').count();
        if (1..=6).contains(&level) && line[level..].starts_with(' ') {
            self.close();
            self.headings.retain(|(other, _)| *other < level);
            self.headings.push((level, line[level..].trim().to_owned()));
            return;
        }
        if line.is_empty() {
            // A paragraph ends; short ones stay together.
            if self.open.chars().count() > CHARS / 2 {
                self.close();
            }
            return;
        }
        // The lines that make a table or a picture say nothing.
        if line.chars().all(|c| "-=|:+*_ ".contains(c)) {
            return;
        }
        for word in line.split_whitespace() {
            let length = self.open.chars().count();
            let sentence = self.open.ends_with(['.', '!', '?', '؟', '。', '۔']);
            if length > CHARS_MAX || (length > CHARS && sentence) {
                self.close();
            }
            if self.open.is_empty() {
                self.line = number;
            } else {
                self.open.push(' ');
            }
            self.open.extend(word.chars().take(CHARS_MAX));
        }
    }

    fn close(&mut self) {
        let text = std::mem::take(&mut self.open);
        if text.chars().any(char::is_alphanumeric) {
            let headings = self.headings.iter().map(|(_, heading)| heading.as_str());
            let headings = headings.collect::<Vec<_>>().join(" › ");
            let title = if headings.is_empty() { self.name } else { &headings };
            let title = title.chars().take(TITLE_CHARS_MAX).collect();
            self.done.push(Passage { title, place: format!("{}:{}", self.name, self.line), text });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passages_stand_under_their_headings_at_their_lines() {
        let text = "# Fees\nintro\n\n## Cards\n\n| a | b |\n|---|---|\nA card costs 30.\n# Hours\nNine to four.\n";
        let found: Vec<String> = passages("bank.md", text)
            .into_iter()
            .map(|p| format!("{} | {} | {}", p.place, p.title, p.text))
            .collect();
        assert_eq!(
            found,
            [
                "bank.md:2 | Fees | intro",
                "bank.md:6 | Fees › Cards | | a | b | A card costs 30.",
                "bank.md:10 | Hours | Nine to four.",
            ]
        );
    }

    #[test]
    fn passages_are_bounded() {
        for text in ["x ".repeat(5_000), "y".repeat(50_000), "A sentence. ".repeat(500)] {
            let found = passages("x", &text);
            assert!(!found.is_empty());
            assert!(found.iter().all(|p| p.text.chars().count() <= 2 * CHARS_MAX + 1));
        }
    }
}
