//! Layers, refusals and the generated examples, on files in a temporary folder.

use std::path::PathBuf;

use expect_test::{Expect, expect};

use super::*;

/// Files, environment and flags of one test.
struct Case {
    dir: tempfile::TempDir,
    sources: Sources,
}

impl Case {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary folder"), sources: Sources::default() }
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, bytes).expect("a file in it");
        path
    }

    fn file(mut self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let path = self.write(name, bytes);
        self.sources.files.push(path);
        self
    }

    fn env_file(mut self, text: &str) -> Self {
        self.sources.env_file = Some(self.write(".env", text));
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.sources.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    fn set(mut self, text: &str) -> Self {
        self.sources.set.push(text.to_owned());
        self
    }

    fn load(&self) -> Loaded {
        self.sources.load().expect("a right configuration")
    }

    fn origin(&self, loaded: &Loaded, path: &str) -> String {
        self.relative(&loaded.origin(path).to_string())
    }

    fn relative(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.dir.path().display()), "")
    }

    #[track_caller]
    fn refused(&self, expect: Expect) {
        let error = self.sources.load().expect_err("a refusal");
        expect.assert_eq(&self.relative(&error.to_string()));
    }
}

#[track_caller]
fn refused(toml: impl AsRef<[u8]>, expect: Expect) {
    Case::new().file("sawt.toml", toml).refused(expect);
}

#[test]
fn nothing_at_all_is_the_defaults() {
    let loaded = Sources::default().load().expect("defaults are right");
    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.origin("vad.threshold"), Origin::Default);
}

