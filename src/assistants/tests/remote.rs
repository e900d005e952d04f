//! What an assistant lets leave, and what is wrong with how it says so.

use expect_test::expect;

use super::{DESK_FILES, check, folder, load};
use crate::policy::residency::{Grant, Stage};

fn desk(remote: &str) -> String {
    format!("{}\n{remote}", DESK_FILES[0].1)
}

fn grant(remote: &str) -> Grant {
    let text = desk(remote);
    let mut files = DESK_FILES;
    files[0].1 = &text;
    load(&folder(&files)).unwrap().default().remote()
}

fn covered(remote: &str) -> Vec<&'static str> {
    let grant = grant(remote);
    Stage::ALL.into_iter().filter(|stage| grant.covers(*stage)).map(Stage::as_str).collect()
}

#[test]
fn nothing_leaves_unless_the_file_says_so_and_only_what_it_says() {
    assert_eq!(covered(""), [""; 0]);
    assert_eq!(covered("[remote]"), [""; 0]);
    assert_eq!(covered("[remote]\nstages = []\ntext_may_leave = true"), [""; 0]);
    assert_eq!(covered("[remote]\ntext_may_leave = true"), ["llm", "tts"]);
    assert_eq!(covered("[remote]\naudio_may_leave = true"), ["stt"]);
    let narrow = "[remote]\ntext_may_leave = true\nstages = [\"tts\"]";
    assert_eq!(covered(narrow), ["tts"]);
}

#[test]
fn mistakes_are_told_with_their_line() {
    let text = desk(
        "[remote]\ntext_may_leave = \"yes\"\nstages = [\"stt\", \"lm\", \"voice\"]\nmodel = \"x\"\n\
         text_may_leav = true",
    );
    let mut files = DESK_FILES;
    files[0].1 = &text;
    check(
        &files,
        expect![[r#"
        desk.toml:14: remote.text_may_leave: expected true or false, found a string
        desk.toml:15: remote.stages: "lm" is no stage; the stages are stt, llm, tts
        desk.toml:15: remote.stages: "voice" is no stage; the stages are stt, llm, tts
        desk.toml:15: remote.stages: stt would send the caller's voice, which may not leave; write audio_may_leave = true, or take it out
        desk.toml:16: remote.model: whether and where to is the site's to say: set it in sawt.toml under [remote]
        desk.toml:17: unknown key `remote.text_may_leav`; did you mean `remote.text_may_leave`?
    "#]],
    );
}
