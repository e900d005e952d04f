//! Walks a ggml Whisper file from end to end: header, filters, words, tensors. Reads no weights.

use std::io::{BufReader, Read, Seek};

use super::exact;

pub(super) const MAGIC: [u8; 4] = *b"lmgg";
const WORD_BYTES_MAX: u32 = 1 << 12;
const NAME_BYTES_MAX: u32 = 256;
const TENSORS_MAX: u32 = 16_384;

struct Walk<'a, R> {
    input: &'a mut BufReader<R>,
    left: u64,
}

/// Whether the header makes sense and the tensors end where the file does.
pub(super) fn check<R: Read + Seek>(input: &mut BufReader<R>, length: u64) -> Result<(), String> {
    let mut walk = Walk { input, left: length };
    if walk.bytes::<4>()? != MAGIC {
        return Err("it is not a ggml Whisper file".into());
    }
    let mut header = [0_u32; 11];
    for value in &mut header {
        *value = walk.u32()?;
    }
    let [vocab, audio_ctx, state, head, layer, text_ctx, _, _, text_layer, mels, _] = header;
    let sane = (50_000..60_000).contains(&vocab)
        && (1..=10_000).contains(&audio_ctx)
        && (1..=10_000).contains(&text_ctx)
        && (1..=16_384).contains(&state)
        && (1..=state).contains(&head)
        && (1..=128).contains(&layer)
        && (1..=128).contains(&text_layer)
        && (1..=256).contains(&mels);
    if !sane {
        return Err("its header makes no sense for a Whisper model".into());
    }

    let (rows, bins) = (walk.u32()?, walk.u32()?);
    if rows != mels || bins > 1024 {
        return Err("its mel filters make no sense".into());
    }
    walk.skip(u64::from(rows) * u64::from(bins) * 4)?;
    let words = walk.u32()?;
    if words > vocab {
        return Err("it claims more words than its header".into());
    }
    for _ in 0..words {
        let length = walk.u32()?;
        walk.skip(u64::from(length.min(WORD_BYTES_MAX)))?;
    }

    let mut tensors = 0;
    while walk.left > 0 {
        walk.tensor()?;
        tensors += 1;
        if tensors > TENSORS_MAX {
            return Err("it has too many tensors".into());
        }
    }
    // A file cut exactly between two tensors is whole so far, but too short for its layers.
    if tensors < 15 * layer + 24 * text_layer {
        return Err("it is shorter than its header says: a cut-off copy".into());
    }
    Ok(())
}

impl<R: Read + Seek> Walk<'_, R> {
    fn take(&mut self, count: u64) -> Result<(), String> {
        self.left = self.left.checked_sub(count).ok_or("it is cut off: it ends too early")?;
        Ok(())
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], String> {
        self.take(N as u64)?;
        exact(self.input)
    }

    fn u32(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    fn skip(&mut self, count: u64) -> Result<(), String> {
        self.take(count)?;
        let count = i64::try_from(count).map_err(|_| "a length makes no sense")?;
        self.input.seek_relative(count).map_err(|error| error.to_string())
    }

    fn tensor(&mut self) -> Result<(), String> {
        let (rank, name_length, kind) = (self.u32()?, self.u32()?, self.u32()?);
        if rank > 4 || name_length > NAME_BYTES_MAX {
            return Err("a tensor makes no sense".into());
        }
        let mut numbers = 1_u64;
        for _ in 0..rank {
            let dim = u64::from(self.u32()?);
            numbers = numbers.checked_mul(dim).ok_or("a tensor has no end")?;
        }
        self.skip(u64::from(name_length))?;
        let (block_numbers, block_bytes) = block(kind)?;
        let bytes = numbers.div_ceil(block_numbers).checked_mul(block_bytes);
        self.skip(bytes.ok_or("a tensor has no end")?)
    }
}

/// How ggml packs this type: numbers in a block, and its bytes.
fn block(kind: u32) -> Result<(u64, u64), String> {
    Ok(match kind {
        0 => (1, 4),
        1 => (1, 2),
        2 => (32, 18),
        3 => (32, 20),
        6 => (32, 22),
        7 => (32, 24),
        8 => (32, 34),
        10 => (256, 84),
        11 => (256, 110),
        12 => (256, 144),
        13 => (256, 176),
        14 => (256, 210),
        _ => return Err(format!("a tensor has the unknown type {kind}")),
    })
}
