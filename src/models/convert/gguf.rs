//! GGUF → the same model with its matrices in IQ4_NL, which llama.cpp computes two to three times as
//! fast on a processor as the mixture that "Q4_K_M" gives models whose rows do not divide by 256.
//!
//! The first table, one row a word, stays as it is; so does everything else of the file (keys, words,
//! order of tensors). The last one does not: it is a third of what each token reads. What it does to the
//! answers: BENCHMARKS.md, "The starter's weights".

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::ConvertError;
use super::blocks::{BLOCK, FILE_IQ4_NL, Format, IQ4_NL, IQ4_NL_BYTES, write_iq4_nl};
use crate::models::cancel::CancelFlag;
use crate::models::headers::gguf::{self, Index, Tensor};

const FILE: &str = "the GGUF file";
/// Kept as it is: it is only looked up, one row a token.
const KEPT: &[u8] = b"token_embd.weight";
/// Values that are worked on at once; a multiple of every block.
const PIECE: usize = 1 << 16;

/// Writes the model in `input` with its quantised matrices as IQ4_NL to `output`. The same input gives
/// the same bytes.
///
/// # Errors
/// [`ConvertError`]; a half-written `output` is the caller's to delete.
pub fn gguf_to_iq4_nl(
    input: &Path,
    output: &Path,
    cancel: &CancelFlag,
) -> Result<(), ConvertError> {
    let failed = |action, path: &Path| {
        let path = path.display().to_string();
        move |source| ConvertError::Io { action, path, source }
    };
    let file = File::open(input).map_err(failed("read", input))?;
    let length = file.metadata().map_err(failed("read", input))?.len();
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let index = gguf::read(&mut reader, length).map_err(|detail| ConvertError::Damaged {
        file: FILE,
        at: 0,
        detail,
    })?;
    let plan = plan(&index, length)?;
    let out = File::create(output).map_err(failed("write", output))?;
    let mut copy = Copy { reader, out: BufWriter::with_capacity(1 << 20, out), written: 0, cancel };
    copy.head(&index, &plan).map_err(failed("write", output))?;
    for tensor in &plan {
        copy.tensor(&index, tensor)?;
    }
    copy.out.flush().map_err(failed("write", output))?;
    copy.out.get_ref().sync_all().map_err(failed("write", output))?;
    Ok(())
}

/// What becomes of one tensor.
struct Planned<'a> {
    tensor: &'a Tensor,
    /// Read so and written as IQ4_NL; copied if none.
    from: Option<Format>,
    /// In the input, in bytes.
    bytes: u64,
    /// In the output, in bytes from where the weights start.
    offset: u64,
}

fn plan(index: &Index, length: u64) -> Result<Vec<Planned<'_>>, ConvertError> {
    let damaged =
        |detail: String| ConvertError::Damaged { file: FILE, at: index.weights_at, detail };
    let mut starts: Vec<u64> = index.tensors.iter().map(|tensor| tensor.offset).collect();
    starts.push(length - index.weights_at);
    starts.sort_unstable();
    let mut offset = 0;
    let mut converted = 0_usize;
    let mut plan = Vec::with_capacity(index.tensors.len());
    for tensor in &index.tensors {
        let name = String::from_utf8_lossy(&tensor.name);
        let values = tensor
            .dims
            .iter()
            .try_fold(1_u64, |product, &dim| product.checked_mul(dim))
            .ok_or_else(|| damaged(format!("{name} has no end")))?;
        let wanted = tensor.dims.len() == 2 && tensor.name != KEPT;
        let from = Format::of(tensor.kind).filter(|_| wanted);
        // Where the next one starts; the last ends with the file.
        let end =
            starts[starts.partition_point(|&start| start <= tensor.offset).min(starts.len() - 1)];
        let room = end.saturating_sub(tensor.offset);
        let (bytes, bytes_out) = match from {
            Some(format) => {
                let blocks = |per: usize| values / per as u64;
                if !tensor.dims[0].is_multiple_of(format.values() as u64) {
                    return Err(damaged(format!("rows of {name} are not whole blocks")));
                }
                let bytes = blocks(format.values()).checked_mul(format.bytes() as u64);
                let bytes = bytes
                    .filter(|&bytes| bytes <= room)
                    .ok_or_else(|| damaged(format!("{name} is longer than its place")))?;
                converted += 1;
                (bytes, blocks(BLOCK) * IQ4_NL_BYTES as u64)
            }
            None => (room, room),
        };
        plan.push(Planned { tensor, from, bytes, offset });
        offset = (offset + bytes_out).next_multiple_of(index.alignment);
    }
    if converted == 0 {
        return Err(ConvertError::Unsupported {
            detail: "it has no matrix in Q5_0, Q8_0, Q4_K or Q6_K; use it as it is".into(),
        });
    }
    Ok(plan)
}

