//! What of a model's text is meant to be read at all: no markup, emoji, controls or code blocks. The
//! rest is the *written* text, which captions and history keep. Works on one piece of text; a code
//! block that is cut in two by a clause is not recognised.

/// Longest link text and address that are looked for.
const LINK_CHARS_MAX: usize = 2_000;

/// Longest tag of HTML.
const TAG_CHARS_MAX: usize = 80;

/// `text` as it is to be read: white space single, markup gone. Empty when no letter or digit is left.
pub fn written(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_code = false;
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with("```") || line.starts_with("~~~") {
            // A block within one line ("```x```") is spoken as inline code.
            let closes = line.len() > 3 && line[3..].contains("```");
            if !closes {
                in_code = !in_code;
                continue;
            }
        }
        if !in_code && !is_rule(line) {
            out.push(' ');
            inline(without_bullet(line), &mut out);
        }
    }
    let words = out.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().any(char::is_alphanumeric) { words } else { String::new() }
}

/// "---", "***", "|---|:--|".
fn is_rule(line: &str) -> bool {
    line.len() >= 3 && line.chars().all(|c| matches!(c, '-' | '*' | '_' | '=' | '|' | ':' | ' '))
}

/// Without what opens a heading, a list item or a quotation.
fn without_bullet(line: &str) -> &str {
    let line = line.trim_start_matches(['>', ' ']);
    let heading = line.trim_start_matches('#');
    if heading.len() < line.len() && (heading.is_empty() || heading.starts_with(' ')) {
        return heading.trim_start();
    }
    let bullets = ["- [ ] ", "- [x] ", "- ", "* ", "+ ", "• ", "‣ ", "◦ "];
    bullets.iter().find_map(|bullet| line.strip_prefix(bullet)).unwrap_or(line)
}

fn inline(line: &str, out: &mut String) {
    let mut at = 0;
    // A "]" behind this one closes nothing: looked for once.
    let mut hopeless_from = usize::MAX;
    while let Some(c) = line[at..].chars().next() {
        let rest = &line[at..];
        let next = at + c.len_utf8();
        match c {
            '!' if rest.starts_with("![") => {}
            '[' if at < hopeless_from => match link(rest) {
                Some((text, length)) => {
                    // Links do not nest: what stands within needs no more than its marks dropped.
                    text.chars().for_each(|c| plain(c, out));
                    at += length;
                    continue;
                }
                None if !rest.contains("](") => hopeless_from = at,
                None => {}
            },
            '<' => {
                if let Some(length) = tag(rest) {
                    out.push(' ');
                    at += length;
                    continue;
                }
            }
            '&' => {
                if let Some((said, length)) = entity(rest) {
                    out.push_str(said);
                    at += length;
                    continue;
                }
                out.push('&');
            }
            '*' => {
                let run = rest.len() - rest.trim_start_matches('*').len();
                let after = rest[run..].trim_start();
                // "****1234" is a card; "**1234**" is bold.
                let digits = after.trim_start_matches(char::is_numeric);
                let is_mask = digits.len() < after.len() && !digits.starts_with('*') && run >= 2;
                let is_times = rest[run..].starts_with(' ') && out.ends_with(' ') && run == 1;
                // "5*3", and codes that are dialled: "*100*5#".
                let digit_follows = rest[run..].starts_with(char::is_numeric);
                let word = rest.split_whitespace().next().unwrap_or_default();
                let is_dialled = digit_follows && word.ends_with('#');
                let in_number = digit_follows && out.ends_with(char::is_numeric);
                if is_mask {
                    out.push_str(&rest[..run]);
                } else if is_times || run == 1 && (is_dialled || in_number) {
                    out.push('*');
                }
                at += run;
                continue;
            }
            '_' | '~' => {
                // Within a word it is part of a name.
                let in_word = out.ends_with(char::is_alphanumeric)
                    && line[next..].starts_with(char::is_alphanumeric);
                if in_word {
                    out.push(c);
                }
            }
            '|' => {
                // A cell ends: a pause, where words stand on both sides.
                let before = out.trim_end().len();
                let has_words = out[..before].ends_with(char::is_alphanumeric)
                    && !out[..before].is_empty()
                    && line[next..].chars().take(40).any(char::is_alphanumeric);
                if has_words && line.starts_with('|') == line[..at].contains('|') {
                    out.truncate(before);
                    out.push(',');
                }
                out.push(' ');
            }
            c => plain(c, out),
        }
        at = next;
    }
}

