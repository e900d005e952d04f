//! The languages that ears can be told to expect: those that Whisper's models name.

/// Their tags.
const TAGS: &str = "af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi \
    hr ht hu hy id is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc pa pl ps pt \
    ro ru sa sd si sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo yue zh";

/// What is wrong with `tag`; `None`: it is a language that callers can be heard in.
pub(crate) fn problem(tag: &str) -> Option<String> {
    if TAGS.split_whitespace().any(|known| known == tag) {
        return None;
    }
    // "eng", "ar-SA", "Arabic": those who write more than a tag begin with it.
    let start: String = tag.to_lowercase().chars().take(2).collect();
    let near = TAGS.split_whitespace().find(|known| *known == start);
    let near = near.map_or_else(
        || "write it like en or ar".to_owned(),
        |tag| format!("did you mean {tag:?}?"),
    );
    let tag: String = tag.chars().take(40).collect();
    Some(format!("{tag:?} is no language that callers can be heard in; {near}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_that_no_ear_knows_is_told_with_a_likely_one() {
        for tag in ["ar", "en", "fr", "yue", "haw"] {
            assert_eq!(problem(tag), None, "{tag}");
        }
        for (tag, near) in [
            ("eng", "\"en\""),
            ("ar-SA", "\"ar\""),
            ("Arabic", "\"ar\""),
            ("zz", "like en or ar"),
            ("", "like"),
        ] {
            assert!(problem(tag).unwrap().contains(near), "{tag}");
        }
    }
}