#[test]
fn a_later_layer_wins_and_origins_tell_which() {
    let case = Case::new()
        .file("system.toml", "[vad]\nthreshold = 0.1\nspeech_ms_min = 1\n[http]\nport = 1001\n")
        .file("sawt.toml", "[vad]\nthreshold = 0.2\nsilence_ms_min = 2\n\n[tts]\nspeed = 1.5\n")
        .env_file("# comment\nVAD_THRESHOLD=0.3\nSAWT__TTS__SPEED=0.9\nSAWT__STT__THREADS=3\n")
        .env("VAD_THRESHOLD", "0.4")
        .env("SAWT__LLM__SLOTS", "7")
        .set("vad.threshold=0.6");
    let loaded = case.load();
    assert_eq!(loaded.config.vad.threshold, 0.6);
    assert_eq!(loaded.config.tts.speed, 0.9);
    assert_eq!(loaded.config.http.port, 1001);
    let paths =
        ["vad.threshold", "tts.speed", "stt.threads", "llm.slots", "http.port", "log.words"];
    let origins: Vec<_> =
        paths.iter().map(|p| format!("{p}: {}", case.origin(&loaded, p))).collect();
    expect![[r#"
        vad.threshold: --set
        tts.speed: .env:3
        stt.threads: .env:4
        llm.slots: environment variable SAWT__LLM__SLOTS
        http.port: system.toml:5
        log.words: default"#]]
    .assert_eq(&origins.join("\n"));
}

#[test]
fn plain_names_of_earlier_deployments_work() {
    let case = Case::new()
        .env("LIVEKIT_URL", "wss://livekit.example")
        .env("LIVEKIT_API_KEY", "key")
        .env("LIVEKIT_API_SECRET", "secret")
        .env("LIVEKIT_AGENT_NAME", "front-desk")
        .env("TTS_MODEL", "piper")
        .env("TTS_VOICE", "v")
        .env("TTS_VOICE_MAP", "ar=kareem, default=joe")
        .env("AUDIO_OUTPUT_SAMPLE_RATE", "16000")
        .env("VAD_ENABLED", "off")
        .env("VAD_THRESHOLD", "1")
        .env("FALLBACK_TTS_ENABLED", if cfg!(feature = "remote") { "true" } else { "false" })
        .env("FALLBACK_TTS_SERVICE", "elevenlabs")
        .env("OPENAI_API_KEY", "o")
        .env("ELEVENLABS_API_KEY", "e")
        .env("ELEVENLABS_VOICE_ID", "i");
    let Config { livekit, tts, vad, remote, .. } = case.load().config;
    assert_eq!(livekit.url, "wss://livekit.example");
    assert_eq!((livekit.api_key.as_str(), livekit.api_secret.as_str()), ("key", "secret"));
    assert_eq!(livekit.agent_name, "front-desk");
    assert_eq!((tts.voice.as_str(), tts.voice_default.as_str()), ("v", "joe"));
    assert_eq!(tts.voice_map["ar"], "kareem");
    assert_eq!(tts.voice_map["en"], "en_US-joe-medium", "entries that were not named stay");
    assert_eq!(tts.output_sample_rate_hz, 16_000);
    assert_eq!((vad.enabled, vad.threshold), (false, 1.0));
    assert_eq!(remote.tts.enabled, cfg!(feature = "remote"));
    assert!(!remote.text_may_leave, "set up is not allowed");
    assert_eq!(remote.tts.service, "elevenlabs");
    assert_eq!(remote.voice, "i");
    assert_eq!((remote.openai_api_key.as_str(), remote.elevenlabs_api_key.as_str()), ("o", "e"));
}

#[test]
fn the_voice_map_may_be_json_and_the_plain_default_wins_over_its_own() {
    let case = Case::new()
        .env("TTS_VOICE_DEFAULT", "exact")
        .env("TTS_VOICE_MAP", r#"{"ar": "kareem", "default": "joe"}"#);
    let tts = case.load().config.tts;
    assert_eq!((tts.voice_map["ar"].as_str(), tts.voice_default.as_str()), ("kareem", "exact"));
}

#[test]
fn an_empty_plain_name_is_not_set() {
    let case = Case::new().env_file("LIVEKIT_URL=\nVAD_THRESHOLD=\n");
    assert_eq!(case.load().config, Config::default());
}

#[test]
fn a_secret_comes_from_the_file_that_is_named() {
    let mut case = Case::new();
    let secret = case.write("secret", "s3cret\n");
    case = case.env("LIVEKIT_API_SECRET_FILE", &secret.display().to_string());
    let loaded = case.load();
    assert_eq!(loaded.config.livekit.api_secret, "s3cret");
    assert_eq!(case.origin(&loaded, "livekit.api_secret"), "secret (by LIVEKIT_API_SECRET_FILE)");

    let case = case.env("LIVEKIT_API_SECRET", "twice");
    case.refused(expect![
        "environment variable LIVEKIT_API_SECRET: LIVEKIT_API_SECRET and LIVEKIT_API_SECRET_FILE are both set; keep one"
    ]);
}

#[test]
fn unknown_keys_are_refused_with_line_and_suggestion() {
    refused(
        "[tts]\nspeed = 1.0\nvoice_mp = {}\n",
        expect!["sawt.toml:3: unknown key `tts.voice_mp`; did you mean `tts.voice_map`?"],
    );
    refused(
        "[livekti]\nurl = \"ws://a\"\n",
        expect!["sawt.toml:1: unknown key `livekti`; did you mean `livekit`?"],
    );
    refused(
        "[agent]\nendpointing_ms = 300\n",
        expect![
            "sawt.toml:2: unknown key `agent.endpointing_ms`; did you mean `turn.endpointing_ms`?"
        ],
    );
    refused(
        "[tts]\nqqq = 1\n",
        expect!["sawt.toml:2: unknown key `tts.qqq`; `sawt config schema` lists all keys"],
    );
    Case::new().env("SAWT__VAD__TRESHOLD", "0.5").refused(expect![
        "environment variable SAWT__VAD__TRESHOLD: unknown key `SAWT__VAD__TRESHOLD`; did you mean `SAWT__VAD__THRESHOLD`?"
    ]);
    Case::new()
        .set("vad.treshold=0.5")
        .refused(expect!["--set: unknown key `vad.treshold`; did you mean `vad.threshold`?"]);
    Case::new().set("vad.threshold").refused(expect![
        "--set vad.threshold: expected key=value, such as --set vad.threshold=0.6"
    ]);
}

#[test]
fn wrong_types_name_place_key_and_expectation() {
    refused(
        "[http]\nport = 70000\n",
        expect!["sawt.toml:2: http.port: expected a whole number from 0 to 65535, found 70000"],
    );
    refused(
        "[tts]\nvoice_map = \"joe\"\n",
        expect![[
            r#"sawt.toml:2: tts.voice_map: expected texts by name, such as { ar = "espeak-ar" }, found "joe""#
        ]],
    );
    refused(
        "vad = 3\n",
        expect![
            "sawt.toml:1: vad: expected a section: write [vad] and its keys below, found integer"
        ],
    );
    refused(
        "[vad]\nthreshold = inf\n",
        expect![
            "sawt.toml:2: vad.threshold: expected a number, found a date or a number without end"
        ],
    );
    Case::new().env("VAD_ENABLED", "maybe").refused(expect![[
        r#"environment variable VAD_ENABLED: vad.enabled: expected true or false, found "maybe""#
    ]]);
}

#[test]
fn a_secret_is_not_shown_by_an_error() {
    refused(
        "[livekit]\napi_secret = 123456789\n",
        expect!["sawt.toml:2: livekit.api_secret: expected text in quotes, found something else"],
    );
}

#[test]
fn all_problems_are_told_at_once() {
    refused(
        "[vad]\nthreshold = 1.5\n[log]\nformat = \"xml\"\n[agent]\nlanguages = []\n",
        expect![[r#"
            the configuration has 3 problems
              - sawt.toml:6: agent.languages: empty; name at least one, such as en
              - sawt.toml:2: vad.threshold: 1.5 is out of range; it must be from 0 to 1
              - sawt.toml:4: log.format: "xml" is not known; use text or json"#]],
    );
}

#[test]
fn only_plain_origins_may_embed_the_page() {
    refused(
        "[http]\nembed_origins = ['https://www.example.com', \"https://a.example; script-src *\", '*']\n",
        expect![[r#"
            the configuration has 2 problems
              - sawt.toml:2: http.embed_origins: "https://a.example; script-src *" is no origin; write it like https://www.example.com, without a path
              - sawt.toml:2: http.embed_origins: "*" is no origin; write it like https://www.example.com, without a path"#]],
    );
    for bad in ["https://a.example/path", "https://", "https://*.a.example", "data:x", "a.example"]
    {
        let case = Case::new().file("sawt.toml", format!("[http]\nembed_origins = ['{bad}']\n"));
        assert!(case.sources.load().is_err(), "{bad}");
    }
}

#[test]
fn a_filler_that_would_hold_up_the_answer_is_refused() {
    refused(
        format!("[agent]\nfiller_ms = 70_000\nfillers = {{ en = 'Hm. | {}' }}", "word ".repeat(20)),
        expect![[r#"
            the configuration has 2 problems
              - sawt.toml:2: agent.filler_ms: 70000 is out of range; it must be from 0 to 60000
              - sawt.toml:3: agent.fillers: the answer waits for a filler's end: give at most 20 for en, of at most 60 characters each"#]],
    );
}

#[test]
fn broken_files_are_refused() {
    refused("[vad\nthreshold = 1\n", expect!["sawt.toml:1: unclosed table, expected `]`"]);
    refused(b"[vad]\n# \xff\n", expect!["sawt.toml:2: not valid UTF-8; save the file as UTF-8"]);
    refused(
        vec![b'#'; 1 << 21],
        expect!["sawt.toml is larger than 1048576 bytes; this is no configuration file"],
    );
    Case::new()
        .env_file("A=1\nthis is a secret\n")
        .refused(expect![".env:2: not a line of the form NAME=value, from column 6"]);
    let missing = Sources { named_file: Some("no/such.toml".into()), ..Sources::default() };
    let error = missing.load().expect_err("a named file has to be there").to_string();
    assert!(error.starts_with("no/such.toml cannot be read"), "{error}");
}

#[test]
fn livekit_keys_are_asked_for_only_where_they_are_needed() {
    let loaded = Case::new().set("livekit.api_secret=short").load();
    expect![[r#"
        the configuration has 2 problems
          - livekit.api_key is not set; put LIVEKIT_API_KEY=… into .env or the environment, or `livekit.api_key` into sawt.toml
          - livekit.api_secret has 5 characters and needs 32; make one with `openssl rand -hex 32` and give it to livekit-server too"#]]
    .assert_eq(&loaded.config.require_livekit().expect_err("no key").to_string());
}

#[test]
fn debug_output_holds_no_secret() {
    let loaded = Case::new()
        .env("LIVEKIT_API_SECRET", "hush-livekit")
        .env("OPENAI_API_KEY", "hush-openai")
        .load();
    let shown = format!("{:?}", loaded.config);
    assert!(!shown.contains("hush"), "{shown}");
}

#[test]
fn every_key_has_a_sentence() {
    for key in keys() {
        assert!(!key.doc.is_empty(), "{} has no doc comment in settings.rs", key.path);
    }
}

#[test]
fn the_examples_in_the_repository_are_the_generated_ones() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    for (name, text) in [("config.example.toml", example_toml()), (".env.example", example_env())] {
        let path = root.join(name);
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&path, &text).expect("the example can be written");
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == text,
            "{name} is not what settings.rs says; run `UPDATE_EXPECT=1 cargo test the_examples`"
        );
    }
}

#[test]
fn the_examples_uncommented_are_the_defaults() {
    let uncomment = |text: String, is_setting: fn(&str) -> bool| {
        let lines = text.lines().map(|line| {
            line.strip_prefix("# ").filter(|setting| is_setting(setting)).unwrap_or(line).to_owned()
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    let name_of = |line: &str| line.split_once(" = ").map(|(name, _)| name.to_owned());
    let is_key = |line: &str| {
        line.split_once(" = ").is_some_and(|(name, _)| {
            name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.".contains(&b))
        })
    };
    let toml = uncomment(example_toml(), is_key);
    let settings = toml.lines().filter(|line| !line.starts_with('#')).filter_map(name_of).count();
    assert_eq!(settings, keys().len(), "{toml}");
    assert_eq!(Case::new().file("sawt.toml", &toml).load().config, Config::default());

    let env = uncomment(example_env(), |line| {
        line.split_once('=').is_some_and(|(name, _)| PLAIN_NAMES.iter().any(|(n, _)| *n == name))
    });
    assert_eq!(Case::new().env_file(&env).load().config, Config::default(), "{env}");
}

#[test]
fn keys_to_other_peoples_servers_stand_in_no_toml_file() {
    let file = "[remote]\nopenai_api_key = \"sk-hush\"\n[remote.llm]\napi_key = \"sk-hush\"\n";
    let case = Case::new().file("sawt.toml", file);
    let errors = case.sources.load().expect_err("keys in a file").to_string();
    assert_eq!(errors.matches("do not stand in this file").count(), 2, "{errors}");
    assert!(errors.contains("SAWT__REMOTE__LLM__API_KEY"), "{errors}");
    assert!(!errors.contains("sk-hush"), "{errors}");
    let remote = Case::new().env_file("SAWT__REMOTE__LLM__API_KEY=sk-hush\n").load().config.remote;
    assert_eq!(remote.llm.api_key, "sk-hush");
    assert!(!format!("{remote:?}").contains("sk-hush"));
}
