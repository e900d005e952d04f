//! The built-in manifest, the store, imports. No network, no weights.

use std::fs;
use std::path::Path;

use sha2::Digest as _;

use super::cancel::CancelFlag;
use super::*;

/// The smallest file that counts as ONNX here: a version and a graph.
pub(super) fn an_onnx() -> Vec<u8> {
    [&[0x08, 8, 0x3a, 10][..], &[1; 10]].concat()
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(sha2::Sha256::digest(bytes))
}

/// A manifest of one starter model `m` of kind vad.
pub(super) fn manifest_of(rest: &str) -> String {
    format!(
        r#"schema = 1
[[model]]
name = "m"
kind = "vad"
starter = true
languages = ["any"]
licence = "MIT"
licence_url = "https://licence.example/"
notes = ""
{rest}
"#
    )
}

fn one_file(bytes: &[u8]) -> String {
    manifest_of(&format!(
        r#"source = "pip"
packages = [{{ name = "p", version = "1", bytes = 1 }}]
files = [{{ name = "m.onnx", bytes = {}, sha256 = "{}", from = [{{ package = "p", member = "m" }}] }}]"#,
        bytes.len(),
        sha256(bytes)
    ))
}

fn store_of(folder: &Path) -> Store {
    Store::with_manifest(folder.join("models"), Manifest::parse(&one_file(&an_onnx())).unwrap())
}

fn import_default(store: &Store, path: &Path) -> Result<Vec<String>, ModelError> {
    import(store, path, &ImportOptions::default())
}

#[test]
fn the_built_in_manifest_is_complete() {
    let manifest = Manifest::builtin();
    let starter = manifest.starter();
    for name in [
        "whisper-base",
        "whisper-base-ct2",
        "qwen2.5-coder-0.5b-instruct",
        "smollm2-135m-instruct",
        "en_US-joe-medium",
        "silero-vad",
        "smart-turn-v3.2",
        "rawi-ensemble",
    ] {
        assert!(starter.contains(&name.to_owned()), "{name}");
    }
    for spec in manifest.models() {
        assert!(!spec.notes.is_empty(), "{}: an operator should know something", spec.name);
        assert!(!spec.starter || spec.is_pinned(), "{}: a starter is pinned", spec.name);
    }
}

#[test]
fn the_libraries_are_there_for_this_system() {
    if this_system().starts_with("linux-") {
        let starter = Manifest::builtin().starter();
        assert!(starter.contains(&"onnxruntime".into()) && starter.contains(&"livekit-sdk".into()));
    }
}

#[track_caller]
fn refused(text: &str, words: &str) {
    let error = Manifest::parse(text).unwrap_err().to_string();
    assert!(error.contains(words), "{error}");
}

#[test]
fn a_manifest_that_would_leave_its_folder_is_refused() {
    let good = one_file(b"x");
    Manifest::parse(&good).unwrap();
    for name in ["../m.onnx", "/etc/passwd", "a//b", "a/../b", ".hidden", "", "a\\\\b"] {
        refused(&good.replace("\"m.onnx\"", &format!("\"{name}\"")), "stays in the folder");
    }
    refused(&good.replace("name = \"m\"\n", "name = \"../m\"\n"), "not a name");
}

#[test]
fn a_manifest_with_holes_is_refused() {
    let good = one_file(b"x");
    refused(&good.replace("schema = 1", "schema = 2"), "schema 2");
    refused(&good.replace("bytes = 1, sha256", "sha256"), "no size");
    refused(&good.replace(&sha256(b"x"), "abc"), "digest");
    refused(&good.replace("package = \"p\"", "package = \"q\""), "not listed");
    refused(&good.replace("licence = \"MIT\"", "licence = \"\""), "licence");
    refused(&good.replace("notes = \"\"", "colour = \"red\""), "colour");
    refused(&format!("{good}\n{}", good.replace("schema = 1", "")), "twice");
}

#[test]
fn a_missing_model_says_what_to_run() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_of(folder.path());
    assert_eq!(
        store.resolve("m").unwrap_err().to_string(),
        "model `m` is in the manifest but not on disk; run `sawt models pull m`"
    );
    let store = Store::with_manifest(folder.path().into(), Manifest::builtin());
    let error = store.resolve("whisper-bas").unwrap_err().to_string();
    assert!(error.contains("did you mean `whisper-base`?"), "{error}");
    assert!(store.resolve("../../etc").is_err());
}

