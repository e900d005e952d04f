//! Takes an ONNX model apart into nodes and weights, and writes a part of it as a model of its own.
//!
//! Knows of each node only its kind and the names of its tensors; attributes, weights and whatever
//! newer formats add are copied as bytes. Runs nothing and checks no types: ONNX Runtime does.

pub(crate) mod wire;

use std::collections::{HashMap, HashSet};

use self::wire::{Malformed, fields, put_bytes, put_length, put_number};

/// More nodes than any voice has; keeps a hostile file from filling the memory.
const NODES_MAX: usize = 100_000;
/// Tensors named by all nodes together, for the same reason.
const NAMES_MAX: usize = 2_000_000;
/// Tensors named by one node.
const NODE_NAMES_MAX: usize = 4096;
/// Nested graphs (`If`, `Loop`) deeper than this are nobody's voice.
const NESTED_MAX: usize = 8;

// Field numbers of onnx.proto.
const MODEL_GRAPH: u64 = 7;
const GRAPH_NODE: u64 = 1;
const GRAPH_NAME: u64 = 2;
const GRAPH_INITIALIZER: u64 = 5;
const GRAPH_INPUT: u64 = 11;
const GRAPH_OUTPUT: u64 = 12;
const GRAPH_VALUE_INFO: u64 = 13;

/// Why a file can not be taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OnnxError {
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("it holds no graph")]
    NoGraph,
    #[error("it has too many nodes, or too many tensors")]
    TooMany,
    #[error("its graphs are nested too deep")]
    TooDeep,
}

/// A model taken apart; borrows the file's bytes.
#[derive(Debug, Default)]
pub(crate) struct Model<'a> {
    /// Everything but the graph.
    head: Vec<&'a [u8]>,
    pub(crate) nodes: Vec<Node<'a>>,
    initializers: Vec<Named<'a>>,
    inputs: Vec<Named<'a>>,
    pub(crate) outputs: Vec<&'a str>,
    /// Types of inner tensors, where the file tells them.
    types: HashMap<&'a str, &'a [u8]>,
    /// The node that makes each tensor.
    producers: HashMap<&'a str, usize>,
    /// Tensors that nodes name, counted against a bound.
    names: usize,
}

/// One operation.
#[derive(Debug)]
pub(crate) struct Node<'a> {
    pub(crate) kind: &'a str,
    /// Tensors it reads, those that its nested graphs read included.
    pub(crate) inputs: Vec<&'a str>,
    pub(crate) outputs: Vec<&'a str>,
    raw: &'a [u8],
}

#[derive(Debug)]
struct Named<'a> {
    name: &'a str,
    raw: &'a [u8],
}

impl<'a> Model<'a> {
    /// Takes the file's `bytes` apart.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, OnnxError> {
        let mut model = Self::default();
        let mut has_graph = false;
        for field in fields(bytes) {
            let field = field?;
            if field.number == MODEL_GRAPH {
                has_graph = true;
                model.add_graph(field.bytes()?)?;
            } else {
                model.head.push(field.raw);
            }
        }
        if !has_graph {
            return Err(OnnxError::NoGraph);
        }
        for (index, node) in model.nodes.iter().enumerate() {
            let made = node.outputs.iter().filter(|name| !name.is_empty());
            model.producers.extend(made.map(|&name| (name, index)));
        }
        Ok(model)
    }

    fn add_graph(&mut self, graph: &'a [u8]) -> Result<(), OnnxError> {
        for field in fields(graph) {
            let field = field?;
            match field.number {
                GRAPH_NODE => {
                    let mut node = Node::parse(field.bytes()?, 0)?;
                    node.raw = field.raw;
                    self.names += node.inputs.len() + node.outputs.len();
                    if self.nodes.len() == NODES_MAX || self.names > NAMES_MAX {
                        return Err(OnnxError::TooMany);
                    }
                    self.nodes.push(node);
                }
                GRAPH_INITIALIZER => {
                    let name = name_of(field.bytes()?, 8)?; // TensorProto.name
                    self.initializers.push(Named { name, raw: field.raw });
                }
                GRAPH_INPUT => {
                    let name = name_of(field.bytes()?, 1)?;
                    self.inputs.push(Named { name, raw: field.raw });
                }
                GRAPH_OUTPUT => self.outputs.push(name_of(field.bytes()?, 1)?),
                GRAPH_VALUE_INFO => {
                    let name = name_of(field.bytes()?, 1)?;
                    self.types.insert(name, field.bytes()?);
                }
                // Names, docs and quantisation notes of the whole graph: nothing that runs.
                _ => {}
            }
        }
        Ok(())
    }

    /// The node that makes `tensor`; none for inputs and weights.
    pub(crate) fn producer(&self, tensor: &str) -> Option<usize> {
        self.producers.get(tensor).copied()
    }

    /// The nodes that read `tensor`.
    pub(crate) fn consumers(&self, tensor: &str) -> impl Iterator<Item = usize> {
        let reads = move |node: &Node<'_>| node.inputs.contains(&tensor);
        self.nodes.iter().enumerate().filter(move |(_, node)| reads(node)).map(|(index, _)| index)
    }

    /// Whether `tensor` is given from outside.
    pub(crate) fn is_input(&self, tensor: &str) -> bool {
        self.inputs.iter().any(|input| input.name == tensor)
            && !self.initializers.iter().any(|weights| weights.name == tensor)
    }

    /// Nodes needed to make `wanted` when the tensors `given` come from outside.
    pub(crate) fn needed(&self, wanted: &[&str], given: &[&str]) -> Vec<bool> {
        let mut needed = vec![false; self.nodes.len()];
        let mut waiting: Vec<&str> = wanted.to_vec();
        while let Some(tensor) = waiting.pop() {
            let Some(index) = self.producer(tensor).filter(|_| !given.contains(&tensor)) else {
                continue;
            };
            if !std::mem::replace(&mut needed[index], true) {
                waiting.extend(&self.nodes[index].inputs);
            }
        }
        needed
    }

    /// A model of its own that makes `outputs` from the tensors `given`, three-dimensional floats,
    /// and from whichever of this model's own inputs that takes.
    pub(crate) fn extract(&self, given: &[&str], outputs: &[&str]) -> Vec<u8> {
        let needed = self.needed(outputs, given);
        let kept = || self.nodes.iter().zip(&needed).filter(|(_, kept)| **kept).map(|(n, _)| n);
        let read: HashSet<&str> = kept().flat_map(|node| node.inputs.iter().copied()).collect();
        let is_read =
            |named: &&Named<'_>| read.contains(named.name) && !given.contains(&named.name);
        let weights_and_inputs = || self.initializers.iter().chain(&self.inputs).filter(is_read);
        let mut rest = Vec::new();
        put_bytes(&mut rest, GRAPH_NAME, b"part");
        for &name in given {
            match self.types.get(name) {
                Some(info) => put_bytes(&mut rest, GRAPH_INPUT, info),
                None => put_bytes(&mut rest, GRAPH_INPUT, &float_volume(name)),
            }
        }
        for name in outputs {
            // ONNX Runtime finds the type of an output itself.
            let mut info = Vec::new();
            put_bytes(&mut info, 1, name.as_bytes());
            put_bytes(&mut rest, GRAPH_OUTPUT, &info);
        }
        // Weights are most of the file: measured first, they are copied once.
        let kept = || kept().map(|node| node.raw).chain(weights_and_inputs().map(|n| n.raw));
        let graph_bytes = kept().map(<[u8]>::len).sum::<usize>() + rest.len();
        let head_bytes: usize = self.head.iter().map(|field| field.len()).sum();
        let mut model = Vec::with_capacity(head_bytes + graph_bytes + 16);
        self.head.iter().for_each(|field| model.extend_from_slice(field));
        put_length(&mut model, MODEL_GRAPH, graph_bytes);
        kept().for_each(|field| model.extend_from_slice(field));
        model.extend_from_slice(&rest);
        model
    }
}

