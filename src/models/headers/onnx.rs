//! Walks the outermost fields of an ONNX file, which is a protobuf: version first, one graph, and
//! the lengths add up to the file. Looks at nothing inside the graph.

use std::io::{BufReader, Read, Seek};

use super::exact;

const FIELD_IR_VERSION: u64 = 1;
const FIELD_GRAPH: u64 = 7;
/// IR versions so far are 3 to 13; new ones come about yearly.
const IR_VERSION_MAX: u64 = 30;
const FIELDS_MAX: u32 = 10_000;

/// Whether the file is a whole ONNX model.
pub(super) fn check<R: Read + Seek>(input: &mut BufReader<R>, length: u64) -> Result<(), String> {
    let mut left = length;
    let mut graph = false;
    for _ in 0..FIELDS_MAX {
        if left == 0 {
            return if graph { Ok(()) } else { Err("it has no graph".into()) };
        }
        let key = varint(input, &mut left)?;
        let (field, wire) = (key >> 3, key & 7);
        match wire {
            0 => {
                let value = varint(input, &mut left)?;
                if field == FIELD_IR_VERSION && !(1..=IR_VERSION_MAX).contains(&value) {
                    return Err(format!("{value} is no version of ONNX"));
                }
            }
            1 => skip(input, &mut left, 8)?,
            5 => skip(input, &mut left, 4)?,
            2 => {
                let count = varint(input, &mut left)?;
                skip(input, &mut left, count)?;
                graph |= field == FIELD_GRAPH && count > 0;
            }
            _ => return Err("it is not an ONNX file".into()),
        }
        if !(1..=64).contains(&field) {
            return Err("it is not an ONNX file".into());
        }
    }
    Err("it has too many fields for an ONNX file".into())
}

fn varint<R: Read>(input: &mut R, left: &mut u64) -> Result<u64, String> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        *left = left.checked_sub(1).ok_or("it ends too early")?;
        let [byte] = exact(input)?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err("it is not an ONNX file".into())
}

fn skip<R: Read + Seek>(
    input: &mut BufReader<R>,
    left: &mut u64,
    count: u64,
) -> Result<(), String> {
    *left = left.checked_sub(count).ok_or("it is cut off: a field is longer than the file")?;
    let count = i64::try_from(count).map_err(|_| "a length makes no sense")?;
    input.seek_relative(count).map_err(|error| error.to_string())
}
