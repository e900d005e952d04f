//! A made-up GGUF model, converted, and broken in every way.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::models::headers::gguf::read;

/// A head with a few keys and these tensors: name, dims, kind, bytes.
fn model(tensors: &[(&str, &[u64], u32, Vec<u8>)]) -> Vec<u8> {
    fn string(out: &mut Vec<u8>, text: &str) {
        out.extend((text.len() as u64).to_le_bytes());
        out.extend(text.as_bytes());
    }
    let mut out = b"GGUF".to_vec();
    out.extend(3_u32.to_le_bytes());
    out.extend((tensors.len() as u64).to_le_bytes());
    out.extend(3_u64.to_le_bytes());
    string(&mut out, "general.architecture");
    out.extend(8_u32.to_le_bytes());
    string(&mut out, "qwen2");
    string(&mut out, "general.file_type");
    out.extend(4_u32.to_le_bytes());
    out.extend(15_u32.to_le_bytes());
    string(&mut out, "general.alignment");
    out.extend(4_u32.to_le_bytes());
    out.extend(64_u32.to_le_bytes());
    let mut offset = 0_u64;
    for (name, dims, kind, bytes) in tensors {
        string(&mut out, name);
        out.extend((dims.len() as u32).to_le_bytes());
        dims.iter().for_each(|dim| out.extend(dim.to_le_bytes()));
        out.extend(kind.to_le_bytes());
        out.extend(offset.to_le_bytes());
        offset = (offset + bytes.len() as u64).next_multiple_of(64);
    }
    for (.., bytes) in tensors {
        out.resize(out.len().next_multiple_of(64), 0);
        out.extend(bytes);
    }
    out
}

fn whole() -> Vec<u8> {
    // 64 values a row, 2 rows: 4 blocks of Q8_0 with the scale 1 and the values 0 to 31.
    let block = || [0, 0x3c].into_iter().chain(0..32);
    let blocks: Vec<u8> = (0..4).flat_map(|_| block()).collect();
    model(&[
        ("token_embd.weight", &[64, 2], 8, blocks.clone()),
        ("blk.0.ffn_up.weight", &[64, 2], 8, blocks.clone()),
        ("output.weight", &[64, 2], 8, blocks),
        ("blk.0.norm.weight", &[4], 0, vec![7; 16]),
    ])
}

fn convert(input: &[u8]) -> Result<Vec<u8>, ConvertError> {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("a.gguf"), folder.path().join("b.gguf"));
    std::fs::write(&from, input).unwrap();
    gguf_to_iq4_nl(&from, &to, &CancelFlag::default())?;
    Ok(std::fs::read(to).unwrap())
}

#[test]
fn matrices_become_iq4_nl_and_all_else_stays() {
    let (input, output) = (whole(), convert(&whole()).unwrap());
    let index = |bytes: &[u8]| {
        let length = bytes.len() as u64;
        read(&mut BufReader::new(Cursor::new(bytes.to_vec())), length).unwrap()
    };
    let (before, after) = (index(&input), index(&output));
    let kinds: Vec<u32> = after.tensors.iter().map(|tensor| tensor.kind).collect();
    assert_eq!(kinds, [8, IQ4_NL, IQ4_NL, 0]);
    let bytes_of = |bytes: &[u8], index: &Index, n: usize, count: usize| {
        bytes[(index.weights_at + index.tensors[n].offset) as usize..][..count].to_vec()
    };
    for (n, count) in [(0, 4 * 34), (3, 16)] {
        assert_eq!(bytes_of(&output, &after, n, count), bytes_of(&input, &before, n, count));
    }
    let names = |index: &Index| {
        index.tensors.iter().map(|t| (t.name.clone(), t.dims.clone())).collect::<Vec<_>>()
    };
    assert_eq!(names(&after), names(&before));
    assert!(after.tensors.iter().all(|tensor| tensor.offset.is_multiple_of(64)));
    let kind = after.file_type_at.unwrap() as usize;
    assert_eq!(output[kind..kind + 4], FILE_IQ4_NL.to_le_bytes());
    let mut expected = Vec::new();
    write_iq4_nl(&std::array::from_fn(|i| i as f32), &mut expected);
    for n in [1, 2] {
        assert_eq!(bytes_of(&output, &after, n, 4 * IQ4_NL_BYTES), expected.repeat(4));
    }
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let input = whole();
    // The last tensor is only copied: where it is cut can not be seen.
    for length in 0..input.len() - 16 {
        assert!(convert(&input[..length]).is_err(), "cut at {length}");
    }
}

#[test]
fn a_model_with_nothing_to_convert_is_told_so() {
    let error = convert(&model(&[("norm.weight", &[4], 0, vec![0; 16])])).unwrap_err();
    assert!(error.to_string().contains("use it as it is"), "{error}");
}

#[test]
fn a_cancelled_conversion_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("a.gguf");
    std::fs::write(&from, whole()).unwrap();
    let cancel = CancelFlag::default();
    cancel.set();
    let result = gguf_to_iq4_nl(&from, &folder.path().join("b.gguf"), &cancel);
    assert!(matches!(result, Err(ConvertError::Cancelled)));
}

proptest! {
    /// Whatever a byte becomes, there is a file or an error, and no panic.
    #[test]
    fn a_changed_file_never_panics(at in 0..whole().len(), value: u8) {
        let mut input = whole();
        input[at] = value;
        let _ = convert(&input);
    }
}
