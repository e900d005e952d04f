//! Reads CTranslate2's `model.bin`: an index of tensors, then one tensor at a time.
//! Knows nothing of ggml. Holds at most one tensor in memory.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};

use super::ConvertError;

const FILE: &str = super::CT2_WEIGHTS;
const FORMAT_VERSION: u32 = 6;
const SPEC_NAME: &str = "WhisperSpec";
const SPEC_REVISION: u32 = 3;
/// Whisper large has about 1,260 tensors; a count above this is damage.
const TENSORS_MAX: u32 = 16_384;
/// A tensor of Whisper has at most three dimensions.
const RANK_MAX: u8 = 4;

/// What a number in the file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DataType {
    F32,
    I8,
    I16,
    I32,
    F16,
    Bf16,
}

impl DataType {
    fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::F32,
            1 => Self::I8,
            2 => Self::I16,
            3 => Self::I32,
            4 => Self::F16,
            5 => Self::Bf16,
            _ => return None,
        })
    }

    const fn bytes(self) -> u64 {
        match self {
            Self::I8 => 1,
            Self::I16 | Self::F16 | Self::Bf16 => 2,
            Self::F32 | Self::I32 => 4,
        }
    }
}

/// Where one tensor lies.
#[derive(Debug, Clone)]
pub(super) struct TensorInfo {
    pub(super) dims: Vec<u32>,
    pub(super) data_type: DataType,
    offset: u64,
    bytes: u64,
}

/// The index of a model and the file behind it.
pub(super) struct Model<R> {
    input: R,
    tensors: BTreeMap<String, TensorInfo>,
}

/// Reads little-endian numbers and remembers where it is.
struct Cursor<'a, R> {
    input: &'a mut R,
    at: u64,
    length: u64,
}

impl<R: Read + Seek> Cursor<'_, R> {
    fn damaged(&self, detail: impl Into<String>) -> ConvertError {
        ConvertError::Damaged { file: FILE, at: self.at, detail: detail.into() }
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], ConvertError> {
        let mut buffer = [0; N];
        self.fill(&mut buffer)?;
        Ok(buffer)
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), ConvertError> {
        if self.length.saturating_sub(self.at) < buffer.len() as u64 {
            return Err(self.damaged("the file ends too early"));
        }
        self.input.read_exact(buffer).map_err(|error| self.damaged(error.to_string()))?;
        self.at += buffer.len() as u64;
        Ok(())
    }

    fn u8(&mut self) -> Result<u8, ConvertError> {
        Ok(self.bytes::<1>()?[0])
    }

    fn u32(&mut self) -> Result<u32, ConvertError> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    /// A length of 16 bits that counts the closing NUL, then the bytes.
    fn string(&mut self) -> Result<String, ConvertError> {
        let length = u16::from_le_bytes(self.bytes()?);
        let mut buffer = vec![0; usize::from(length)];
        self.fill(&mut buffer)?;
        if buffer.pop() != Some(0) {
            return Err(self.damaged("a name does not end where it should"));
        }
        String::from_utf8(buffer).map_err(|_| self.damaged("a name is not UTF-8"))
    }

    fn skip(&mut self, count: u64) -> Result<(), ConvertError> {
        if self.length.saturating_sub(self.at) < count {
            return Err(self.damaged("the file ends inside a tensor"));
        }
        self.at += count;
        self.input
            .seek(SeekFrom::Start(self.at))
            .map_err(|error| self.damaged(error.to_string()))?;
        Ok(())
    }
}

/// Whether the first bytes say version 6 of `WhisperSpec`.
pub(super) fn has_whisper_spec<R: Read + Seek>(input: &mut R) -> bool {
    let mut cursor = Cursor { input, at: 0, length: 64 };
    cursor.u32().is_ok_and(|version| version == FORMAT_VERSION)
        && cursor.string().is_ok_and(|spec| spec == SPEC_NAME)
}

impl<R: Read + Seek> Model<R> {
    /// Reads the index. `length` is the length of the file in bytes.
    pub(super) fn read_index(mut input: R, length: u64) -> Result<Self, ConvertError> {
        let mut cursor = Cursor { input: &mut input, at: 0, length };
        let version = cursor.u32()?;
        if version != FORMAT_VERSION {
            return Err(unsupported(format!("{FILE} has format version {version}, not 6")));
        }
        let (spec, revision) = (cursor.string()?, cursor.u32()?);
        if spec != SPEC_NAME || revision != SPEC_REVISION {
            return Err(unsupported(format!(
                "it is a {spec:?} revision {revision}, not a WhisperSpec revision 3"
            )));
        }

        let count = cursor.u32()?;
        if count > TENSORS_MAX {
            return Err(cursor.damaged(format!("{count} tensors are more than {TENSORS_MAX}")));
        }
        let mut tensors = BTreeMap::new();
        for _ in 0..count {
            let name = cursor.string()?;
            let info = read_tensor_info(&mut cursor)?;
            if tensors.insert(name.clone(), info).is_some() {
                return Err(cursor.damaged(format!("tensor {name:?} is there twice")));
            }
        }

        let aliases = cursor.u32()?;
        if aliases > TENSORS_MAX {
            return Err(cursor.damaged(format!("{aliases} aliases are more than {TENSORS_MAX}")));
        }
        for _ in 0..aliases {
            let (alias, target) = (cursor.string()?, cursor.string()?);
            let Some(info) = tensors.get(&target).cloned() else {
                return Err(cursor.damaged(format!("alias {alias:?} points at nothing")));
            };
            tensors.insert(alias, info);
        }
        if cursor.at != length {
            return Err(cursor.damaged("bytes follow the end of the model"));
        }
        Ok(Self { input, tensors })
    }

