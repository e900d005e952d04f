//! Makes a Piper graph tell its phoneme durations. Pure bytes; no ONNX library.
//!
//! The durations are the output of the graph's only `Ceil` node. Protobuf merges repeated
//! messages, so appending a model that holds nothing but one more graph output adds it.

/// The tensor with the frames of each id, `[1, 1, ids]`.
pub(crate) const DURATIONS: &str = "/Ceil_output_0";

/// Samples of one frame in every Piper voice known.
pub(crate) const HOP_SAMPLES: u64 = 256;

/// Adds the durations to the outputs of `model`. A graph without that tensor no longer loads:
/// the caller then cuts the addition off again.
pub(crate) fn expose_durations(model: &mut Vec<u8>) {
    // ModelProto.graph (7) { GraphProto.output (12) { ValueInfoProto.name (1) } }
    let value = field(1, DURATIONS.as_bytes());
    model.extend(field(7, &field(12, &value)));
}

/// A length-delimited protobuf field; both lengths here stay below 128.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    debug_assert!(content.len() < 128 && number < 16);
    let mut out = vec![number << 3 | 2, content.len() as u8];
    out.extend_from_slice(content);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_graph_output_is_appended() {
        let mut model = b"model".to_vec();
        expose_durations(&mut model);
        assert_eq!(model[5..11], [0x3A, 18, 0x62, 16, 0x0A, 14]);
        assert!(model.ends_with(b"/Ceil_output_0"));
    }
}
