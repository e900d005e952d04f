//! How tests of assistants went: a table for people, JSON and JUnit's XML for machines.

use std::fmt::Write as _;

use serde::Serialize;

use crate::assistants::AssistantVersion;
use crate::assistants::script::Unmet;
use crate::call::Conclusion;

/// All test files.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    pub(super) files: Vec<FileOutcome>,
    pub(super) turns: usize,
    pub(super) failed: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct FileOutcome {
    pub(super) file: String,
    pub(super) assistant: AssistantVersion,
    /// What answered.
    pub(super) engine: String,
    pub(super) conversations: Vec<ConversationOutcome>,
}

#[derive(Debug, Serialize)]
pub(super) struct ConversationOutcome {
    pub(super) name: String,
    pub(super) turns: Vec<TurnOutcome>,
    /// What it came to, where that was asked for; shown and not judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) record: Option<Conclusion>,
}

#[derive(Debug, Serialize)]
pub(super) struct TurnOutcome {
    pub(super) line: usize,
    pub(super) say: String,
    /// What was heard of it, where it was spoken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) heard: Option<String>,
    pub(super) reply: String,
    pub(super) unmet: Vec<Unmet>,
}

impl Outcome {
    pub(super) fn new(files: Vec<FileOutcome>) -> Self {
        let all = || files.iter().flat_map(|f| &f.conversations).flat_map(|c| &c.turns);
        let (turns, failed) = (all().count(), all().filter(|t| !t.unmet.is_empty()).count());
        Self { files, turns, failed }
    }

    pub(super) fn table(&self) -> String {
        let mut out = String::new();
        for file in &self.files {
            let AssistantVersion { name, version } = &file.assistant;
            let _ = writeln!(out, "{} · {name} {version} · {}", file.file, file.engine);
            for conversation in &file.conversations {
                let _ = writeln!(out, "\n  {}", conversation.name);
                for turn in &conversation.turns {
                    let mark = if turn.unmet.is_empty() { "pass" } else { "FAIL" };
                    let _ = writeln!(out, "    {mark}  caller  {}", turn.say);
                    if let Some(heard) = turn.heard.as_ref().filter(|heard| **heard != turn.say) {
                        let _ = writeln!(out, "          heard   {heard}");
                    }
                    let _ = writeln!(out, "          agent   {}", turn.reply);
                    for Unmet(unmet) in &turn.unmet {
                        let _ = writeln!(out, "          line {}: the answer {unmet}", turn.line);
                    }
                }
                conversation.record.iter().for_each(|record| show(record, &mut out));
            }
            out.push('\n');
        }
        let passed = self.turns - self.failed;
        let _ = writeln!(out, "{passed} of {} turns passed", self.turns);
        // Nobody's words may steer the terminal.
        out.replace(|c: char| c.is_control() && c != '\n', " ")
    }

    pub(super) fn junit(&self) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let _ = writeln!(out, "<testsuites tests=\"{}\" failures=\"{}\">", self.turns, self.failed);
        for file in &self.files {
            let turns = || file.conversations.iter().flat_map(|c| &c.turns);
            let failed = turns().filter(|turn| !turn.unmet.is_empty()).count();
            let (name, tests) = (xml(&file.file), turns().count());
            let _ = writeln!(
                out,
                "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failed}\">"
            );
            for conversation in &file.conversations {
                for (n, turn) in conversation.turns.iter().enumerate() {
                    let case = xml(&format!("{} {}: {}", conversation.name, n + 1, turn.say));
                    let class = xml(&file.assistant.name);
                    let _ = write!(out, "    <testcase classname=\"{class}\" name=\"{case}\"");
                    if turn.unmet.is_empty() {
                        out.push_str("/>\n");
                        continue;
                    }
                    let why: Vec<_> = turn.unmet.iter().map(|Unmet(why)| why.as_str()).collect();
                    let (why, reply) = (xml(&why.join("; ")), xml(&turn.reply));
                    let _ = writeln!(
                        out,
                        "><failure message=\"the answer {why}\">{reply}</failure></testcase>"
                    );
                }
            }
            out.push_str("  </testsuite>\n");
        }
        out.push_str("</testsuites>\n");
        out
    }
}

fn show(record: &Conclusion, out: &mut String) {
    if let Some(summary) = &record.summary {
        let _ = writeln!(out, "    record  {summary}");
    }
    for (name, value) in record.outcome.iter().flat_map(|outcome| &outcome.values) {
        let _ = writeln!(out, "    record  {name} = {value}");
    }
    for (name, problem) in record.outcome.iter().flat_map(|outcome| &outcome.problems) {
        let _ = writeln!(out, "            {name}: {problem}");
    }
}

/// XML has no form at all for most control characters.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_and_xml_say_what_failed() {
        let turn = |unmet: &[&str]| TurnOutcome {
            line: 7,
            say: "Is 1 < 2?".into(),
            heard: Some("Is one less?".into()),
            reply: "\"Yes\"\u{7}".into(),
            unmet: unmet.iter().map(|&why| Unmet(why.into())).collect(),
        };
        let conversations = vec![ConversationOutcome {
            name: "sums".into(),
            turns: vec![turn(&[]), turn(&["is empty"])],
            record: None,
        }];
        let assistant = AssistantVersion {
            name: "bank".into(),
            version: crate::assistants::Version::of_test("abc"),
        };
        let file = FileOutcome {
            file: "a.test.toml".into(),
            assistant,
            engine: "none".into(),
            conversations,
        };
        let outcome = Outcome::new(vec![file]);
        expect_test::expect![[r#"
            a.test.toml · bank abc · none

              sums
                pass  caller  Is 1 < 2?
                      heard   Is one less?
                      agent   "Yes" 
                FAIL  caller  Is 1 < 2?
                      heard   Is one less?
                      agent   "Yes" 
                      line 7: the answer is empty

            1 of 2 turns passed
        "#]]
        .assert_eq(&outcome.table());
        expect_test::expect![[r#"
            <?xml version="1.0" encoding="UTF-8"?>
            <testsuites tests="2" failures="1">
              <testsuite name="a.test.toml" tests="2" failures="1">
                <testcase classname="bank" name="sums 1: Is 1 &lt; 2?"/>
                <testcase classname="bank" name="sums 2: Is 1 &lt; 2?"><failure message="the answer is empty">&quot;Yes&quot; </failure></testcase>
              </testsuite>
            </testsuites>
        "#]].assert_eq(&outcome.junit());
    }
}
