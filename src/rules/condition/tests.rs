//! Conditions that hold, conditions that are refused, and conditions that try to break us.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

fn facts() -> CallFacts {
    let mut facts = CallFacts { interruptions: 2, hour: 14, ..CallFacts::default() };
    for _ in 0..3 {
        facts.caller_said("أبغى إلغاء البطاقة", "ar");
        facts.feel(-0.7);
    }
    facts.variables.insert("tier".into(), "gold".into());
    facts.variables.insert("orders".into(), 3.into());
    facts
}

#[test]
fn conditions_hold_over_the_facts() {
    for (source, holds) in [
        ("sentiment < -0.5 && turn > 2", true),
        ("sentiment < -0.5 && turn > 3", false),
        ("sentiment < 0", true),
        ("turn >= 2.5", true),
        ("said(\"الغاء البطاقه\")", true),
        ("said(\"الغاء البطا\")", false),
        ("said(\"\")", false),
        ("words.contains(\"إلغاء\") || asked_for_human", true),
        ("variables.tier == \"gold\"", true),
        ("variables[\"orders\"] > 2", true),
        ("\"tier\" in variables", true),
        ("has(variables.nothing)", false),
        ("has(variables.nothing) && variables.nothing == 1", false),
        ("language in [\"ar\", \"en\"]", true),
        ("hour < 8 || hour >= 17", false),
        ("event == \"turn\" ? interruptions == 2 : false", true),
        ("size(words) > 5 && !transferring", true),
        ("double(turn) * 0.5 >= 1.5", true),
        ("turn % 3 == 0", true),
    ] {
        let condition = Condition::compile(source).unwrap_or_else(|e| panic!("{source}: {e:?}"));
        assert_eq!(condition.holds(&facts()), Ok(holds), "{source}");
    }
}

#[test]
fn what_can_not_be_decided_says_so_and_breaks_nothing() {
    for source in [
        "variables.nothing == 1",
        "variables.tier > 5",
        "1 / (turn - 3) > 0",
        "variables.tier && true",
        "variables.orders",
        "9223372036854775807 + turn > 0",
        "int(words) > 3",
    ] {
        let condition = Condition::compile(source).unwrap_or_else(|e| panic!("{source}: {e:?}"));
        assert!(condition.holds(&facts()).is_err(), "{source}");
    }
}

#[track_caller]
fn check(sources: &[&str], expected: Expect) {
    let told = sources.iter().map(|source| {
        let error = Condition::compile(source).expect_err(source);
        let source: String = source.chars().take(40).collect();
        format!("{source}\n    {}: {}\n", error.at, error.message)
    });
    expected.assert_eq(&told.collect::<String>());
}

#[test]
fn mistakes_are_told_with_their_place_and_the_way_out() {
    check(
        &[
            "",
            "sentiment <",
            "sentimet < -0.5",
            "anger > 3",
            "sentiment < \"angry\"",
            "turn",
            "turn && asked_for_human",
            "words > 3",
            "turn + 0.5 > 2.0",
            "turn.count > 2",
            "variables == 3",
            "words.matches(\"a+\")",
            "[1, 2].exists(x, x == turn)",
            "language in [\"ar\", 3]",
            "language in \"ar\"",
            "{\"a\": 1}.a == turn",
            "shout()",
            "turn = 3",
            "turn > 2u",
            "asked_for_human == \"yes\"",
            "a.b.c.d",
        ],
        expect![[r#"

                0: empty; write when it holds, such as turn > 2
            sentiment <
                11: Syntax error: mismatched input '<EOF>'; write it like sentiment < -0.5 && turn > 2
            sentimet < -0.5
                0: there is no fact `sentimet`; did you mean `sentiment`?
            anger > 3
                0: there is no fact `anger`; did you mean `angry_turns`?
            sentiment < "angry"
                10: `<` does not go with a number and text; compare like with like
            turn
                0: a condition is true or false, and this is a whole number; compare it with something
            turn && asked_for_human
                5: `&&` takes true or false, and not a whole number; compare it first
            words > 3
                6: `>` does not go with text and a whole number; compare like with like
            turn + 0.5 > 2.0
                5: `+` takes two whole numbers or two with a point; write 2.0, or double(…)
            turn.count > 2
                4: `turn` has no parts; only variables.name has
            variables == 3
                10: `==` does not go with all variables and a whole number; compare like with like
            words.matches("a+")
                13: there is no function `matches`; known: said, size, contains, startsWith, endsWith, has, int, double, string
            [1, 2].exists(x, x == turn)
                13: rules have no loops (all, exists, map, filter); write it out
            language in ["ar", 3]
                19: a list with text in it takes no a whole number; make it one kind
            language in "ar"
                9: `in` does not go with text and text; compare like with like
            {"a": 1}.a == turn
                8: only variables have parts: variables.name
            shout()
                5: there is no function `shout`; known: said, size, contains, startsWith, endsWith, has, int, double, string
            turn = 3
                6: Syntax error: token recognition error at: '= '; compare with ==
            turn > 2u
                7: write the number without u
            asked_for_human == "yes"
                16: `==` does not go with true or false and text; compare like with like
            a.b.c.d
                5: only variables have parts: variables.name
        "#]],
    );
}

#[test]
fn huge_and_deep_conditions_are_refused_at_once() {
    let deep = |open: &str, close: &str, n: usize| {
        format!("{}turn > 2{}", open.repeat(n), close.repeat(n))
    };
    for source in [
        "turn > 2 && ".repeat(1_000) + "true",
        deep("(", ")", 10_000),
        deep("(", ")", 40),
        deep("!(", ")", 40),
        "!".repeat(400) + "asked_for_human",
        format!("{}1 > turn", "-".repeat(400)),
        "true ? ".repeat(60),
        deep("[", "]", 60),
        "é".repeat(100_000),
    ] {
        assert!(Condition::compile(&source).is_err(), "{}…", &source[..20]);
    }
    // As long as it may be.
    let chain = format!("{}true", "turn>2&&".repeat(60));
    assert_eq!(Condition::compile(&chain).unwrap().holds(&facts()), Ok(true));
    let chain = format!("{}1>0", "1+".repeat(240));
    let _ = Condition::compile(&chain);
}

proptest! {
    #[test]
    fn no_text_breaks_the_checker(source in "[a-z<>=!&|()\\[\\]{}?:.,+*/%\"' 0-9أب\n-]{0,80}") {
        if let Ok(condition) = Condition::compile(&source) {
            let _ = condition.holds(&facts());
        }
    }

    #[test]
    fn no_sum_of_known_words_breaks_the_checker(
        words in proptest::collection::vec(proptest::sample::select(vec![
            "turn", "words", "sentiment", "variables", ".", "tier", "(", ")", "[", "]", "\"x\"",
            "1", "0.5", "&&", "||", "!", "<", "==", "in", "said", "size", "has", "?", ":", "+", "/",
            "-", ",", "all", "map", "null", "b\"x\"", "1u", "{", "}",
        ]), 0..20)
    ) {
        if let Ok(condition) = Condition::compile(&words.join(" ")) {
            let _ = condition.holds(&facts());
        }
    }
}
