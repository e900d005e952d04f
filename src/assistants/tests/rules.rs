//! Rules in assistants' files: what they become, and how mistakes are told.

use super::*;
use crate::rules::{Action, TransferTo};

fn desk_with(rules: &str) -> String {
    format!("{DESK}{rules}")
}

#[track_caller]
fn check_rules(rules: &str, expected: Expect) {
    check_desk(&desk_with(rules), expected);
}

#[test]
fn rules_are_asked_by_priority_and_act_in_a_fixed_order() {
    let rules = r#"
[[rules]]
name = "late"
when = "duration_s > 600"
once = false
cooldown_turns = 5
say = { ar = "لدينا {{ fee }} دقائق.", en = "We have {{ fee }} minutes." }

[[rules]]
name = "angry"
when = """
sentiment < -0.5
  && turn > 2"""
priority = 10
transfer = { queue = "people", wait_s = 45 }
say.ar = "سأوصلك الآن."
say.en = "I connect you."
escalate = "angry twice"
set = { mood = "angry", points = 2, known = true }
webhook = { url = "https://crm.example.org/hook?key=1", payload = { kind = "angry" } }

[[rules]]
name = "other"
when = "said(\"sales\")"
hand_over = { assistant = "desk", with_history = false }
"#;
    let text = desk_with(rules);
    let dir = folder(&[("desk.toml", &text), DESK_FILES[1], DESK_FILES[2]]);
    let library = load(&dir).unwrap();
    let rules: Vec<_> = library.default().rules().iter().collect();
    let names: Vec<_> = rules.iter().map(|r| (r.name.as_str(), r.answer, r.once)).collect();
    assert_eq!(names, [("angry", false, true), ("late", false, false), ("other", true, true)]);
    let kinds: Vec<_> = rules[0].actions.iter().map(Action::kind).collect();
    assert_eq!(kinds, ["escalate", "set", "set", "set", "webhook", "transfer"]);
    let Some(Action::Transfer(transfer)) = rules[0].actions.last() else { panic!() };
    assert_eq!(transfer.to, TransferTo::Queue("people".into()));
    assert_eq!(transfer.wait.as_secs(), 45);
    assert_eq!(transfer.say.as_ref().unwrap().words("en"), "I connect you.");
    let [Action::Say(say)] = rules[1].actions.as_slice() else { panic!() };
    assert_eq!(say.words("ar"), "لدينا 5 دقائق.");
}

#[test]
fn mistakes_in_rules_are_told_with_their_line() {
    check_rules(
        r#"
[[rules]]
name = "typed wrong"
when = "sentimet < -0.5"
say = { ar = "x" }

[[rules]]
when = """
turn > 2
  && anger"""
priority = "high"
once = 1
tranfser = { queue = "people" }

[[rules]]
name = "both"
when = true
cooldown_turns = 3
end_call = true
transfer = { queue = "people", sip = "966112345678" }

[[rules]]
name = "both"
when = "turn > 1"
if = "x"
hand_over = { assistant = "dask" }
send_dtmf = "1 2"
webhook = { url = "ftp://x", paylaod = 3 }
set = { a = [1] }

[[rules]]
name = "nothing"
when = "turn > 1"
"#,
        expect![[r#"
            desk.toml:14: rules.name: "typed wrong": use small letters, digits, - and _, starting with a letter or digit
            desk.toml:15: rules.when: at character 1: there is no fact `sentimet`; did you mean `sentiment`?
            desk.toml:16: rules.say.en: is not there; each of the languages needs one
            desk.toml:18: rules.name: is not there; name the rule, such as "angry"
            desk.toml:18: rules.when: nothing is to be done; write one of say, transfer, hand_over, end_call, set, escalate, webhook, send_dtmf
            desk.toml:21: rules.when: at character 6: there is no fact `anger`; did you mean `angry_turns`?
            desk.toml:22: rules.priority: expected a whole number from -1000 to 1000, found a string
            desk.toml:23: rules.once: is true or false
            desk.toml:24: unknown key `rules.tranfser`; did you mean `rules.transfer`?
            desk.toml:26: rules.cooldown_turns: it fires once; write once = false beside it
            desk.toml:26: rules.transfer: only one of transfer, hand_over and end_call; make it two rules
            desk.toml:28: rules.when: expected text in quotes, found a boolean
            desk.toml:31: rules.transfer.queue: name where to: queue = "…" or sip = "tel:+966…"
            desk.toml:34: rules.name: "both" stands there twice
            desk.toml:36: rules.if: write the condition under `when`
            desk.toml:37: rules.hand_over.assistant: there is no assistant "dask"; did you mean "desk"?
            desk.toml:38: rules.send_dtmf: keys of a telephone are 0-9, *, # and A-D, such as "12#"
            desk.toml:39: rules.webhook.url: "ftp://x": a webhook starts with https:// (or http://127.0.0.1 on this machine)
            desk.toml:39: unknown key `rules.webhook.paylaod`; did you mean `rules.webhook.payload`?
            desk.toml:40: rules.set.a: a value is text, a number, true or false
            desk.toml:42: rules.when: nothing is to be done; write one of say, transfer, hand_over, end_call, set, escalate, webhook, send_dtmf
        "#]],
    );
    check_rules(
        "[rules]\nname = \"x\"\n",
        expect![[r#"
        desk.toml:12: rules: expected sections: write [[rules]] before each, found a table
    "#]],
    );
}

#[test]
fn huge_and_deep_conditions_are_findings_and_nothing_worse() {
    for when in [
        "(".repeat(5_000),
        "!".repeat(5_000) + "asked_for_human",
        "turn > 1 && ".repeat(2_000) + "true",
        "true ? ".repeat(3_000),
    ] {
        let rule = format!("[[rules]]\nname = \"deep\"\nend_call = true\nwhen = '{when}'\n");
        let dir = folder(&[("desk.toml", &desk_with(&rule)), DESK_FILES[1], DESK_FILES[2]]);
        let findings = load(&dir).expect_err("too much");
        assert!(findings.to_string().contains("rules.when"), "{findings}");
    }
    let many = "[[rules]]\nname = \"x\"\nwhen = \"turn > 1\"\nend_call = true\n".repeat(60);
    let dir = folder(&[("desk.toml", &desk_with(&many)), DESK_FILES[1], DESK_FILES[2]]);
    assert!(load(&dir).expect_err("too many").to_string().contains("at most 50"));
}
