//! Parts of small made-up models, and files that are none. Runs nothing.

use super::*;

/// Writes models for tests: nodes as "Kind: in in -> out", weights and inputs by name.
pub(crate) fn model(
    inputs: &[&str],
    weights: &[&str],
    nodes: &[&str],
    outputs: &[&str],
) -> Vec<u8> {
    let mut graph = Vec::new();
    for node in nodes {
        let (kind, tensors) = node.split_once(": ").unwrap();
        let (read, made) = tensors.split_once(" -> ").unwrap();
        let mut message = Vec::new();
        read.split(' ').for_each(|name| put_bytes(&mut message, 1, name.as_bytes()));
        made.split(' ').for_each(|name| put_bytes(&mut message, 2, name.as_bytes()));
        put_bytes(&mut message, 4, kind.as_bytes());
        put_bytes(&mut graph, GRAPH_NODE, &message);
    }
    let named = |number, name: &str| {
        let mut message = Vec::new();
        put_bytes(&mut message, number, name.as_bytes());
        message
    };
    weights.iter().for_each(|name| put_bytes(&mut graph, GRAPH_INITIALIZER, &named(8, name)));
    inputs.iter().for_each(|name| put_bytes(&mut graph, GRAPH_INPUT, &named(1, name)));
    outputs.iter().for_each(|name| put_bytes(&mut graph, GRAPH_OUTPUT, &named(1, name)));
    let mut model = Vec::new();
    put_number(&mut model, 1, 8);
    put_bytes(&mut model, 99, b"from the future");
    put_bytes(&mut model, MODEL_GRAPH, &graph);
    model
}

/// Kinds of the nodes, then inputs, weights and outputs.
pub(crate) fn shape(bytes: &[u8]) -> [Vec<String>; 4] {
    let model = Model::parse(bytes).unwrap();
    let own = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
    [
        own(model.nodes.iter().map(|node| node.kind).collect()),
        own(model.inputs.iter().map(|input| input.name).collect()),
        own(model.initializers.iter().map(|weights| weights.name).collect()),
        own(model.outputs.clone()),
    ]
}

#[test]
fn a_part_keeps_its_nodes_its_weights_and_unknown_fields() {
    let whole = model(
        &["x", "y"],
        &["w1", "w2"],
        &["Mul: x w1 -> a", "Add: a y -> b", "Tanh: b -> c", "Mul: c w2 -> out"],
        &["out"],
    );
    let parsed = Model::parse(&whole).unwrap();
    let front = parsed.extract(&[], &["a"]);
    assert_eq!(shape(&front), [vec!["Mul"], vec!["x"], vec!["w1"], vec!["a"]]);
    let back = parsed.extract(&["a"], &["out"]);
    assert_eq!(shape(&back), [vec!["Add", "Tanh", "Mul"], vec!["y", "a"], vec!["w2"], vec!["out"]]);
    assert!(back.windows(15).any(|window| window == b"from the future"));
}

#[test]
fn one_more_output_is_appended() {
    let mut whole = model(&["x"], &[], &["Ceil: x -> a", "Tanh: a -> out"], &["out"]);
    add_output(&mut whole, "a");
    assert_eq!(shape(&whole)[3], ["out", "a"]);
}

#[test]
fn what_nested_graphs_read_is_read_by_the_node() {
    let inner = {
        let mut node = Vec::new();
        put_bytes(&mut node, 1, b"outer");
        let mut graph = Vec::new();
        put_bytes(&mut graph, GRAPH_NODE, &node);
        let mut attribute = Vec::new();
        put_bytes(&mut attribute, 6, &graph);
        attribute
    };
    let mut node = Vec::new();
    put_bytes(&mut node, 1, b"condition");
    put_bytes(&mut node, 5, &inner);
    assert_eq!(Node::parse(&node, 0).unwrap().inputs, ["condition", "outer"]);
}

#[test]
fn bad_files_are_refused_with_a_reason() {
    let mut nested = Vec::new();
    for _ in 0..40 {
        let (mut graph, mut attribute, mut node) = (vec![], vec![], vec![]);
        put_bytes(&mut graph, GRAPH_NODE, &nested);
        put_bytes(&mut attribute, 6, &graph);
        put_bytes(&mut node, 5, &attribute);
        nested = node;
    }
    assert_eq!(Node::parse(&nested, 0).unwrap_err(), OnnxError::TooDeep);
    assert_eq!(Model::parse(b"").unwrap_err(), OnnxError::NoGraph);
    assert_eq!(Model::parse(b"not a model").unwrap_err(), OnnxError::Malformed(Malformed));
    let whole = model(&["x"], &[], &["Tanh: x -> out"], &["out"]);
    for length in 0..whole.len() {
        assert!(Model::parse(&whole[..length]).is_err(), "{length}");
    }
    let mut many = Vec::new();
    for _ in 0..=NODES_MAX {
        put_bytes(&mut many, GRAPH_NODE, b"");
    }
    let mut file = Vec::new();
    put_bytes(&mut file, MODEL_GRAPH, &many);
    assert_eq!(Model::parse(&file).unwrap_err(), OnnxError::TooMany);
}
