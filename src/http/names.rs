//! Rooms, identities and texts that come from outside: what we accept, and what we make ourselves.

use rand::RngExt as _;
use unicode_normalization::char::is_combining_mark;

use super::error::Problem;

const NAME_CHARS_MAX: usize = 64;

/// A room name of ours: nobody can guess it.
pub(super) fn new_room() -> String {
    format!("call-{}", random_id())
}

/// A caller's identity of ours: no other participant has it, so nobody is evicted by it.
pub(super) fn new_identity() -> String {
    format!("caller-{}", random_id())
}

fn random_id() -> String {
    let bytes: [u8; 16] = rand::rng().random();
    hex::encode(bytes)
}

/// Accepts a room or an identity: letters and digits of any script, and `- _ . : @ +`.
pub(super) fn id(field: &str, value: String) -> Result<String, Problem> {
    let fits = |c: char| c.is_alphanumeric() || is_combining_mark(c) || "-_.:@+".contains(c);
    let chars = value.chars().count();
    if chars == 0 || chars > NAME_CHARS_MAX {
        let detail = format!("has {chars} characters; use 1 to {NAME_CHARS_MAX}");
        return Err(Problem::field(field, detail));
    }
    if let Some(c) = value.chars().find(|c| !fits(*c)) {
        let detail = format!("holds {c:?}; use letters, digits and - _ . : @ +");
        return Err(Problem::field(field, detail));
    }
    Ok(value)
}

/// Accepts a caller's identity: an id that is no agent's.
pub(super) fn identity(field: &str, value: String) -> Result<String, Problem> {
    let value = id(field, value)?;
    // LiveKit lets the newcomer evict a participant of the same identity.
    if value.starts_with("agent-") {
        return Err(Problem::field(field, "starts with \"agent-\", which is for agents"));
    }
    Ok(value)
}

/// Accepts a name for people: one line, no control or direction-changing characters.
pub(super) fn display_name(field: &str, value: String) -> Result<String, Problem> {
    if value.chars().count() > NAME_CHARS_MAX {
        return Err(Problem::field(field, format!("is longer than {NAME_CHARS_MAX} characters")));
    }
    if value.chars().any(is_deceptive) {
        return Err(Problem::field(field, "holds control or direction-changing characters"));
    }
    Ok(value)
}

/// Accepts free text up to `bytes_max`.
pub(super) fn text(field: &str, value: String, bytes_max: usize) -> Result<String, Problem> {
    if value.len() > bytes_max {
        let detail = format!("has {} bytes; use at most {bytes_max}", value.len());
        return Err(Problem::field(field, detail));
    }
    Ok(value)
}

fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}' | '\u{feff}')
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_letters_and_digits_of_any_script() {
        for good in ["room-1", "غرفة-٣", "a.b_c:d@e+f", "مُحَمَّد", &"x".repeat(64)] {
            assert!(id("room", good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["", " ", "a b", "a/b", "../x", "a\0", "a\u{202e}b", "<b>", &"x".repeat(65)] {
            assert!(id("room", bad.to_owned()).is_err(), "{bad:?}");
        }
        assert!(identity("i", "agent-AJ_1".into()).is_err());
    }

    #[test]
    fn names_may_have_spaces_but_deceive_nobody() {
        assert!(display_name("n", "محمد بن سلمى".into()).is_ok());
        for bad in ["a\nb", "a\u{202e}b", "a\u{2067}b", "\u{1b}[31m", &"x".repeat(65)] {
            assert!(display_name("n", bad.to_owned()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn our_own_ids_are_accepted_and_differ() {
        assert_ne!(new_room(), new_room());
        assert!(id("room", new_room()).is_ok());
        assert!(identity("identity", new_identity()).is_ok());
    }
}
