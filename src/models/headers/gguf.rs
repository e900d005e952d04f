//! Walks the head of a GGUF file: counts, keys, tensor list. Reads no weights, keeps nothing.

use std::io::{BufReader, Read, Seek};

use super::exact;

pub(super) const MAGIC: [u8; 4] = *b"GGUF";
const KEYS_MAX: u64 = 10_000;
const TENSORS_MAX: u64 = 100_000;
const DIMS_MAX: u32 = 4;
/// Nesting of arrays; real files have one level.
const DEPTH_MAX: u32 = 3;

const TYPE_STRING: u32 = 8;
const TYPE_ARRAY: u32 = 9;

struct Walk<'a, R> {
    input: &'a mut BufReader<R>,
    left: u64,
}

/// Whether the head is whole and every tensor begins inside the file.
pub(super) fn check<R: Read + Seek>(input: &mut BufReader<R>, length: u64) -> Result<(), String> {
    let mut walk = Walk { input, left: length };
    if walk.bytes::<4>()? != MAGIC {
        return Err("it is not a GGUF file".into());
    }
    let version = walk.u32()?;
    if !(2..=3).contains(&version) {
        return Err(format!("GGUF version {version} is not one we read (2 or 3)"));
    }
    let (tensors, keys) = (walk.u64()?, walk.u64()?);
    if tensors == 0 || tensors > TENSORS_MAX || keys > KEYS_MAX {
        return Err(format!("it claims {tensors} tensors and {keys} keys"));
    }
    for _ in 0..keys {
        walk.string()?;
        let kind = walk.u32()?;
        walk.value(kind, 0)?;
    }
    let mut last_offset = 0;
    for _ in 0..tensors {
        walk.string()?;
        let dims = walk.u32()?;
        if dims > DIMS_MAX {
            return Err(format!("a tensor has {dims} dimensions"));
        }
        walk.skip(u64::from(dims) * 8 + 4)?; // sizes and the type
        last_offset = last_offset.max(walk.u64()?);
    }
    // The data follows the head, so what is left must hold the start of the last tensor.
    if last_offset >= walk.left {
        return Err("it is shorter than its tensors: a cut-off copy".into());
    }
    Ok(())
}

impl<R: Read + Seek> Walk<'_, R> {
    fn take(&mut self, count: u64) -> Result<(), String> {
        self.left = self.left.checked_sub(count).ok_or("it ends too early")?;
        Ok(())
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], String> {
        self.take(N as u64)?;
        exact(self.input)
    }

    fn u32(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    fn u64(&mut self) -> Result<u64, String> {
        Ok(u64::from_le_bytes(self.bytes()?))
    }

    fn skip(&mut self, count: u64) -> Result<(), String> {
        self.take(count)?;
        let count = i64::try_from(count).map_err(|_| "a length makes no sense")?;
        self.input.seek_relative(count).map_err(|error| error.to_string())
    }

    fn string(&mut self) -> Result<(), String> {
        let length = self.u64()?;
        self.skip(length)
    }

    fn value(&mut self, kind: u32, depth: u32) -> Result<(), String> {
        if let Some(bytes) = fixed_bytes(kind) {
            return self.skip(bytes);
        }
        match kind {
            TYPE_STRING => self.string(),
            TYPE_ARRAY if depth < DEPTH_MAX => {
                let (item, count) = (self.u32()?, self.u64()?);
                if let Some(bytes) = fixed_bytes(item) {
                    return self.skip(count.checked_mul(bytes).ok_or("a list has no end")?);
                }
                // Each item takes a byte or more, so the file itself bounds this loop.
                if count > self.left {
                    return Err("a list is longer than the file".into());
                }
                (0..count).try_for_each(|_| self.value(item, depth + 1))
            }
            _ => Err(format!("a key has the unknown type {kind}")),
        }
    }
}

/// Size of a value that is a plain number or flag.
const fn fixed_bytes(kind: u32) -> Option<u64> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}