    /// Where a tensor lies and what it is.
    pub(super) fn info(&self, name: &str) -> Result<&TensorInfo, ConvertError> {
        self.tensors.get(name).ok_or_else(|| unsupported(format!("the tensor {name:?} is missing")))
    }

    /// How many layers `prefix` counts: `encoder/layer_0/…`, `encoder/layer_1/…`
    pub(super) fn layers(&self, prefix: &str) -> u32 {
        (0..TENSORS_MAX)
            .find(|layer| {
                !self.tensors.contains_key(&format!("{prefix}/layer_{layer}/ffn/linear_0/weight"))
            })
            .unwrap_or(TENSORS_MAX)
    }

    /// A number such as `encoder/num_heads`.
    pub(super) fn scalar(&mut self, name: &str) -> Result<i64, ConvertError> {
        let info = self.info(name)?.clone();
        let data = self.raw(&info)?;
        match (info.data_type, data.as_slice()) {
            (DataType::I8, &[a]) => Ok(i64::from(i8::from_le_bytes([a]))),
            (DataType::I16, &[a, b]) => Ok(i64::from(i16::from_le_bytes([a, b]))),
            (DataType::I32, &[a, b, c, d]) => Ok(i64::from(i32::from_le_bytes([a, b, c, d]))),
            _ => Err(unsupported(format!("{name:?} is not one whole number"))),
        }
    }

    /// The numbers of a tensor as f32.
    pub(super) fn floats(&mut self, name: &str) -> Result<Vec<f32>, ConvertError> {
        let info = self.info(name)?.clone();
        let data = self.raw(&info)?;
        let pair = |b: &[u8]| [b[0], b[1]];
        Ok(match info.data_type {
            DataType::F32 => {
                data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
            }
            DataType::F16 => {
                data.chunks_exact(2).map(|b| half::f16::from_le_bytes(pair(b)).to_f32()).collect()
            }
            DataType::Bf16 => {
                data.chunks_exact(2).map(|b| half::bf16::from_le_bytes(pair(b)).to_f32()).collect()
            }
            DataType::I8 | DataType::I16 | DataType::I32 => {
                return Err(unsupported(format!("{name:?} is quantised")));
            }
        })
    }

    fn raw(&mut self, info: &TensorInfo) -> Result<Vec<u8>, ConvertError> {
        let io = |source| ConvertError::Io { action: "read", path: FILE.into(), source };
        // The index was checked against the length of the file, so this is never more than that.
        let length = usize::try_from(info.bytes)
            .map_err(|_| unsupported("a tensor is larger than this machine's memory".into()))?;
        let mut data = vec![0; length];
        self.input.seek(SeekFrom::Start(info.offset)).map_err(io)?;
        self.input.read_exact(&mut data).map_err(io)?;
        Ok(data)
    }
}

fn read_tensor_info<R: Read + Seek>(
    cursor: &mut Cursor<'_, R>,
) -> Result<TensorInfo, ConvertError> {
    let rank = cursor.u8()?;
    if rank > RANK_MAX {
        return Err(cursor.damaged(format!("a tensor has {rank} dimensions")));
    }
    let mut dims = Vec::with_capacity(usize::from(rank));
    for _ in 0..rank {
        dims.push(cursor.u32()?);
    }
    let code = cursor.u8()?;
    let Some(data_type) = DataType::from_code(code) else {
        return Err(cursor.damaged(format!("unknown data type {code}")));
    };
    let bytes = u64::from(cursor.u32()?);
    let expected = dims
        .iter()
        .try_fold(data_type.bytes(), |product, &dim| product.checked_mul(u64::from(dim)));
    if expected != Some(bytes) {
        return Err(cursor.damaged(format!("{dims:?} of {data_type:?} are not {bytes} bytes")));
    }
    let offset = cursor.at;
    cursor.skip(bytes)?;
    Ok(TensorInfo { dims, data_type, offset, bytes })
}

pub(super) fn unsupported(detail: String) -> ConvertError {
    let detail = format!("{detail}; use a float16 CTranslate2 Whisper model");
    ConvertError::Unsupported { detail }
}