fn plain(c: char, out: &mut String) {
    match c {
        '`' | '[' | ']' | '{' | '}' | '\\' | '^' => out.push(' '),
        // No space: direction marks stand within numbers and words.
        c if is_invisible(c) => {}
        c if c.is_control() || is_pictograph(c) || c == '\u{fffd}' => out.push(' '),
        c => out.push(c),
    }
}

/// The text of "[text](address)" and the length of it all.
fn link(rest: &str) -> Option<(&str, usize)> {
    let head = &rest[..rest.floor_char_boundary(LINK_CHARS_MAX)];
    let close = head.find(']')?;
    let after = &rest[close + 1..];
    let after = &after[..after.floor_char_boundary(LINK_CHARS_MAX)];
    let end = after.strip_prefix('(')?.find(')')?;
    Some((&rest[1..close], close + 1 + 1 + end + 1))
}

/// The length of a tag: "<br>", "</b>".
fn tag(rest: &str) -> Option<usize> {
    let starts = rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!');
    let head = &rest[..rest.floor_char_boundary(TAG_CHARS_MAX)];
    let end = head.find('>')?;
    // "<https://example.com>" is an address; a comparison has spaces.
    let is_address = head[..end].contains("://") || head[..end].contains('@');
    (starts && !is_address).then_some(end + 1)
}

fn entity(rest: &str) -> Option<(&'static str, usize)> {
    const ENTITIES: &[(&str, &str)] = &[
        ("&nbsp;", " "),
        ("&amp;", "&"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
    ];
    let (entity, said) = ENTITIES.iter().find(|(entity, _)| rest.starts_with(entity))?;
    Some((said, entity.len()))
}

/// Marks that change direction or join letters, and the byte order mark. The zero-width non-joiner
/// stays: Persian and Urdu words need it.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{200d}' | '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{ad}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffc}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{20e3}' | '\u{e0000}'..='\u{e01ef}')
}

fn is_pictograph(c: char) -> bool {
    matches!(c, '\u{1f000}'..='\u{1faff}' | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}'
        | '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{23ff}' | '\u{25a0}'..='\u{25ff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(written(text), expected);
    }

    #[test]
    fn markup_emoji_and_controls_are_not_read() {
        check("**Hello** `there` 🙂", "Hello there");
        check("# مرحبا\u{202e} بك\0", "مرحبا بك");
        check("🙂 ---", "");
        check("", "");
        check("- first\n- second", "first second");
        check("| a | b |\n|---|---|\n| 1 | 2 |", "a, b 1, 2");
        check("Line<br>break &amp; more", "Line break & more");
        check("before\n```rust\nlet x = 1;\n```\nafter", "before after");
        check("5 * 3", "5 * 3");
        check("5*3", "5*3");
        check("dial *100*5# or *123#", "dial *100*5# or *123#");
    }

    #[test]
    fn links_keep_their_words_and_addresses_stay_whole() {
        check("See [our page](https://example.com/a_b) now", "See our page now");
        check("![logo](x.png) hello", "logo hello");
        check("write to first_last@example.com", "write to first_last@example.com");
        check("[[[[ not a link", "not a link");
    }

    #[test]
    fn masked_cards_stay_and_bold_numbers_do_not() {
        check("card ****1234 is", "card ****1234 is");
        check("pay **1234** now", "pay 1234 now");
    }

    #[test]
    fn direction_marks_do_not_split_numbers() {
        check("\u{200f}1\u{200e}500\u{200f} ريال", "1500 ريال");
    }
}
