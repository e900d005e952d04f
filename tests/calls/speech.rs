//! What callers say, by the release programs: text to speech once per question; and speech back to
//! text, to know what the agent said.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use sawt::audio::wav;
use sawt::caller::Utterance;
use sawt::caller::measure::speech_end_ms;
use tokio::sync::Mutex;

use super::phone::RATE_HZ;
use super::programs::{finish, sawt};

/// Debian's package of recorded prompts for telephones; a human voice.
const RECORDED: &str = "/usr/share/asterisk/sounds/en";

/// Questions made so far.
static MADE: Mutex<Option<HashMap<String, Vec<i16>>>> = Mutex::const_new(None);

/// `text` spoken by the starter voice, mono at [`RATE_HZ`].
pub(super) async fn spoken(text: &str) -> Vec<i16> {
    let mut made = MADE.lock().await;
    let made = made.get_or_insert_default();
    if let Some(pcm) = made.get(text) {
        return pcm.clone();
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("question.wav");
    let mut command = sawt(None);
    command.args(["say", text, "--voice", "en_US-joe-medium", "-o"]).arg(&file);
    let output = finish(&mut command, Duration::from_secs(60)).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let pcm = wav::read(&file, RATE_HZ).unwrap();
    made.insert(text.to_owned(), pcm.clone());
    pcm
}

/// The same for `sawt::caller`.
pub(super) async fn utterance(text: &str) -> Utterance {
    let pcm = spoken(text).await;
    let speech_end_ms = speech_end_ms(&pcm, RATE_HZ);
    Utterance { name: text.to_owned(), pcm, speech_end_ms }
}

/// A prompt that a human recorded; nothing where the package is not installed.
pub(super) fn recorded(name: &str) -> Option<Vec<i16>> {
    let file = Path::new(RECORDED).join(name).with_extension("wav");
    file.is_file().then(|| wav::read(&file, RATE_HZ).unwrap())
}

/// What `pcm` says, in lower case, by the real speech recognition.
pub(super) async fn transcribed(pcm: &[i16], language: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("answer.wav");
    wav::write(&file, RATE_HZ, &[pcm]).unwrap();
    let mut command = sawt(None);
    command.args(["transcribe", "--language", language]).arg(&file);
    let output = finish(&mut command, Duration::from_secs(60)).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_lowercase()
}
