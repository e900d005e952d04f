//! What of a model's text can be spoken: no markup, no emoji, no control characters.

/// `text` without what a voice would stumble over. Empty when nothing is left to say.
pub fn speakable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '*' | '`' | '#' | '_' | '~' | '|' | '<' | '>' | '[' | ']' | '{' | '}' | '\\' => {
                out.push(' ');
            }
            c if c.is_control() || is_invisible(c) || is_pictograph(c) => out.push(' '),
            c => out.push(c),
        }
    }
    let spoken = out.split_whitespace().collect::<Vec<_>>().join(" ");
    if spoken.chars().any(char::is_alphanumeric) { spoken } else { String::new() }
}

/// Marks that change direction or join letters, and the byte order mark. The zero-width
/// non-joiner stays: Persian and Urdu words need it.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffd}' | '\u{e0000}'..='\u{e007f}')
}

fn is_pictograph(c: char) -> bool {
    matches!(c, '\u{1f000}'..='\u{1faff}' | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}'
        | '\u{fe00}'..='\u{fe0f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_emoji_and_controls_are_not_spoken() {
        assert_eq!(speakable("**Hello** `there` 🙂"), "Hello there");
        assert_eq!(speakable("# مرحبا\u{202e} بك\0"), "مرحبا بك");
        assert_eq!(speakable("🙂 ---"), "");
        assert_eq!(speakable(""), "");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_taken(text in ".{0,300}") {
            let spoken = speakable(&text);
            proptest::prop_assert!(!spoken.chars().any(char::is_control));
        }
    }
}
