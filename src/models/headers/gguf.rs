//! Walks the head of a GGUF file: counts, keys, tensor list. Reads no weights; of the keys it keeps
//! only what a converter needs.

use std::io::{BufReader, Read, Seek};

use super::exact;

pub(in crate::models) const MAGIC: [u8; 4] = *b"GGUF";
const KEYS_MAX: u64 = 10_000;
const TENSORS_MAX: u64 = 100_000;
const DIMS_MAX: u32 = 4;
/// Longest name of a key or a tensor that we read: what the format allows.
const NAME_BYTES_MAX: u64 = 65_535;
/// Nesting of arrays; real files have one level.
const DEPTH_MAX: u32 = 3;
/// Weights start at multiples of this where no key says otherwise.
const ALIGNMENT: u32 = 32;

const TYPE_U32: u32 = 4;
const TYPE_STRING: u32 = 8;
const TYPE_ARRAY: u32 = 9;

/// The head of a GGUF file.
#[derive(Debug)]
pub(in crate::models) struct Index {
    /// Byte at which the list of tensors starts: before it are the counts and the keys.
    pub(in crate::models) tensors_at: u64,
    /// Byte at which the weights start.
    pub(in crate::models) weights_at: u64,
    /// Every tensor starts at a multiple of this, in bytes from `weights_at`.
    pub(in crate::models) alignment: u64,
    /// Byte at which the value of `general.file_type` stands (u32): the kind of most tensors.
    pub(in crate::models) file_type_at: Option<u64>,
    /// In the file's order.
    pub(in crate::models) tensors: Vec<Tensor>,
}

/// One tensor of the list.
#[derive(Debug)]
pub(in crate::models) struct Tensor {
    pub(in crate::models) name: Vec<u8>,
    /// Values per row first.
    pub(in crate::models) dims: Vec<u64>,
    /// ggml's number of the format of its weights.
    pub(in crate::models) kind: u32,
    /// In bytes from where the weights start.
    pub(in crate::models) offset: u64,
}

struct Walk<'a, R> {
    input: &'a mut BufReader<R>,
    length: u64,
    left: u64,
}

/// Whether the head is whole and every tensor begins inside the file.
pub(super) fn check<R: Read + Seek>(input: &mut BufReader<R>, length: u64) -> Result<(), String> {
    read(input, length).map(drop)
}

/// Reads the head of a file of `length` bytes, from its start.
///
/// # Errors
/// What is wrong with it, as a part of a sentence.
pub(in crate::models) fn read<R: Read + Seek>(
    input: &mut BufReader<R>,
    length: u64,
) -> Result<Index, String> {
    let mut walk = Walk { input, length, left: length };
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
    let (mut alignment, mut file_type_at) = (ALIGNMENT, None);
    for _ in 0..keys {
        let name = walk.name()?;
        let kind = walk.u32()?;
        match (name.as_slice(), kind) {
            (b"general.alignment", TYPE_U32) => alignment = walk.u32()?,
            (b"general.file_type", TYPE_U32) => {
                file_type_at = Some(walk.at());
                walk.skip(4)?;
            }
            _ => walk.value(kind, 0)?,
        }
    }
    if !alignment.is_power_of_two() {
        return Err(format!(
            "its weights are aligned to {alignment} bytes, which is no power of 2"
        ));
    }
    let tensors_at = walk.at();
    let tensors: Vec<Tensor> = (0..tensors).map(|_| walk.tensor()).collect::<Result<_, _>>()?;
    let alignment = u64::from(alignment);
    let weights_at = walk.at().next_multiple_of(alignment);
    // What is left must hold the start of the last tensor.
    let last = tensors.iter().map(|tensor| tensor.offset).max().unwrap_or_default();
    if weights_at.checked_add(last).is_none_or(|start| start >= length) {
        return Err("it is shorter than its tensors: a cut-off copy".into());
    }
    Ok(Index { tensors_at, weights_at, alignment, file_type_at, tensors })
}

impl<R: Read + Seek> Walk<'_, R> {
    /// Where the next byte stands.
    fn at(&self) -> u64 {
        self.length - self.left
    }

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

    fn name(&mut self) -> Result<Vec<u8>, String> {
        let length = self.u64()?;
        if length > NAME_BYTES_MAX {
            return Err(format!("a name has {length} bytes"));
        }
        self.take(length)?;
        let mut name = vec![0; usize::try_from(length).map_err(|_| "a length makes no sense")?];
        self.input.read_exact(&mut name).map_err(|_| "it ends too early")?;
        Ok(name)
    }

    fn tensor(&mut self) -> Result<Tensor, String> {
        let name = self.name()?;
        let dims = self.u32()?;
        if dims > DIMS_MAX {
            return Err(format!("a tensor has {dims} dimensions"));
        }
        let dims = (0..dims).map(|_| self.u64()).collect::<Result<_, _>>()?;
        Ok(Tensor { name, dims, kind: self.u32()?, offset: self.u64()? })
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
