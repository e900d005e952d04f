//! Every malformed file is an error with a reason, never a panic: a synthetic model is built
//! here, then damaged.

use std::io::Write;

use super::*;

/// A well-formed file of the smallest shape that passes, without meaning.
fn tiny_model() -> Vec<u8> {
    let mut file = Vec::new();
    let word = |file: &mut Vec<u8>, value: u32| file.extend(value.to_le_bytes());
    word(&mut file, MAGIC);
    for value in [51_864, 1500, 64, 1, 4, 64, 64, 1, 1, 80, 1] {
        word(&mut file, value);
    }
    word(&mut file, 80);
    word(&mut file, MEL_BINS);
    file.extend(vec![0; 80 * 201 * 4]);
    word(&mut file, 2);
    for entry in ["a", "b"] {
        word(&mut file, entry.len() as u32);
        file.extend(entry.as_bytes());
    }
    for index in 0..(11 + 15 * 4 + 24) {
        let name = format!("tensor{index}");
        for value in [1, name.len() as u32, 0, 4] {
            word(&mut file, value);
        }
        file.extend(name.as_bytes());
        file.extend([0; 16]);
    }
    file
}

fn check(content: &[u8]) -> Result<ModelHeader, ModelError> {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(content).expect("written");
    inspect(file.path())
}

#[test]
fn a_well_formed_file_passes() {
    let header = check(&tiny_model()).expect("well formed");
    assert_eq!((header.vocabulary, header.audio_layers, header.mels), (51_864, 4, 80));
}

#[test]
fn a_missing_file_names_the_next_step() {
    let error = inspect(Path::new("/nonexistent/ggml.bin")).expect_err("missing");
    assert!(error.to_string().contains("sawt models pull"), "{error}");
}

#[test]
fn a_directory_is_refused() {
    let error = inspect(Path::new("/")).expect_err("a directory");
    assert!(matches!(error, ModelError::Open { .. }), "{error}");
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let whole = tiny_model();
    // Every length of the head, and every seventh byte of the rest.
    let cuts = (0..64).chain((64..whole.len()).step_by(whole.len() / 400));
    for cut in cuts {
        let error = check(&whole[..cut]).expect_err("cut short");
        assert!(matches!(error, ModelError::Truncated { .. }), "cut at {cut}: {error}");
    }
}

#[test]
fn another_kind_of_file_is_refused() {
    for content in [&b"GGUF\x03\0\0\0\0\0\0\0"[..], b"RIFF....WAVE", b"<!DOCTYPE html>"] {
        let error = check(content).expect_err("another kind");
        assert!(matches!(error, ModelError::Format { .. }), "{error}");
    }
}

#[test]
fn every_header_field_out_of_range_is_refused() {
    for field in 0..11 {
        for value in [u32::MAX, 1 << 31, 1_000_000] {
            let mut file = tiny_model();
            file[4 + field * 4..8 + field * 4].copy_from_slice(&value.to_le_bytes());
            let error = check(&file).expect_err("out of range");
            assert!(matches!(error, ModelError::Format { .. }), "field {field}: {error}");
        }
    }
}

#[test]
fn a_tensor_with_four_dimensions_or_a_huge_side_is_refused() {
    let whole = tiny_model();
    let first = whole.len() - (11 + 15 * 4 + 24) * (16 + 16) - count_name_bytes();
    for (offset, value) in
        [(0, 4_u32), (0, 0), (4, 0), (4, 70_000), (8, 99), (12, 0), (12, 1 << 30)]
    {
        let mut file = whole.clone();
        file[first + offset..first + offset + 4].copy_from_slice(&value.to_le_bytes());
        let error = check(&file).expect_err("bad tensor");
        assert!(matches!(error, ModelError::Format { .. }), "at {offset}: {error}");
    }
}

fn count_name_bytes() -> usize {
    (0..(11 + 15 * 4 + 24)).map(|index| format!("tensor{index}").len()).sum()
}

#[test]
fn a_tensor_that_comes_twice_is_refused() {
    let mut file = tiny_model();
    // tensor1 becomes tensor0.
    let at = file.windows(7).position(|w| w == b"tensor1").expect("second tensor");
    file[at + 6] = b'0';
    assert!(matches!(check(&file), Err(ModelError::Format { .. })));
}

#[test]
fn one_tensor_too_many_is_refused() {
    let mut file = tiny_model();
    for value in [1_u32, 1, 0, 1] {
        file.extend(value.to_le_bytes());
    }
    file.extend(b"x\0\0\0\0");
    assert!(matches!(check(&file), Err(ModelError::Format { .. })));
}

#[test]
fn random_bytes_in_any_place_never_panic() {
    let whole = tiny_model();
    let mut seed = 0x5eed_u64;
    for _ in 0..300 {
        // A small linear generator: the test needs no quality, only to repeat.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut file = whole.clone();
        let at = (seed >> 33) as usize % file.len();
        file[at] ^= (seed >> 20) as u8 | 1;
        let _ = check(&file);
    }
}
