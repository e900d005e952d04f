//! Finds the call of a tool in what a model writes.
//!
//! Text that might be the beginning of a call is held until it is known not to be one, and nothing
//! of a call is ever text. Does not know whether the call is right: the grammar sees to that.

/// What calls begin with. The first is what models are taught; the others are what small ones write
/// in its place.
const BEGINNINGS: &[&str] = &["<tool_call>", "<tools>", "```json"];

/// The beginning of a call that a prompt ends in where the model has to call something.
pub(crate) const CALL_BEGUN: &str = "<tool_call>\n";

#[derive(Debug, Default)]
pub(crate) struct CallFilter {
    held: String,
    /// Something that is not blank has passed.
    said_anything: bool,
    in_call: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) text: String,
    /// A call has begun; this much of it was written with its beginning.
    pub(crate) call: Option<String>,
}

impl CallFilter {
    /// For a reply whose prompt ends in [`CALL_BEGUN`].
    pub(crate) fn begun() -> Self {
        Self { in_call: true, ..Self::default() }
    }

    pub(crate) fn in_call(&self) -> bool {
        self.in_call
    }

    /// Before a call begins: what of the text is known to be none.
    pub(crate) fn push(&mut self, text: &str) -> Passed {
        debug_assert!(!self.in_call, "the call's own text goes to `push_call`");
        self.held.push_str(text);
        let marked = BEGINNINGS.iter().filter_map(|b| Some((self.held.find(b)?, b.len())));
        let bare = || {
            // Without a mark a call is what the whole reply is.
            let at = self.held.len() - self.held.trim_start().len();
            (!self.said_anything && self.held[at..].starts_with('{')).then_some((at, 0))
        };
        if let Some((at, length)) = marked.min().or_else(bare) {
            let call = self.held.split_off(at + length);
            self.held.truncate(at);
            self.in_call = true;
            let text = std::mem::replace(&mut self.held, call.clone());
            return Passed { text, call: Some(call) };
        }
        let keep_from = self
            .held
            .char_indices()
            .map(|(at, _)| at)
            .find(|at| BEGINNINGS.iter().any(|b| b.starts_with(&self.held[*at..])))
            .unwrap_or(self.held.len());
        let kept = self.held.split_off(keep_from);
        let text = std::mem::replace(&mut self.held, kept);
        self.said_anything |= !text.trim().is_empty();
        Passed { text, call: None }
    }

    /// The next piece of the call. Name and arguments when it is whole.
    pub(crate) fn push_call(&mut self, text: &str) -> Option<(String, String)> {
        self.held.push_str(text);
        if !self.held.contains('}') {
            return None;
        }
        let call: serde_json::Value = serde_json::from_str(self.held.trim()).ok()?;
        let name = call.get("name")?.as_str()?.to_owned();
        let arguments = call.get("arguments").filter(|arguments| arguments.is_object())?;
        Some((name, arguments.to_string()))
    }

    /// The reply ended: what was held is text after all, and half a call is nothing.
    pub(crate) fn finish(&mut self) -> String {
        let held = std::mem::take(&mut self.held);
        if self.in_call { String::new() } else { held }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text and call of a reply that comes in these pieces.
    fn read(pieces: &[&str]) -> (String, Option<(String, String)>) {
        let mut filter = CallFilter::default();
        let mut text = String::new();
        for piece in pieces {
            let call = if filter.in_call() {
                filter.push_call(piece)
            } else {
                let passed = filter.push(piece);
                text += &passed.text;
                if passed.call.is_some() { filter.push_call("") } else { None }
            };
            if call.is_some() {
                return (text, call);
            }
        }
        (text + &filter.finish(), None)
    }

    fn call(name: &str, arguments: &str) -> Option<(String, String)> {
        Some((name.into(), arguments.into()))
    }

    #[test]
    fn a_call_is_never_text() {
        let want = call("fee", r#"{"of":"a } b"}"#);
        let json = [r#"{"name": "fee", "#, r#""arguments": {"of": "a }"#, r#" b"}"#, "}"];
        let marked: Vec<_> =
            ["Let me see. <tool", "_call>", "\n"].into_iter().chain(json).collect();
        assert_eq!(read(&marked), ("Let me see. ".into(), want.clone()));
        assert_eq!(read(&[&["\n "], json.as_slice()].concat()), ("\n ".into(), want.clone()));
        assert_eq!(read(&[&["```", "json\n"], json.as_slice()].concat()), (String::new(), want));
    }

    #[test]
    fn half_a_call_is_nothing_and_what_only_looks_like_one_is_text() {
        assert_eq!(read(&["<tool_call>", "{\"name\": \"fee\""]), (String::new(), None));
        assert_eq!(read(&["<tool", "box> costs {five}"]).0, "<toolbox> costs {five}");
        assert_eq!(read(&["It is <"]).0, "It is <");
        assert_eq!(read(&["<tool_call>{\"name\": 1, \"arguments\": {}}"]), (String::new(), None));
    }

    proptest::proptest! {
        #[test]
        fn any_pieces_are_taken(pieces in proptest::collection::vec(
            r#"(<tool_call>|<tool|_call>|```|json|\{|\}|"name"|:|"|[a-zء-ي ]|\n){0,6}"#, 0..12)) {
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            let (text, _) = read(&pieces);
            proptest::prop_assert!(!text.contains("<tool_call>"));
        }
    }
}