/// `model` with one more output. Protobuf merges repeated messages, so appending a model that
/// holds nothing but the output adds it.
pub(crate) fn add_output(model: &mut Vec<u8>, tensor: &str) {
    let (mut info, mut graph) = (Vec::new(), Vec::new());
    put_bytes(&mut info, 1, tensor.as_bytes());
    put_bytes(&mut graph, GRAPH_OUTPUT, &info);
    put_bytes(model, MODEL_GRAPH, &graph);
}

impl<'a> Node<'a> {
    fn parse(bytes: &'a [u8], depth: usize) -> Result<Self, OnnxError> {
        if depth > NESTED_MAX {
            return Err(OnnxError::TooDeep);
        }
        let mut node = Node { kind: "", inputs: Vec::new(), outputs: Vec::new(), raw: &[] };
        for field in fields(bytes) {
            let field = field?;
            match field.number {
                1 => node.inputs.push(field.text()?),
                2 => node.outputs.push(field.text()?),
                4 => node.kind = field.text()?,
                5 => node.add_nested(field.bytes()?, depth)?,
                _ => {}
            }
            if node.inputs.len() + node.outputs.len() > NODE_NAMES_MAX {
                return Err(OnnxError::TooMany);
            }
        }
        Ok(node)
    }

    /// What the graphs inside an attribute read counts as read by the node: names are unique, so
    /// those of the inner graph itself find no producer outside.
    fn add_nested(&mut self, attribute: &'a [u8], depth: usize) -> Result<(), OnnxError> {
        for field in fields(attribute) {
            let field = field?;
            if !matches!(field.number, 6 | 11) {
                continue; // not AttributeProto.g or .graphs
            }
            for inner in fields(field.bytes()?) {
                let inner = inner?;
                match inner.number {
                    GRAPH_NODE => {
                        self.inputs.extend(Node::parse(inner.bytes()?, depth + 1)?.inputs);
                    }
                    // A branch may hand out a tensor of the outer graph as it is.
                    GRAPH_OUTPUT => self.inputs.push(name_of(inner.bytes()?, 1)?),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

fn name_of(message: &[u8], number: u64) -> Result<&str, Malformed> {
    for field in fields(message) {
        let field = field?;
        if field.number == number {
            return field.text();
        }
    }
    Ok("")
}

/// A ValueInfoProto of a float tensor with three dimensions of any size.
fn float_volume(name: &str) -> Vec<u8> {
    let (mut shape, mut tensor, mut kind, mut info) = (vec![], vec![], vec![], vec![]);
    for _ in 0..3 {
        put_bytes(&mut shape, 1, b"");
    }
    put_number(&mut tensor, 1, 1); // FLOAT
    put_bytes(&mut tensor, 2, &shape);
    put_bytes(&mut kind, 1, &tensor);
    put_bytes(&mut info, 1, name.as_bytes());
    put_bytes(&mut info, 2, &kind);
    info
}

#[cfg(test)]
pub(crate) mod tests;