#[test]
fn a_folder_without_a_stamp_is_not_installed() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_of(folder.path());
    fs::create_dir_all(store.dir().join("m")).unwrap();
    fs::write(store.dir().join("m/m.onnx"), an_onnx()).unwrap();
    assert!(matches!(store.resolve("m"), Err(ModelError::NotInstalled { .. })));
    fs::write(store.dir().join("m/.sawt.json"), "{\"schema\":1").unwrap();
    assert!(matches!(store.resolve("m"), Err(ModelError::Incomplete { .. })));
}

/// Lays `m.onnx` in a folder called `m`, and imports that.
fn installed(folder: &Path) -> Store {
    let store = store_of(folder);
    fs::create_dir_all(folder.join("usb/m")).unwrap();
    fs::write(folder.join("usb/m/m.onnx"), an_onnx()).unwrap();
    assert_eq!(import_default(&store, &folder.join("usb/m")).unwrap(), ["m"]);
    store
}

#[test]
fn a_set_of_the_manifest_is_imported_by_its_folder_or_the_folder_above() {
    let folder = tempfile::tempdir().unwrap();
    let store = installed(folder.path());
    assert_eq!(store.resolve("m").unwrap().kind, ModelKind::Vad);
    store.verify("m", &CancelFlag::default()).unwrap();
    store.remove("m").unwrap();
    assert!(store.resolve("m").is_err());
    assert_eq!(import_default(&store, &folder.path().join("usb")).unwrap(), ["m"]);
    assert!(store.file("m", "m.onnx").is_ok());
    assert!(store.file("m", "n.onnx").unwrap_err().to_string().contains("m.onnx"));
}

#[test]
fn an_import_with_other_bytes_than_pinned_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_of(folder.path());
    fs::create_dir_all(folder.path().join("m")).unwrap();
    let mut other = an_onnx();
    other[5] = 9;
    fs::write(folder.path().join("m/m.onnx"), other).unwrap();
    let error = import_default(&store, &folder.path().join("m")).unwrap_err();
    assert!(matches!(error, ModelError::Digest { .. }), "{error}");
    assert!(store.resolve("m").is_err());
}

#[test]
fn a_truncated_file_is_seen_at_once_and_a_changed_one_by_verify() {
    let folder = tempfile::tempdir().unwrap();
    let store = installed(folder.path());
    let path = store.file("m", "m.onnx").unwrap();
    let mut bytes = an_onnx();
    bytes[6] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert!(store.resolve("m").is_ok(), "the quick check reads no bytes");
    let error = store.verify("m", &CancelFlag::default()).unwrap_err();
    assert!(matches!(error, ModelError::Digest { .. }), "{error}");
    fs::write(&path, &bytes[1..]).unwrap();
    let error = store.resolve("m").unwrap_err().to_string();
    assert!(error.contains("13 of 14 bytes"), "{error}");
    fs::remove_file(&path).unwrap();
    assert!(store.resolve("m").unwrap_err().to_string().contains("m.onnx is missing"));
}

#[test]
fn a_model_that_the_manifest_no_longer_pins_is_to_be_pulled_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = installed(folder.path());
    let newer = Manifest::parse(&one_file(b"newer")).unwrap();
    let store = Store::with_manifest(store.dir().into(), newer);
    let error = store.resolve("m").unwrap_err().to_string();
    assert!(error.contains("not the one this version uses"), "{error}");
}

#[test]
fn a_voice_of_ones_own_comes_with_its_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_of(folder.path());
    let voice = folder.path().join("my-voice.onnx");
    fs::write(&voice, an_onnx()).unwrap();
    assert!(import_default(&store, &voice).is_err(), "no configuration, no kind");
    let json =
        r#"{"audio":{"sample_rate":22050},"espeak":{"voice":"ar"},"phoneme_id_map":{"a":[1]}}"#;
    fs::write(folder.path().join("my-voice.onnx.json"), json).unwrap();
    assert_eq!(import_default(&store, &voice).unwrap(), ["my-voice"]);
    let model = store.resolve("my-voice").unwrap();
    assert_eq!((model.kind, model.files.len()), (ModelKind::Tts, 2));
    assert_eq!(store.installed().len(), 1);
}

