//! A made-up CTranslate2 model of two numbers a row, whole and in every way broken.

use std::path::PathBuf;

use proptest::prelude::*;
use sha2::Digest as _;

use super::*;

const STATE: u32 = 2;
const WORDS: u32 = 3;

/// Writes `model.bin` as CTranslate2 does.
#[derive(Clone, Default)]
struct Builder {
    tensors: Vec<(String, Vec<u32>, u8, Vec<u8>)>,
}

impl Builder {
    fn floats(&mut self, name: &str, dims: &[u32]) {
        let count: u32 = dims.iter().product();
        // Different numbers everywhere, all exact in f16.
        let base = self.tensors.len() as f32;
        let data =
            (0..count).flat_map(|i| half::f16::from_f32(base + i as f32 / 64.0).to_le_bytes());
        self.tensors.push((name.into(), dims.to_vec(), 4, data.collect()));
    }

    fn linear(&mut self, name: &str, rows: u32, columns: u32) {
        self.floats(&format!("{name}/weight"), &[rows, columns]);
        self.floats(&format!("{name}/bias"), &[rows]);
    }

    fn norm(&mut self, name: &str) {
        self.floats(&format!("{name}/gamma"), &[STATE]);
        self.floats(&format!("{name}/beta"), &[STATE]);
    }

    fn layer(&mut self, name: &str, cross: bool) {
        self.norm(&format!("{name}/self_attention/layer_norm"));
        self.linear(&format!("{name}/self_attention/linear_0"), 3 * STATE, STATE);
        self.linear(&format!("{name}/self_attention/linear_1"), STATE, STATE);
        if cross {
            self.norm(&format!("{name}/attention/layer_norm"));
            self.linear(&format!("{name}/attention/linear_0"), STATE, STATE);
            self.linear(&format!("{name}/attention/linear_1"), 2 * STATE, STATE);
            self.linear(&format!("{name}/attention/linear_2"), STATE, STATE);
        }
        self.norm(&format!("{name}/ffn/layer_norm"));
        self.linear(&format!("{name}/ffn/linear_0"), 4 * STATE, STATE);
        self.linear(&format!("{name}/ffn/linear_1"), STATE, 4 * STATE);
    }

    fn whisper() -> Self {
        let mut model = Self::default();
        for side in ["encoder", "decoder"] {
            model.tensors.push((format!("{side}/num_heads"), vec![], 2, vec![1, 0]));
            model.floats(&format!("{side}/position_encodings/encodings"), &[4, STATE]);
            model.norm(&format!("{side}/layer_norm"));
            model.layer(&format!("{side}/layer_0"), side == "decoder");
        }
        for (conv, inputs) in [("conv1", 80), ("conv2", STATE)] {
            model.floats(&format!("encoder/{conv}/weight"), &[STATE, inputs, 3]);
            model.floats(&format!("encoder/{conv}/bias"), &[STATE]);
        }
        model.floats("decoder/embeddings/weight", &[WORDS, STATE]);
        model
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let name = |out: &mut Vec<u8>, text: &str| {
            out.extend((text.len() as u16 + 1).to_le_bytes());
            out.extend(text.bytes().chain([0]));
        };
        out.extend(6_u32.to_le_bytes());
        name(&mut out, "WhisperSpec");
        out.extend(3_u32.to_le_bytes());
        out.extend((self.tensors.len() as u32).to_le_bytes());
        for (text, dims, data_type, data) in &self.tensors {
            name(&mut out, text);
            out.push(dims.len() as u8);
            dims.iter().for_each(|dim| out.extend(dim.to_le_bytes()));
            out.push(*data_type);
            out.extend((data.len() as u32).to_le_bytes());
            out.extend(data);
        }
        out.extend(1_u32.to_le_bytes());
        name(&mut out, "decoder/projection/weight");
        name(&mut out, "decoder/embeddings/weight");
        out
    }

    fn tensor(&mut self, name: &str) -> &mut (String, Vec<u32>, u8, Vec<u8>) {
        self.tensors.iter_mut().find(|tensor| tensor.0 == name).unwrap()
    }
}

fn folder_of(model: &[u8], vocabulary: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("model.bin"), model).unwrap();
    std::fs::write(folder.path().join("vocabulary.txt"), vocabulary).unwrap();
    folder
}

