//! Silero's weights at 16 kHz out of its ONNX file: named tensors with the shapes we know, or a reason.
//!
//! Reads the two places where such files keep weights, constants and initialisers, and nothing of how they are used:
//! whether our [`super::Network`] computes what the file's graph does is tried at load by `sawt`.

use std::collections::HashMap;

use prost::Message;

/// The file's network at 16 kHz is not the one we know.
#[derive(Debug, Clone, thiserror::Error)]
#[error("it holds another network than Silero VAD v6 at 16 kHz ({0})")]
pub struct UnknownNetwork(String);

/// The branch of the graph's `If` on the sample rate that runs at 16 kHz.
const BRANCH_AT_16_KHZ: &str = "then_branch";
const FLOAT: i32 = 1;

// What of onnx.proto we read; everything else is skipped.
#[derive(Clone, PartialEq, Message)]
struct Model {
    #[prost(message, optional, tag = "7")]
    graph: Option<Graph>,
}

#[derive(Clone, PartialEq, Message)]
struct Graph {
    #[prost(message, repeated, tag = "1")]
    node: Vec<Node>,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<Tensor>,
}

#[derive(Clone, PartialEq, Message)]
struct Node {
    #[prost(string, repeated, tag = "2")]
    output: Vec<String>,
    #[prost(string, tag = "4")]
    kind: String,
    #[prost(message, repeated, tag = "5")]
    attribute: Vec<Attribute>,
}

#[derive(Clone, PartialEq, Message)]
struct Attribute {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "5")]
    tensor: Option<Tensor>,
    #[prost(message, optional, tag = "6")]
    graph: Option<Graph>,
}

#[derive(Clone, PartialEq, Message)]
struct Tensor {
    #[prost(int64, repeated, tag = "1")]
    dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    kind: i32,
    #[prost(string, tag = "8")]
    name: String,
    #[prost(bytes = "vec", tag = "9")]
    raw: Vec<u8>,
}

/// Tensors of floats by name.
pub(super) struct Weights(HashMap<String, Tensor>);

impl Weights {
    /// Reads the file's `bytes`.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, UnknownNetwork> {
        let model = Model::decode(bytes).map_err(|error| UnknownNetwork(error.to_string()))?;
        let mut tensors = HashMap::new();
        collect(model.graph.unwrap_or_default(), &mut tensors);
        Ok(Self(tensors))
    }

    /// The tensor whose name ends in `name`, which has `shape`.
    pub(super) fn get(&self, name: &str, shape: &[i64]) -> Result<Vec<f32>, UnknownNetwork> {
        let unknown = |detail: String| UnknownNetwork(format!("{name}: {detail}"));
        let mut found = self.0.iter().filter(|(full, _)| full.ends_with(name)).map(|(_, t)| t);
        let (Some(tensor), None) = (found.next(), found.next()) else {
            return Err(unknown("it is missing, or there are several".into()));
        };
        if tensor.dims != shape {
            return Err(unknown(format!("its shape is {:?} and not {shape:?}", tensor.dims)));
        }
        let values: Vec<f32> =
            tensor.raw.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        if values.len() as i64 != shape.iter().product::<i64>() {
            return Err(unknown("its values are not all there".into()));
        }
        Ok(values)
    }
}

/// Depth is bounded by the decoder's own limit on nested messages.
fn collect(graph: Graph, tensors: &mut HashMap<String, Tensor>) {
    let named = graph.initializer.into_iter().map(|tensor| (tensor.name.clone(), tensor));
    tensors.extend(named.filter(|(_, tensor)| tensor.kind == FLOAT));
    for node in graph.node {
        for attribute in node.attribute {
            match (node.kind.as_str(), attribute) {
                ("Constant", Attribute { tensor: Some(tensor), .. }) if tensor.kind == FLOAT => {
                    tensors.extend(node.output.first().map(|name| (name.clone(), tensor)));
                }
                ("If", Attribute { name, graph: Some(graph), .. }) if name == BRANCH_AT_16_KHZ => {
                    collect(graph, tensors);
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(raw: Vec<u8>) -> Vec<u8> {
        let tensor = Tensor { dims: vec![2], kind: FLOAT, name: String::new(), raw };
        let constant = Attribute { name: "value".into(), tensor: Some(tensor), graph: None };
        let node = |kind: &str, output: &str, attribute| Node {
            output: vec![output.into()],
            kind: kind.into(),
            attribute: vec![attribute],
        };
        let inner = |prefix: &str| Graph {
            node: vec![node("Constant", &format!("{prefix}.bias"), constant.clone())],
            initializer: vec![],
        };
        let branch =
            |name: &str| Attribute { name: name.into(), tensor: None, graph: Some(inner(name)) };
        let mut choice = node("If", "out", branch("then_branch"));
        choice.attribute.push(branch("else_branch"));
        Model { graph: Some(Graph { node: vec![choice], initializer: vec![] }) }.encode_to_vec()
    }

    #[test]
    fn weights_of_the_other_sample_rate_are_left_alone() {
        let raw = [1.5_f32, -2.0].into_iter().flat_map(f32::to_le_bytes).collect();
        let weights = Weights::read(&file(raw)).unwrap();
        assert_eq!(weights.get(".bias", &[2]).unwrap(), [1.5, -2.0]);
    }

    #[test]
    fn what_is_not_as_expected_is_said() {
        let weights = Weights::read(&file(vec![0; 7])).unwrap();
        let why = |name, shape: &[i64]| weights.get(name, shape).unwrap_err().to_string();
        assert!(why(".weight", &[2]).contains("missing"));
        assert!(why(".bias", &[1, 2]).contains("shape"));
        assert!(why(".bias", &[2]).contains("not all there"));
        assert!(Weights::read(b"not a model").is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_refused_or_read(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = Weights::read(&bytes).map(|weights| weights.get("x", &[1]).is_err());
        }
    }
}
