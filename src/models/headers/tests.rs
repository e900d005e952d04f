//! Made-up files of each format, whole and broken.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;

/// One string key, one list, one tensor, 32 bytes of data.
fn a_gguf() -> Vec<u8> {
    let mut file = b"GGUF".to_vec();
    let text = |file: &mut Vec<u8>, text: &str| {
        file.extend((text.len() as u64).to_le_bytes());
        file.extend(text.bytes());
    };
    file.extend(3_u32.to_le_bytes());
    file.extend(1_u64.to_le_bytes());
    file.extend(2_u64.to_le_bytes());
    text(&mut file, "general.architecture");
    file.extend(8_u32.to_le_bytes());
    text(&mut file, "llama");
    text(&mut file, "tokens");
    file.extend(9_u32.to_le_bytes());
    file.extend(8_u32.to_le_bytes());
    file.extend(2_u64.to_le_bytes());
    text(&mut file, "a");
    text(&mut file, "b");
    text(&mut file, "weights");
    file.extend(1_u32.to_le_bytes());
    file.extend(8_u64.to_le_bytes());
    file.extend(0_u32.to_le_bytes());
    file.extend(0_u64.to_le_bytes());
    file.extend([0; 32]);
    file
}

fn gguf_check(file: &[u8]) -> Result<(), String> {
    gguf::check(&mut BufReader::new(Cursor::new(file)), file.len() as u64)
}

fn onnx_check(file: &[u8]) -> Result<(), String> {
    onnx::check(&mut BufReader::new(Cursor::new(file)), file.len() as u64)
}

#[test]
fn a_whole_gguf_passes_and_every_cut_of_its_head_fails() {
    let whole = a_gguf();
    assert_eq!(gguf_check(&whole), Ok(()));
    for length in 0..whole.len() - 31 {
        assert!(gguf_check(&whole[..length]).is_err(), "{length}");
    }
}

#[test]
fn claims_that_no_file_can_hold_are_refused() {
    for at in [8, 16, 24] {
        let mut file = a_gguf();
        file[at..at + 8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(gguf_check(&file).is_err(), "{at}");
    }
    let mut version = a_gguf();
    version[4] = 9;
    assert!(gguf_check(&version).unwrap_err().contains("version 9"));
}

#[test]
fn onnx_is_a_version_and_a_graph_that_end_with_the_file() {
    let whole = [0x08, 8, 0x3a, 2, 1, 2];
    assert_eq!(onnx_check(&whole), Ok(()));
    for broken in [
        &whole[..5],             // cut off
        &[0x08, 99, 0x3a, 1, 0], // no such version
        &[0x08, 8],              // no graph
        b"<html>not found</html>",
        b"version https://git-lfs.github.com/spec/v1\n",
        b"",
    ] {
        assert!(onnx_check(broken).is_err(), "{broken:?}");
    }
}

/// One layer on each side, every tensor of one f16 number.
fn a_whisper() -> Vec<u8> {
    let mut file = whisper::MAGIC.to_vec();
    for value in [51_865_u32, 1500, 8, 2, 1, 448, 8, 2, 1, 80, 1, 80, 2] {
        file.extend(value.to_le_bytes());
    }
    file.extend([0; 80 * 2 * 4]);
    file.extend([1_u32, 3].map(u32::to_le_bytes).concat());
    file.extend(b"the");
    for _ in 0..15 + 24 {
        file.extend([1_u32, 1, 1, 1].map(u32::to_le_bytes).concat());
        file.extend(b"t\0\0");
    }
    file
}

fn whisper_check(file: &[u8]) -> Result<(), String> {
    whisper::check(&mut BufReader::new(Cursor::new(file)), file.len() as u64)
}

#[test]
fn a_whole_whisper_passes_and_every_cut_fails() {
    let whole = a_whisper();
    assert_eq!(whisper_check(&whole), Ok(()));
    for length in 0..whole.len() {
        assert!(whisper_check(&whole[..length]).is_err(), "{length}");
    }
    let mut header = whole;
    header[4..6].copy_from_slice(&[0, 0]);
    assert!(whisper_check(&header).unwrap_err().contains("no sense"));
}

#[test]
fn a_library_for_another_machine_is_refused() {
    let mut file = vec![0; 64];
    file[..5].copy_from_slice(b"\x7fELF\x02");
    file[18] = 8; // MIPS
    assert!(library(&mut file.as_slice()).unwrap_err().contains("another machine"));
}

#[test]
fn a_voice_needs_a_sane_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("voice.onnx.json");
    assert!(voice_json(&path).unwrap_err().to_string().contains("beside NAME.onnx"));
    let good =
        r#"{"audio":{"sample_rate":22050},"espeak":{"voice":"ar"},"phoneme_id_map":{"a":[1]}}"#;
    std::fs::write(&path, good).unwrap();
    voice_json(&path).unwrap();
    for bad in [
        "",
        "[]",
        "{",
        r#"{"audio":{"sample_rate":0}}"#,
        r#"{"audio":{"sample_rate":22050},"espeak":{"voice":"ar"},"phoneme_id_map":{}}"#,
        r#"{"audio":{"sample_rate":22050},"espeak":7,"phoneme_id_map":{"a":[1]}}"#,
    ] {
        std::fs::write(&path, bad).unwrap();
        assert!(voice_json(&path).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn damaged_gguf_never_panics(at in 0_usize..200, byte in any::<u8>()) {
        let mut file = a_gguf();
        let at = at % file.len();
        file[at] = byte;
        let _ = gguf_check(&file);
    }

    #[test]
    fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = gguf_check(&noise);
        let _ = gguf_check(&[&b"GGUF\x03\0\0\0"[..], &noise].concat());
        let _ = onnx_check(&noise);
        let _ = whisper_check(&noise);
        let _ = whisper_check(&[&a_whisper()[..700], &noise].concat());
    }
}