fn convert(model: &[u8], vocabulary: &str) -> Result<Vec<u8>, ConvertError> {
    let folder = folder_of(model, vocabulary);
    let output: PathBuf = folder.path().join("out.bin");
    whisper_ct2_to_ggml(folder.path(), &output, &CancelFlag::default())?;
    Ok(std::fs::read(output).unwrap())
}

/// Two words (one with a space in front, written Ġ) and the end of text.
const VOCABULARY: &str = "a\nĠb\n<|endoftext|>\n";

/// A reader of ggml files that shares nothing with the writer.
fn ggml_tensors(mut file: &[u8]) -> Vec<(String, Vec<u32>, u32, Vec<u8>)> {
    fn u32_of(file: &mut &[u8]) -> u32 {
        let (head, tail) = file.split_at(4);
        *file = tail;
        u32::from_le_bytes(head.try_into().unwrap())
    }
    assert_eq!(&file[..4], b"lmgg");
    file = &file[4..];
    let header: Vec<u32> = (0..11).map(|_| u32_of(&mut file)).collect();
    assert_eq!(header, [3, 4, 2, 1, 1, 4, 2, 1, 1, 80, 1]);
    assert_eq!((u32_of(&mut file), u32_of(&mut file)), (80, 201));
    file = &file[80 * 201 * 4..];
    let words: Vec<Vec<u8>> = (0..u32_of(&mut file))
        .map(|_| {
            let (word, tail) = {
                let length = u32_of(&mut file);
                file.split_at(length as usize)
            };
            file = tail;
            word.to_vec()
        })
        .collect();
    assert_eq!(words, [b"a".to_vec(), b" b".to_vec()]);
    let mut tensors = Vec::new();
    while !file.is_empty() {
        let (rank, length, kind) = (u32_of(&mut file), u32_of(&mut file), u32_of(&mut file));
        let dims: Vec<u32> = (0..rank).map(|_| u32_of(&mut file)).collect();
        let (name, tail) = file.split_at(length as usize);
        let bytes = dims.iter().product::<u32>() * if kind == 0 { 4 } else { 2 };
        let (data, tail) = tail.split_at(bytes as usize);
        file = tail;
        tensors.push((String::from_utf8(name.to_vec()).unwrap(), dims, kind, data.to_vec()));
    }
    tensors
}

#[test]
fn a_whole_model_becomes_the_tensors_that_whisper_cpp_asks_for() {
    let tensors = ggml_tensors(&convert(&Builder::whisper().bytes(), VOCABULARY).unwrap());
    // 7 of the encoder and 4 of the decoder themselves, 15 a layer, and 9 more for cross attention.
    assert_eq!(tensors.len(), 11 + 15 + 24);
    let find =
        |name: &str| tensors.iter().find(|t| t.0 == name).unwrap_or_else(|| panic!("{name}"));
    assert_eq!(find("encoder.conv1.weight").1, [3, 80, STATE]);
    assert_eq!((&find("encoder.conv1.bias").1, find("encoder.conv1.bias").2), (&vec![1, STATE], 0));
    assert_eq!(find("decoder.positional_embedding").2, 0);
    assert_eq!(find("decoder.token_embedding.weight").2, 1);
    assert!(tensors.iter().all(|tensor| !tensor.0.ends_with("key.bias")));
}

#[test]
fn fused_rows_are_taken_apart_in_order() {
    let mut model = Builder::whisper();
    let fused = model.tensor("decoder/layer_0/attention/linear_1/weight").3.clone();
    let tensors = ggml_tensors(&convert(&model.bytes(), VOCABULARY).unwrap());
    let data = |name: &str| &tensors.iter().find(|tensor| tensor.0 == name).unwrap().3;
    let (key, value) = fused.split_at(fused.len() / 2);
    assert_eq!(data("decoder.blocks.0.cross_attn.key.weight"), key);
    assert_eq!(data("decoder.blocks.0.cross_attn.value.weight"), value);
}

#[test]
fn the_same_model_gives_the_same_bytes() {
    let out = convert(&Builder::whisper().bytes(), VOCABULARY).unwrap();
    let digest = hex::encode(sha2::Sha256::digest(&out));
    assert_eq!((out.len(), digest.as_str()), GOLDEN);
}

const GOLDEN: (usize, &str) =
    (68_343, "3c3ceeef577b7b16f920d35b698a2f3bb519698a1a146aa86d330c5d3d40741b");

