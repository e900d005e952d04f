//! Assistants read from folders that a test writes: what is right, what is wrong and how that is
//! said, and what becomes of running calls when files change.

mod reload;
mod remote;
mod rules;
mod tools;

use std::fs;
use std::path::Path;

use expect_test::{Expect, expect};
use tempfile::TempDir;

use super::*;

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        write(dir.path(), name, text);
    }
    dir
}

fn write(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn voices() -> Voices {
    Voices::named(["en_US-joe-medium", "ar_JO-kareem-medium"])
}

fn load(dir: &TempDir) -> Result<Library, Findings> {
    Library::load(&Folder::Disk(dir.path().to_owned()), &Config::default(), &voices())
}

/// The findings, with paths from the folder on.
#[track_caller]
fn check(files: &[(&str, &str)], expected: Expect) {
    let dir = folder(files);
    let findings = load(&dir).expect_err("something is wrong");
    let lines: Vec<_> = findings.0.iter().map(ToString::to_string).collect();
    let prefix = format!("{}/", dir.path().display());
    expected.assert_eq(&(lines.join("\n").replace(&prefix, "") + "\n"));
}

const DESK: &str = r#"
languages = ["ar", "en"]
[variables]
shop = { ar = "المتجر", en = "The Shop" }
fee = 5
[prompt]
ar = "desk/ar.md"
en = "desk/en.md"
[welcome]
ar = "أهلًا بك في {{ shop }}."
en = "Welcome to {{ shop }}."
"#;

const DESK_FILES: [(&str, &str); 3] = [
    ("desk.toml", DESK),
    ("desk/ar.md", "أنت موظف {{ shop }}. الرسوم {{ fee }}."),
    ("desk/en.md", "You work at {{ shop }}. The fee is {{ fee }}.\n"),
];

/// The desk with `text` in place of its file.
#[track_caller]
fn check_desk(text: &str, expected: Expect) {
    check(&[("desk.toml", text), DESK_FILES[1], DESK_FILES[2]], expected);
}

#[test]
fn an_assistant_is_a_configuration_for_each_of_its_languages() {
    let more = "[limits]\nturns_max = 9\n[turn]\nendpointing_ms = 700\n[voices]\nar = \"ar_JO-kareem-medium\"\n";
    let text = format!("speech_speed = 0.9\nlanguage_policy = \"stay\"\n{DESK}{more}");
    let dir = folder(&[("desk.toml", &text), DESK_FILES[1], DESK_FILES[2]]);
    let library = load(&dir).unwrap();
    let desk = library.default();
    assert_eq!((desk.name(), desk.title()), ("desk", "desk"));
    let (ar, en) = (desk.config("ar"), desk.config("en"));
    assert_eq!(
        (ar.agent.language_policy.as_str(), en.agent.language_policy.as_str()),
        ("stay", "stay")
    );
    assert_eq!(ar.agent.welcome, "أهلًا بك في المتجر.");
    assert_eq!(ar.agent.goodbye, "مع السلامة.");
    assert_eq!(ar.agent.languages, ["ar", "en"]);
    assert_eq!(en.agent.languages, ["en", "ar"]);
    assert_eq!(en.agent.system_prompt, "You work at The Shop. The fee is 5.");
    assert_eq!(en.agent.goodbye, Config::default().agent.goodbye);
    assert_eq!((en.turn.endpointing_ms, en.agent.turns_max, en.tts.speed), (700, 9, 0.9));
    assert_eq!(en.voice_for("ar"), "ar_JO-kareem-medium");
    assert_eq!(en.voice_for("en"), "en_US-joe-medium");
    assert!(std::sync::Arc::ptr_eq(desk.config("fr"), ar), "its own language");
}

#[test]
fn a_consent_line_comes_before_the_welcome() {
    let text = format!("{DESK}[consent]\nar = \"تُسجَّل المكالمة.\"\nen = \"We record this.\"\n");
    let dir = folder(&[("desk.toml", &text), DESK_FILES[1], DESK_FILES[2]]);
    let welcome = load(&dir).unwrap().default().config("en").agent.opening();
    assert_eq!(welcome, "We record this. Welcome to The Shop.");
}

#[test]
fn wrong_keys_types_and_values_are_told_in_one_go() {
    let text = r#"
languages = ["ar", "en"]
welcom = 3
speech_speed = 9
name = ["x"]
[prompt]
ar = "desk/ra.md"
en = "../secret.md"
fr = "desk/en.md"
[welcome]
ar = 7
[goodbye]
en = "Bye, {{ nam }}"
[variables]
name = "Ali"
"no word" = 1
when = 1979-05-27
hours = { en = "nine to five" }
[voices]
ar = "ar_JO-karim-medium"
en = "espeak-english"
eng = "espeak-en"
[limits]
call_max_s = 2
reply_token_max = 5
[turn]
endpointing_ms = "soon"
endpointing_ms_max = 20
detector_threads = 2
[llm]
model = "other"
temperature = 5
[engines]
llm = "huge-model"
[[tools]]
name = "book"
"#;
    check_desk(
        text,
        expect![[r#"
            desk.toml:3: unknown key `welcom`; did you mean `welcome`?
            desk.toml:4: speech_speed: 9 is out of range; it must be from 0.5 to 2
            desk.toml:5: name: expected text in quotes, found an array
            desk.toml:7: prompt.ar: there is no file "desk/ra.md"; did you mean "desk/ar.md"?
            desk.toml:8: prompt.en: "../secret.md" is not inside the folder of the assistants; put the file there
            desk.toml:9: prompt.fr: is none of the languages; languages = ["ar", "en"]
            desk.toml:10: welcome.en: is not there; each of the languages needs one
            desk.toml:11: welcome.ar: expected text in quotes, found an integer
            desk.toml:12: goodbye.ar: is not there; each of the languages needs one
            desk.toml:13: goodbye.en: unknown variable "nam"; did you mean `name`?
            desk.toml:16: variables.no word: a variable is a word of letters, digits and _, and not `language`
            desk.toml:17: variables.when: expected text, a number, true or false, or a text for each language such as { ar = "…", en = "…" }, found a datetime
            desk.toml:18: variables.hours.ar: is not there; each language needs one
            desk.toml:20: voices.ar: the voice "ar_JO-karim-medium" is not installed; `sawt models list` has what is; did you mean "ar_JO-kareem-medium"?
            desk.toml:21: voices.en: the voice "espeak-english" is no voice of espeak-ng; write it with a language's tag, as in "espeak-ar"
            desk.toml:22: voices.eng: is none of the languages; did you mean `voices.en`?
            desk.toml:24: limits.call_max_s: 2 is out of range; it must be from 5 to 86400
            desk.toml:25: unknown key `limits.reply_token_max`; did you mean `limits.reply_tokens_max`?
            desk.toml:27: turn.endpointing_ms: expected a whole number from 0 to 4294967295, found "soon"
            desk.toml:28: turn.endpointing_ms_max: 20 is out of range; it must be from 50 to 10000
            desk.toml:28: turn.endpointing_ms_max: less than turn.endpointing_ms_min, which is 450; raise this or lower that
            desk.toml:29: turn.detector_threads: belongs to the machine, not to a call: set it in sawt.toml
            desk.toml:31: llm.model: one model serves all assistants: set it in sawt.toml, and name it under [engines] where this assistant needs it
            desk.toml:32: llm.temperature: 5 is out of range; it must be from 0 to 2
            desk.toml:34: engines.llm: this assistant was written for huge-model, and the site runs qwen2.5-coder-0.5b-instruct; set llm.model in sawt.toml, or add "qwen2.5-coder-0.5b-instruct" here
            desk.toml:35: tools.kind: is one of table, http, message, search, transfer, end_call, dtmf, mcp
        "#]],
    );
}

#[test]
fn lexicon_fillers_and_language_policy_are_laid_over_the_sites() {
    let more = "[lexicon]\nSTC = \"our own\"\n[fillers]\nen = \"Let me look. | A moment.\"\n";
    let text = format!("{DESK}{more}");
    let dir = folder(&[("desk.toml", &text), DESK_FILES[1], DESK_FILES[2]]);
    let mut site = Config::default();
    site.tts.lexicon =
        [("STC", "the site's"), ("POS", "till")].map(|(a, b)| (a.into(), b.into())).into();
    let library = Library::load(&Folder::Disk(dir.path().to_owned()), &site, &voices()).unwrap();
    let desk = library.default().config("en");
    let lexicon: Vec<_> = desk.tts.lexicon.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(lexicon, [("POS", "till"), ("STC", "our own")]);
    assert_eq!(desk.agent.fillers["en"], "Let me look. | A moment.");
    assert_eq!(desk.agent.fillers["ar"], site.agent.fillers["ar"]);

    check_desk(
        &format!("{DESK}[lexicon]\nSTC = 5\n[fillers]\nen = \"{}\"\n", "long ".repeat(20)),
        expect![[r#"
            desk.toml:13: lexicon.STC: expected text in quotes, found an integer
            desk.toml:14: fillers: the answer waits for a filler's end: give at most 20 for en, of at most 60 characters each
        "#]],
    );
    check_desk(
        &format!("language_policy = \"leave\"\n{DESK}"),
        expect![[r#"
        desk.toml:1: language_policy: "leave" is none of ["follow", "stay"]
    "#]],
    );
    check_desk(
        &format!("lexicon = 3\n{DESK}"),
        expect![[r#"
            desk.toml:1: lexicon: expected a section: write [lexicon] and its keys below, found an integer
        "#]],
    );
}

#[test]
fn what_is_missing_is_told() {
    check(
        &[("desk.toml", "")],
        expect![[r#"
            desk.toml:1: languages: is not there; name at least one, such as languages = ["ar", "en"]
            desk.toml:1: prompt: is not there; write [prompt] with a file for each language, such as en = "desk/en.md"
            desk.toml:1: welcome: is not there; write [welcome] with a text for each language ("": the caller speaks first)
        "#]],
    );
    check_desk(
        "languages = [\"ar\"]\n",
        expect![[r#"
        desk.toml:1: prompt: is not there; write [prompt] with a file for each language, such as ar = "desk/ar.md"
        desk.toml:1: welcome: is not there; write [welcome] with a text for each language ("": the caller speaks first)
    "#]],
    );
    check_desk(
        "languages = []\nprompt = 3\n[welcome]\n",
        expect![[r#"
            desk.toml:1: languages: empty; name at least one, such as ar
            desk.toml:2: prompt: expected a section: write [prompt] and its keys below, found an integer
            desk.toml:3: welcome.ar: is not there; each of the languages needs one
            desk.toml:3: welcome.en: is not there; each of the languages needs one
        "#]],
    );
    check_desk(
        "languages = [\"ar\", \"ar\", \"Arabic\"]\n[welcome]\nar=\"\"\n[prompt]\nar=\"desk/ar.md\"",
        expect![[r#"
            desk/ar.md:1: unknown variable "shop"; declare it under [variables]
            desk.toml:1: languages: "Arabic" is no language that callers can be heard in; did you mean "ar"?
            desk.toml:1: languages: "ar" stands there twice
        "#]],
    );
    check(
        &[("notes.txt", "")],
        expect![[r#"
        :1: there is no assistant in this folder; write NAME.toml, or leave the folder out and the built-in starter answers
    "#]],
    );
}

#[test]
fn what_is_no_toml_or_no_text_is_told_with_its_line() {
    check_desk(
        "languages = [\"ar\"\n[welcome]\n",
        expect![[r#"
        desk.toml:2: missing comma between array elements, expected `,`
    "#]],
    );
    check_desk(
        "a = 1\na = 2\n",
        expect![[r#"
        desk.toml:2: duplicate key
    "#]],
    );
    let dir = folder(&DESK_FILES);
    fs::write(dir.path().join("desk/en.md"), b"line one\nline \xff two").unwrap();
    fs::write(dir.path().join("other.toml"), b"# \xc3\x28").unwrap();
    let shown =
        load(&dir).unwrap_err().to_string().replace(&format!("{}/", dir.path().display()), "");
    expect![[r#"
        the assistants have 2 problems
          - desk/en.md:2: not valid UTF-8; save the file as UTF-8
          - other.toml:1: not valid UTF-8; save the file as UTF-8"#]]
    .assert_eq(&shown);
}

#[test]
fn mistakes_of_templates_stand_where_they_are() {
    check(
        &[
            ("desk.toml", &DESK.replace("Welcome to {{ shop }}", "Welcome to {{ shop")),
            ("desk/ar.md", "سطر\n{{ shap }}"),
            ("desk/en.md", "one\ntwo\n{% if fee %}"),
        ],
        expect![[r#"
            desk/ar.md:2: unknown variable "shap"; did you mean `shop`?
            desk/en.md:3: syntax error: unexpected end of input, expected end of block
            desk.toml:11: welcome.en: syntax error: unexpected end of input, expected identifier or integer
        "#]],
    );
}

#[test]
fn prompts_outside_of_the_folder_are_refused() {
    let outside = folder(&[("secret.md", "secret")]);
    let dir = folder(&[DESK_FILES[0], DESK_FILES[1]]);
    let link =
        |from: &Path, to: &str| std::os::unix::fs::symlink(from, dir.path().join(to)).unwrap();
    link(&outside.path().join("secret.md"), "desk/en.md");
    let message = load(&dir).unwrap_err().to_string();
    assert!(message.contains("desk/en.md\" is not inside the folder"), "{message}");
    fs::remove_file(dir.path().join("desk/en.md")).unwrap();
    // A link inside of the folder is how orchestrators mount files.
    link(&dir.path().join("desk/ar.md"), "desk/en.md");
    assert!(load(&dir).is_ok());
    fs::remove_file(dir.path().join("desk/en.md")).unwrap();
    fs::create_dir(dir.path().join("desk/en.md")).unwrap();
    let message = load(&dir).unwrap_err().to_string();
    assert!(message.contains("no plain file"), "{message}");
    for name in ["/etc/passwd", "desk/../../x", "./desk/ar.md", "", "desk//../ar.md"] {
        let text = DESK.replace("desk/en.md", name);
        write(dir.path(), "desk.toml", &text);
        let message = load(&dir).unwrap_err().to_string();
        assert!(message.contains("not inside the folder"), "{name}: {message}");
    }
}

#[test]
fn what_is_too_long_is_refused() {
    let long = "x".repeat(70_000);
    let dir = folder(&[DESK_FILES[0], DESK_FILES[1], ("desk/en.md", &long)]);
    assert!(load(&dir).unwrap_err().to_string().contains("larger than 65536 bytes"));
    write(dir.path(), "desk/en.md", &"word ".repeat(2_000));
    let message = load(&dir).unwrap_err().to_string();
    assert!(
        message.contains("the prompt has 9999 characters, and llm.context_tokens = 4096"),
        "{message}"
    );
    let many: Vec<_> = (0..=ASSISTANTS_MAX).map(|n| format!("a{n}.toml")).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), "")).collect();
    assert!(load(&folder(&many)).unwrap_err().to_string().contains("at most 64"));
}

#[test]
fn the_version_follows_every_file_and_nothing_else() {
    let dir = folder(&DESK_FILES);
    let version = || load(&dir).unwrap().default().version().version;
    let first = version();
    assert_eq!(first.as_str().len(), 12);
    write(dir.path(), "notes.md", "nobody reads this");
    assert_eq!(version(), first);
    write(dir.path(), "desk/en.md", "You work at {{ shop }}.");
    let second = version();
    assert_ne!(second, first);
    write(dir.path(), "desk.toml", &format!("# a comment\n{DESK}"));
    assert_ne!(version(), second);
}

#[test]
fn the_site_says_who_answers_and_calls_may_ask_for_another() {
    let two = [DESK_FILES[0], DESK_FILES[1], DESK_FILES[2], ("other.toml", DESK)];
    let dir = folder(&two);
    let by = |default: &str| {
        let mut config = Config::default();
        config.assistants.default = default.to_owned();
        Library::load(&Folder::Disk(dir.path().to_owned()), &config, &voices())
    };
    assert!(
        by("").unwrap_err().to_string().contains("set assistants.default to one of desk, other")
    );
    assert!(by("othr").unwrap_err().to_string().contains("did you mean \"other\"?"));
    let library = by("other").unwrap();
    let choose = |metadata: &str| {
        let choice = Choice::from_metadata(metadata).map_err(|e| e.to_string())?;
        library.choose(&choice).map(|a| a.name().to_owned()).map_err(|e| e.to_string())
    };
    for others in ["", "hello", "{\"user\": 7}", "[1]", "{\"assistant\": null}", "{"] {
        assert_eq!(choose(others).unwrap(), "other", "{others}");
    }
    assert_eq!(choose("{\"assistant\": \"desk\", \"order\": 4711}").unwrap(), "desk");
    expect!["there is no assistant \"dsek\", did you mean \"desk\"?; `sawt assistants list` has them all"]
        .assert_eq(&choose("{\"assistant\": \"dsek\"}").unwrap_err());
    assert!(choose("{\"assistant\": 5}").unwrap_err().contains("is no text"));
    let metadata = Choice { assistant: Some("desk".into()), language: Some("ar".into()) };
    assert_eq!(Choice::from_metadata(&metadata.to_metadata()), Ok(metadata));
}

#[test]
fn the_built_in_starter_answers_where_nobody_wrote_an_assistant() {
    let load = |config: &Config| Library::load(&Folder::BuiltIn, config, &voices()).unwrap();
    let library = load(&Config::default());
    let starter = library.default();
    assert_eq!((starter.name(), starter.languages().join(" ")), ("starter", "en ar".to_owned()));
    // What an operator configured without assistants stays as it was.
    let mut config = Config::default();
    config.agent.welcome = "Shop, hello?".into();
    config.agent.languages = vec!["fr".into(), "ar".into()];
    config.agent.system_prompt = "Sell.".into();
    let library = load(&config);
    let french = library.default().config("fr");
    assert_eq!(french.agent, config.agent);
    let arabic = library.default().config("ar");
    assert_eq!(arabic.agent.welcome, "Shop, hello?");
    assert_eq!(arabic.agent.apology, "عذرًا، حدث خطأ من جهتي. هل يمكنك إعادة ما قلته؟");
}

#[test]
fn the_starter_as_we_ship_it_yields_to_the_operator_from_a_folder_as_well() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("assistants");
    let mut config = Config::default();
    config.agent.welcome = "Shop, hello?".into();
    let welcome = |folder: &Folder| {
        let library = Library::load(folder, &config, &voices()).unwrap();
        library.default().config("en").agent.welcome.clone()
    };
    assert_eq!(welcome(&Folder::Disk(dir.clone())), "Shop, hello?");
    // Changed by one letter it is the operator's own.
    let files = ["starter.toml", "starter/en.md", "starter/ar.md"];
    let texts = files.map(|file| fs::read_to_string(dir.join(file)).unwrap());
    let own = folder(&[
        (files[0], &format!("{}\n# ours\n", texts[0])),
        (files[1], &texts[1]),
        (files[2], &texts[2]),
    ]);
    assert_ne!(welcome(&Folder::Disk(own.path().to_owned())), "Shop, hello?");
}

#[test]
fn a_starter_in_a_language_without_lines_has_the_sites_welcome() {
    let mut config = Config::default();
    config.agent.languages = vec!["fr".into()];
    let library = Library::load(&Folder::BuiltIn, &config, &voices()).unwrap();
    assert_eq!(library.default().config("fr").agent.welcome, config.agent.welcome);
    assert!(!config.agent.welcome.is_empty());
}

#[test]
fn voices_that_are_not_named_stay_the_sites_and_default_covers_the_rest() {
    let mut config = Config::default();
    config.tts.voice = "en_US-joe-medium".into();
    let voice = |section: &str, config: &Config, language: &str| {
        let text = format!("{DESK}[voices]\n{section}\n");
        let dir = folder(&[("desk.toml", &text), DESK_FILES[1], DESK_FILES[2]]);
        let place = Folder::Disk(dir.path().to_owned());
        let library = Library::load(&place, config, &voices()).unwrap();
        library.default().config(language).voice_for(language).to_owned()
    };
    let arabic = "ar = \"ar_JO-kareem-medium\"";
    assert_eq!(voice(arabic, &config, "ar"), "ar_JO-kareem-medium");
    assert_eq!(voice(arabic, &config, "en"), "en_US-joe-medium", "the site's, for all others");
    let all = "default = \"ar_JO-kareem-medium\"";
    for language in ["ar", "en"] {
        assert_eq!(voice(all, &Config::default(), language), "ar_JO-kareem-medium");
    }
}

#[test]
fn the_shipped_assistants_and_their_tests_are_right() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("assistants");
    let folder = Folder::Disk(dir.clone());
    let library = Library::load(&folder, &Config::default(), &voices()).unwrap();
    let names: Vec<_> = library.all().map(|a| a.name()).collect();
    assert_eq!(names, ["bank", "clinic", "starter"]);
    assert_eq!(library.default().name(), "starter");
    let built_in = Library::load(&Folder::BuiltIn, &Config::default(), &voices()).unwrap();
    assert_eq!(built_in.default(), library.default(), "the same files");
    for assistant in library.all() {
        let script = script::Script::load(&dir.join(format!("{}.test.toml", assistant.name())));
        let script = script.unwrap();
        // The scripted answers are what a good model would say.
        for conversation in &script.conversations {
            for turn in &conversation.turns {
                let unmet = turn.expect.check(&turn.reply, assistant.languages());
                assert_eq!(unmet, [], "{} line {}", script.path.display(), turn.line);
            }
        }
    }
}

#[test]
fn a_test_files_mistakes_are_told_in_one_go() {
    let script = r#"
[[conversation]]
name = "hours"
[[conversation.turn]]
say = "When?"
contains = ["nine", "…"]
regex = "(["
words_max = 0
expects = "x"
[[conversation]]
name = "hours"
"#;
    let dir = folder(&[DESK_FILES[0], ("dsk.test.toml", script)]);
    let findings = script::Script::load(&dir.path().join("dsk.test.toml")).unwrap_err();
    let shown = findings.to_string().replace(&format!("{}/", dir.path().display()), "");
    expect![[r#"
        the assistants have 7 problems
          - dsk.test.toml:1: assistant: there is no assistant "dsk" beside it; call this file NAME.test.toml, or write assistant = "NAME"
          - dsk.test.toml:6: conversation.turn.contains: a text without letters and digits is in every answer
          - dsk.test.toml:7: conversation.turn.regex: error: unclosed character class
          - dsk.test.toml:8: conversation.turn.words_max: 0 is out of range: from 1 to 1000
          - dsk.test.toml:9: unknown key `conversation.turn.expects`; did you mean `conversation.turn.expect_tool`?
          - dsk.test.toml:10: conversation.turn: there is none; write [[conversation.turn]] with say = "…"
          - dsk.test.toml:10: the name "hours" stands there twice"#]].assert_eq(&shown);
}

#[test]
fn engines_load_every_voice_that_an_assistant_names() {
    let text = format!("{DESK}[voices]\nar = \"ar_JO-kareem-medium\"\n");
    let dir = folder(&[("desk.toml", &text), DESK_FILES[1], DESK_FILES[2]]);
    let config = Config::default();
    let engines = load(&dir).unwrap().engines_config(&config);
    let loaded = Voices::loaded(&engines);
    assert_eq!(loaded.problem("ar_JO-kareem-medium"), None);
    assert_eq!(loaded.problem("espeak-ar"), None);
    let problem = loaded.problem("espeak-fr").unwrap();
    assert!(problem.contains("restart sawt"), "{problem}");
}

proptest::proptest! {
    /// Pieces of real files in any order and damage: read or refused, and never a panic.
    #[test]
    fn any_file_is_taken(
        pieces in proptest::collection::vec(
            proptest::sample::select(vec![
                "languages", "=", "[", "]", "\"ar\"", "\"en\"", ",", "\n", "[prompt]", "[welcome]", "ar", "en",
                "\"desk/ar.md\"", "{", "}", "{{ shop }}", "\"\"\"", "'", "[variables]", "[[turn]]", "[turn]",
                "endpointing_ms", "1e9", "-1", "9223372036854775808", "inf", "1979-05-27", "true", "[voices]", "default",
                "[silence_prompts]", ".", "#", "\u{202e}", "\u{0}", "أ", "speech_speed", "[limits]", "turns_max", "[engines]",
            ]),
            0..60,
        ),
        join in proptest::sample::select(vec!["", " ", "\n"]),
    ) {
        let dir = folder(&[("desk.toml", &pieces.join(join)), DESK_FILES[1], DESK_FILES[2]]);
        let _ = load(&dir);
        let _ = script::Script::load(&dir.path().join("desk.toml"));
    }

    #[test]
    fn any_change_of_a_real_file_is_taken(at in 0_usize..400, cut in 0_usize..20, new in ".{0,8}") {
        let mut text: Vec<char> = DESK.chars().collect();
        let at = at.min(text.len());
        text.splice(at..(at + cut).min(text.len()), new.chars());
        let text: String = text.into_iter().collect();
        let dir = folder(&[("desk.toml", &text), DESK_FILES[1], DESK_FILES[2]]);
        let _ = load(&dir);
    }

    #[test]
    fn any_metadata_is_taken(text in ".{0,200}") {
        let _ = Choice::from_metadata(&text);
    }
}

#[test]
fn what_is_wrong_with_an_outcome_has_its_line() {
    let text = format!(
        "{DESK}
[outcome.topic]
type = \"strng\"
[outcome.stars]
type = \"integer\"
enum = [\"one\"]
[outcome.name]
description = \"who\"
[outcome.twice]
enum = [\"a\", \"a\"]
[outcome.x]
type = \"string\"
required = true
default = 1
[outcome.\"two words\"]
type = \"string\"
[memory]
turns_max = 1
words_max = 7
"
    );
    check_desk(
        &text,
        expect![[r#"
        desk.toml:14: outcome.topic.type: "strng" is no type; did you mean "string"?
        desk.toml:15: outcome.stars.enum: only texts have one; write type = "string"
        desk.toml:18: outcome.name: has no type; write one of string, integer, number, boolean
        desk.toml:21: outcome.twice.enum: write at least one text, and each of them once
        desk.toml:24: outcome.x.required: each field may be null, for a caller may not have said it
        desk.toml:25: unknown key `outcome.x.default`; known here: description, enum, type
        desk.toml:26: outcome.two words: a field is a word of letters, digits and _, at most 64
        desk.toml:29: memory.turns_max: 1 is out of range; it must be from 2 to 1000
        desk.toml:30: unknown key `memory.words_max`; did you mean `memory.turns_max`?
    "#]],
    );
}

#[test]
fn an_outcome_is_kept_in_the_files_order_with_its_limits_of_memory() {
    let text = format!(
        "{DESK}
[outcome.topic]
enum = [\"card\", \"fees\"]
description = \"why they called\"
[outcome.amount]
type = \"number\"
[memory]
turns_max = 6
tokens_max = 500
"
    );
    let dir = folder(&[("desk.toml", &text), DESK_FILES[1], DESK_FILES[2]]);
    let library = load(&dir).unwrap();
    let desk = library.get("desk").unwrap();
    let fields = desk.outcome().unwrap().fields();
    assert_eq!(fields[0].name, "topic");
    assert_eq!(fields[0].kind, FieldKind::Choice(vec!["card".into(), "fees".into()]));
    assert_eq!((fields[1].name.as_str(), &fields[1].kind), ("amount", &FieldKind::Number));
    let memory = &desk.config("en").memory;
    assert_eq!((memory.turns_max, memory.tokens_max, memory.summary), (6, 500, true));
}