#[test]
fn kind_and_name_are_taken_from_the_operator() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_of(folder.path());
    let path = folder.path().join("some model (1).onnx");
    fs::write(&path, an_onnx()).unwrap();
    let options = |name: Option<&str>| ImportOptions {
        name: name.map(Into::into),
        kind: Some(ModelKind::Turn),
        cancel: CancelFlag::default(),
    };
    for bad in [None, Some("../up"), Some("a/b")] {
        let error = import(&store, &path, &options(bad)).unwrap_err();
        assert!(matches!(error, ModelError::BadName { .. }), "{error}");
    }
    let clean = folder.path().join("turn.onnx");
    fs::rename(&path, &clean).unwrap();
    import(&store, &clean, &options(Some("my-turn"))).unwrap();
    assert_eq!(store.resolve("my-turn").unwrap().kind, ModelKind::Turn);
}

#[test]
fn what_is_no_model_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_of(folder.path());
    for (name, bytes) in [
        ("page.gguf", &b"<html>not found</html>"[..]),
        ("empty.bin", b""),
        ("cut.gguf", b"GGUF\x03\0\0\0"),
        ("pointer.bin", b"version https://git-lfs.github.com/spec/v1"),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        assert!(import_default(&store, &path).is_err(), "{name}");
        assert!(store.resolve(path.to_str().unwrap()).is_err(), "{name}");
    }
    assert!(import_default(&store, folder.path()).is_err(), "a folder of none");
    assert!(store.installed().is_empty());
}

#[test]
fn a_crash_between_two_steps_of_an_install_leaves_nothing_half() {
    let folder = tempfile::tempdir().unwrap();
    let store = installed(folder.path());
    // As if the program died after the old model went aside and before the new one came.
    let aside = store.dir().join(".staging/.old-m");
    fs::rename(store.dir().join("m"), &aside).unwrap();
    assert!(matches!(store.resolve("m"), Err(ModelError::NotInstalled { .. })));
    assert!(store.installed().is_empty(), "hidden folders are no models");
    assert_eq!(import_default(&store, &folder.path().join("usb/m")).unwrap(), ["m"]);
    // And the next replacement clears what was left aside.
    import_default(&store, &folder.path().join("usb/m")).unwrap();
    assert!(!aside.exists());
}

#[test]
fn removing_what_is_not_there_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_of(folder.path());
    assert!(matches!(store.remove("m"), Err(ModelError::NotInstalled { .. })));
    assert!(matches!(store.remove("zebra"), Err(ModelError::Unknown { .. })));
    assert!(matches!(store.remove(".."), Err(ModelError::BadName { .. })));
}

/// Weights that end where they should and hold nothing: no converter can use them.
fn a_ct2_folder(folder: &Path) {
    let spec = b"WhisperSpec\0";
    let mut weights = 6_u32.to_le_bytes().to_vec();
    weights.extend((spec.len() as u16).to_le_bytes());
    weights.extend(spec);
    weights.extend([3_u32, 0, 0].iter().flat_map(|word| word.to_le_bytes()));
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("model.bin"), weights).unwrap();
    fs::write(folder.join("config.json"), b"{}").unwrap();
    fs::write(folder.join("vocabulary.json"), b"[\"<|endoftext|>\"]").unwrap();
    fs::write(folder.join("README.md"), b"not for an engine").unwrap();
}

#[test]
fn a_ctranslate2_folder_is_taken_as_it_is_even_where_it_cannot_be_converted() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_of(folder.path());
    let from = folder.path().join("faster-whisper-mine");
    a_ct2_folder(&from);
    for path in [from.clone(), from.join("model.bin")] {
        assert_eq!(import_default(&store, &path).unwrap(), ["faster-whisper-mine-ct2"]);
    }
    let model = store.resolve("faster-whisper-mine-ct2").unwrap();
    assert!(model.is_ctranslate2() && model.kind == ModelKind::Stt, "{model:?}");
    let files = ["model.bin", "config.json", "vocabulary.json"].map(|file| model.dir.join(file));
    assert_eq!(model.files, files);
}

#[test]
fn a_ctranslate2_folder_without_its_words_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_of(folder.path());
    let from = folder.path().join("half");
    a_ct2_folder(&from);
    fs::remove_file(from.join("vocabulary.json")).unwrap();
    let error = import_default(&store, &from).unwrap_err().to_string();
    assert!(error.contains("vocabulary.json"), "{error}");
}