#[test]
fn mel_filters_have_unit_area_and_cover_every_band() {
    let rows = mel::filters(80);
    assert_eq!(rows.len(), 80 * mel::FFT_BINS);
    for row in rows.chunks(mel::FFT_BINS) {
        // The narrow low bands fall between bins, so their sums only come near 1 / (40 Hz).
        let sum: f32 = row.iter().sum();
        assert!((0.5..1.5).contains(&(sum * 40.0)), "{sum}");
    }
    assert_eq!(rows[rows.len() - 1], 0.0, "nothing leaks into the last bin");
}

#[test]
fn every_truncation_is_an_error() {
    let whole = Builder::whisper().bytes();
    for length in (0..whole.len()).step_by(7).chain([whole.len() - 1]) {
        assert!(convert(&whole[..length], VOCABULARY).is_err(), "{length}");
    }
}

#[track_caller]
fn refused(model: &Builder, words: &str) {
    let error = convert(&model.bytes(), VOCABULARY).unwrap_err().to_string();
    assert!(error.contains(words), "{error}");
}

#[test]
fn quantised_weights_are_refused() {
    let mut model = Builder::whisper();
    let tensor = model.tensor("encoder/layer_0/ffn/linear_0/weight");
    (tensor.2, tensor.3) = (1, vec![0; 16]);
    refused(&model, "is quantised");
}

#[test]
fn a_missing_tensor_is_named() {
    let mut model = Builder::whisper();
    model.tensors.retain(|tensor| tensor.0 != "decoder/layer_norm/beta");
    refused(&model, "decoder/layer_norm/beta");
}

#[test]
fn a_tensor_of_another_shape_is_refused() {
    let mut model = Builder::whisper();
    let tensor = model.tensor("encoder/layer_0/ffn/linear_1/bias");
    (tensor.1, tensor.3) = (vec![1], vec![0; 2]);
    refused(&model, "were expected");
}

#[test]
fn huge_shapes_take_no_memory() {
    let mut model = Builder::whisper();
    model.tensor("decoder/embeddings/weight").1 = vec![u32::MAX, u32::MAX, u32::MAX];
    refused(&model, "are not");
    let mut count = Builder::whisper().bytes();
    let at = 4 + 2 + 12 + 4;
    count[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(convert(&count, VOCABULARY), Err(ConvertError::Damaged { .. })));
}

#[test]
fn other_specs_are_refused() {
    let mut model = Builder::whisper().bytes();
    model[6] = b'X';
    let error = convert(&model, VOCABULARY).unwrap_err().to_string();
    assert!(error.contains("XhisperSpec"), "{error}");
    model[0] = 5;
    assert!(convert(&model, VOCABULARY).unwrap_err().to_string().contains("version 5"));
}

#[test]
fn vocabulary_of_another_model_is_refused() {
    let model = Builder::whisper().bytes();
    for wrong in ["a\n<|endoftext|>\n", "a\nb\nc\n", "", "a\n\u{fffd}\n<|endoftext|>\n"] {
        assert!(convert(&model, wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_folder_without_vocabulary_says_so() {
    let folder = folder_of(&Builder::whisper().bytes(), VOCABULARY);
    std::fs::remove_file(folder.path().join("vocabulary.txt")).unwrap();
    let output = folder.path().join("out");
    let error = whisper_ct2_to_ggml(folder.path(), &output, &CancelFlag::default()).unwrap_err();
    assert!(error.to_string().contains("vocabulary.txt is missing"), "{error}");
    assert!(!output.exists());
}

#[test]
fn a_stop_is_heard() {
    let folder = folder_of(&Builder::whisper().bytes(), VOCABULARY);
    let cancel = CancelFlag::default();
    cancel.set();
    let result = whisper_ct2_to_ggml(folder.path(), &folder.path().join("out"), &cancel);
    assert!(matches!(result, Err(ConvertError::Cancelled)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Any change of one byte gives an error or a file, never a panic.
    #[test]
    fn damage_never_panics(at in 0_usize..4000, byte in any::<u8>()) {
        let mut model = Builder::whisper().bytes();
        let at = at % model.len();
        model[at] = byte;
        let _ = convert(&model, VOCABULARY);
    }

    #[test]
    fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(convert(&noise, VOCABULARY).is_err());
    }
}