struct Copy<'a, R: Read, W: Write> {
    reader: BufReader<R>,
    out: BufWriter<W>,
    written: u64,
    cancel: &'a CancelFlag,
}

impl<R: Read + Seek, W: Write> Copy<'_, R, W> {
    /// Counts and keys as they are but for the file's kind, then the new list of tensors.
    fn head(&mut self, index: &Index, plan: &[Planned<'_>]) -> std::io::Result<()> {
        self.reader.seek(SeekFrom::Start(0))?;
        match index.file_type_at {
            Some(at) => {
                self.copy(at)?;
                self.put(&FILE_IQ4_NL.to_le_bytes())?;
                self.reader.seek_relative(4)?;
                self.copy(index.tensors_at - at - 4)?;
            }
            None => self.copy(index.tensors_at)?,
        }
        for planned in plan {
            let tensor = planned.tensor;
            self.put(&(tensor.name.len() as u64).to_le_bytes())?;
            self.put(&tensor.name)?;
            self.put(&(tensor.dims.len() as u32).to_le_bytes())?;
            for dim in &tensor.dims {
                self.put(&dim.to_le_bytes())?;
            }
            let kind = if planned.from.is_some() { IQ4_NL } else { tensor.kind };
            self.put(&kind.to_le_bytes())?;
            self.put(&planned.offset.to_le_bytes())?;
        }
        self.pad(index.alignment)
    }

    fn tensor(&mut self, index: &Index, planned: &Planned<'_>) -> Result<(), ConvertError> {
        let name = || String::from_utf8_lossy(&planned.tensor.name).into_owned();
        let failed = |source| ConvertError::Io { action: "copy", path: name(), source };
        let start = index.weights_at.saturating_add(planned.tensor.offset);
        self.reader.seek(SeekFrom::Start(start)).map_err(failed)?;
        match planned.from {
            None => self.copy(planned.bytes).map_err(failed)?,
            Some(format) => self.quantise(format, planned.bytes, failed)?,
        }
        self.pad(index.alignment).map_err(failed)
    }

    fn quantise(
        &mut self,
        format: Format,
        bytes: u64,
        failed: impl Fn(std::io::Error) -> ConvertError,
    ) -> Result<(), ConvertError> {
        let piece = (PIECE / format.values() * format.bytes()) as u64;
        let (mut input, mut values, mut output) = (Vec::new(), Vec::new(), Vec::new());
        let mut left = bytes;
        while left > 0 {
            if self.cancel.is_set() {
                return Err(ConvertError::Cancelled);
            }
            let count = left.min(piece);
            left -= count;
            input.resize(count as usize, 0);
            self.reader.read_exact(&mut input).map_err(&failed)?;
            values.clear();
            output.clear();
            input.chunks_exact(format.bytes()).for_each(|block| format.read(block, &mut values));
            values.as_chunks::<BLOCK>().0.iter().for_each(|block| write_iq4_nl(block, &mut output));
            self.put(&output).map_err(&failed)?;
        }
        Ok(())
    }

    fn copy(&mut self, bytes: u64) -> std::io::Result<()> {
        let copied = std::io::copy(&mut (&mut self.reader).take(bytes), &mut self.out)?;
        self.written += copied;
        if copied == bytes { Ok(()) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) }
    }

    fn put(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.written += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    fn pad(&mut self, alignment: u64) -> std::io::Result<()> {
        let missing = self.written.next_multiple_of(alignment) - self.written;
        self.written += missing;
        std::io::copy(&mut std::io::repeat(0).take(missing), &mut self.out).map(drop)
    }
}

#[cfg(test)]
#[path = "gguf_tests.rs"]
mod tests;
