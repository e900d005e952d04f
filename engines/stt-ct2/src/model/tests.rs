//! Folders that hold a model, almost.

use super::*;

const TOKENS: &[&str] =
    &["a", "<|endoftext|>", "<|startoftranscript|>", "<|startofprev|>", "<|notimestamps|>"];
const CONFIG: &str = r#"{"lang_ids": [], "suppress_ids": [1], "suppress_ids_begin": [0, 1]}"#;

fn string(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u16 + 1).to_le_bytes());
    out.extend(text.as_bytes());
    out.push(0);
}

/// Weights of the smallest model that passes: one number wide.
fn weights(spec: &str, vocabulary: u32) -> Vec<u8> {
    let tensors: [(&str, &[u32]); 5] = [
        ("encoder/conv1/weight", &[1, 80, 3]),
        ("encoder/conv2/weight", &[1, 1, 3]),
        ("encoder/position_encodings/encodings", &[1500, 1]),
        ("decoder/position_encodings/encodings", &[448, 1]),
        ("decoder/embeddings/weight", &[vocabulary, 1]),
    ];
    let mut out = 6_u32.to_le_bytes().to_vec();
    string(&mut out, spec);
    out.extend(3_u32.to_le_bytes());
    out.extend((tensors.len() as u32).to_le_bytes());
    for (name, shape) in tensors {
        string(&mut out, name);
        out.push(shape.len() as u8);
        shape.iter().for_each(|dim| out.extend(dim.to_le_bytes()));
        let bytes = shape.iter().product::<u32>() * 2;
        out.push(4);
        out.extend(bytes.to_le_bytes());
        out.resize(out.len() + bytes as usize, 0);
    }
    out.extend(1_u32.to_le_bytes());
    string(&mut out, "decoder/projection/weight");
    string(&mut out, "decoder/embeddings/weight");
    out
}

fn folder(weights: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(WEIGHTS), weights).unwrap();
    std::fs::write(folder.path().join("vocabulary.txt"), TOKENS.join("\n") + "\n").unwrap();
    std::fs::write(folder.path().join("config.json"), CONFIG).unwrap();
    folder
}

#[track_caller]
fn refused(folder: &tempfile::TempDir, words: &str) {
    let error = inspect(folder.path()).map(drop).unwrap_err().to_string();
    assert!(error.contains(words) && error.contains("sawt models"), "{error}");
}

#[test]
fn a_whole_folder_passes_by_itself_and_by_its_weights() {
    let folder = folder(&weights(SPEC, 5));
    for path in [folder.path().to_owned(), folder.path().join(WEIGHTS)] {
        let model = inspect(&path).unwrap();
        assert_eq!((model.mels, model.text_context, model.vocabulary.len()), (80, 448, 5));
        assert_eq!(model.folder, folder.path());
    }
    let names = serde_json::to_string(TOKENS).unwrap();
    std::fs::remove_file(folder.path().join("vocabulary.txt")).unwrap();
    std::fs::write(folder.path().join("vocabulary.json"), names).unwrap();
    inspect(folder.path()).unwrap();
}

#[test]
fn weights_cut_anywhere_are_refused() {
    let whole = weights(SPEC, 5);
    for length in (0..whole.len()).step_by(7).chain([whole.len() - 1]) {
        refused(&folder(&whole[..length]), "cut short");
    }
    refused(&folder(&[&whole[..], b"more"].concat()), "follow its end");
}

#[test]
fn another_kind_of_model_and_one_that_does_not_fit_its_words_are_refused() {
    refused(&folder(&weights("TransformerSpec", 5)), "TransformerSpec");
    refused(&folder(&weights(SPEC, 6)), "decoder/embeddings/weight");
    refused(&folder(b"<html>not found</html>"), "not of a CTranslate2 Whisper model");
}

#[test]
fn a_folder_that_lacks_a_file_says_which() {
    for file in [WEIGHTS, "vocabulary.txt", "config.json"] {
        let folder = folder(&weights(SPEC, 5));
        std::fs::remove_file(folder.path().join(file)).unwrap();
        refused(&folder, file);
    }
}

#[test]
fn settings_that_point_outside_the_vocabulary_are_refused() {
    let folder = folder(&weights(SPEC, 5));
    for config in [CONFIG.replace("[1]", "[5]"), CONFIG.replace("[1]", "[-1]"), "{}".into()] {
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        refused(&folder, "config.json");
    }
}

#[test]
fn a_ggml_file_and_nothing_at_all_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ggml-base.bin");
    assert!(inspect(&file).unwrap_err().to_string().contains("no model at"));
    std::fs::write(&file, b"lmgg").unwrap();
    assert!(inspect(&file).unwrap_err().to_string().contains("pass that"));
}
