//! Finds where a Piper voice can be cut in three: a front end that runs once for a sentence, and a
//! flow and a generator that can run on any stretch of its frames. Goes by structure, not by names.
//!
//! A VITS voice draws the last of its random numbers for the latent `z = mean + noise * deviation`.
//! Everything after that `Add` looks at a few neighbouring frames only, so a stretch worked on with
//! enough of its neighbours is the same audio as the whole. The generator does most of the work and
//! needs few neighbours; the flow before it does little and needs more: hence two steps, not one.

use std::collections::HashSet;

use crate::onnx::Model;

/// Where to cut, as names of tensors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seam {
    /// `[1, channels, frames]`
    pub(crate) latent: String,
    /// `[1, 1, frames]`: one where there is speech.
    pub(crate) mask: String,
    /// `[1, channels, frames]`: what the flow makes of the latent.
    pub(crate) features: String,
    /// `[1, 1, ids]`: frames of each id.
    pub(crate) durations: String,
    output: String,
}

/// A voice's parts as models of their own.
pub(crate) struct Parts {
    /// Ids to latent, mask and durations.
    pub(crate) front: Vec<u8>,
    /// Latent and mask to features.
    pub(crate) flow: Vec<u8>,
    /// Features to audio.
    pub(crate) generator: Vec<u8>,
}

/// Why a voice can not be cut; it is then spoken in whole sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoSeam {
    #[error("it has more than one output")]
    Outputs,
    #[error("it tells no durations")]
    Durations,
    #[error("it has no latent with noise added to it")]
    Latent,
    #[error("after its latent it reads {0} tensors of the front end, not one mask")]
    Boundary(usize),
    #[error("its generator can not be told from its flow")]
    Features,
}

/// The speaker's id is an input of all parts that read it.
const SPEAKER: &str = "sid";

/// Operations between the noise and the sum: times the deviation, times the noise scale.
const SCALINGS_MAX: usize = 4;

impl Seam {
    /// Finds the seam of `model`.
    pub(crate) fn find(model: &Model<'_>) -> Result<Self, NoSeam> {
        let durations = durations(model).ok_or(NoSeam::Durations)?;
        // Some voices tell their durations already.
        let mut audio = model.outputs.iter().copied().filter(|name| *name != durations);
        let (Some(output), None) = (audio.next(), audio.next()) else {
            return Err(NoSeam::Outputs);
        };
        let latent = latent(model).ok_or(NoSeam::Latent)?;
        let needed = model.needed(&[output], &[latent]);
        let from_text = reached(model, |name| model.is_input(name) && name != SPEAKER, true);
        let from_latent = reached(model, |name| name == latent, false);
        let mut boundary = Vec::new();
        let after = model.nodes.iter().zip(&needed).filter(|(_, needed)| **needed);
        for (node, _) in
            after.filter(|(node, _)| node.outputs.iter().any(|made| from_latent.contains(made)))
        {
            for &read in &node.inputs {
                let outside = read != latent && !from_latent.contains(read);
                if outside && from_text.contains(read) && !boundary.contains(&read) {
                    boundary.push(read);
                }
            }
        }
        let [mask] = boundary[..] else { return Err(NoSeam::Boundary(boundary.len())) };
        let features = features(model, output, latent, mask).ok_or(NoSeam::Features)?;
        Ok(Self {
            latent: latent.to_owned(),
            mask: mask.to_owned(),
            features: features.to_owned(),
            durations: durations.to_owned(),
            output: output.to_owned(),
        })
    }

    /// The parts of `model`.
    pub(crate) fn cut(&self, model: &Model<'_>) -> Parts {
        Parts {
            front: model.extract(&[], &[&self.latent, &self.mask, &self.durations]),
            flow: model.extract(&[&self.latent, &self.mask], &[&self.features]),
            generator: model.extract(&[&self.features], &[&self.output]),
        }
    }
}

/// The last product with the mask, if nothing after it reads the mask or the latent any more.
fn features<'a>(model: &Model<'a>, output: &str, latent: &str, mask: &str) -> Option<&'a str> {
    let is_masked = |kind: &str, inputs: &[&str]| kind == "Mul" && inputs.contains(&mask);
    let last = model.nodes.iter().rfind(|node| is_masked(node.kind, &node.inputs))?;
    let features = *last.outputs.first()?;
    let generator = model.needed(&[output], &[features]);
    let reads = |name: &str| {
        let mut kept = model.nodes.iter().zip(&generator).filter(|(_, needed)| **needed);
        kept.any(|(node, _)| node.inputs.contains(&name))
    };
    (reads(features) && !reads(latent) && !reads(mask)).then_some(features)
}

/// The tensor with the frames of each id: what the graph's only `Ceil` makes.
pub(crate) fn durations<'a>(model: &Model<'a>) -> Option<&'a str> {
    let mut ceils = model.nodes.iter().filter(|node| node.kind == "Ceil");
    let (only, None) = (ceils.next()?, ceils.next()) else { return None };
    only.outputs.first().copied()
}

/// The sum of the last noise, scaled, and its mean.
fn latent<'a>(model: &Model<'a>) -> Option<&'a str> {
    let noise = model.nodes.iter().rfind(|node| node.kind == "RandomNormalLike")?;
    let mut tensor = *noise.outputs.first()?;
    for _ in 0..=SCALINGS_MAX {
        let mut consumers = model.consumers(tensor);
        let (only, None) = (consumers.next()?, consumers.next()) else { return None };
        let node = &model.nodes[only];
        tensor = *node.outputs.first()?;
        match node.kind {
            "Mul" => {}
            "Add" => return Some(tensor),
            _ => return None,
        }
    }
    None
}

/// Tensors that depend on a `source`, or on chance if `random`. Nodes stand in the order they run.
fn reached<'a>(model: &Model<'a>, source: impl Fn(&str) -> bool, random: bool) -> HashSet<&'a str> {
    let mut reached = HashSet::new();
    for node in &model.nodes {
        let depends = node.inputs.iter().any(|name| reached.contains(name) || source(name))
            || (random && node.kind.starts_with("Random"));
        if depends {
            reached.extend(node.outputs.iter().copied());
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::tests::{model, shape};

    const FRONT: [&str; 6] = [
        "Gather: weights input -> mean",
        "Ceil: mean -> frames",
        "Cast: frames -> mask",
        "RandomNormalLike: mean -> noise",
        "Mul: noise scales -> scaled",
        "Add: mean scaled -> z",
    ];

    fn find(nodes: &[&str], outputs: &[&str]) -> Result<Seam, NoSeam> {
        let inputs = ["input", "input_lengths", "scales", "sid"];
        let bytes = model(&inputs, &["weights", "decoder_weights", "speakers"], nodes, outputs);
        Seam::find(&Model::parse(&bytes).unwrap())
    }

    #[test]
    fn the_latent_and_the_mask_are_found_whatever_their_names() {
        let nodes = [&FRONT[..], &["Mul: z mask -> masked", "Conv: masked decoder_weights -> out"]];
        let bytes = model(
            &["input", "input_lengths", "scales"],
            &["weights", "decoder_weights"],
            &nodes.concat(),
            &["out"],
        );
        let parsed = Model::parse(&bytes).unwrap();
        let seam = Seam::find(&parsed).unwrap();
        assert_eq!((seam.latent.as_str(), seam.mask.as_str()), ("z", "mask"));
        assert_eq!((seam.durations.as_str(), seam.features.as_str()), ("frames", "masked"));
        let Parts { front, flow, generator } = seam.cut(&parsed);
        assert_eq!(shape(&front)[2..], [vec!["weights"], vec!["z", "mask", "frames"]]);
        assert_eq!(shape(&flow)[..2], [vec!["Mul"], vec!["z", "mask"]]);
        assert_eq!(
            shape(&generator),
            [vec!["Conv"], vec!["masked"], vec!["decoder_weights"], vec!["out"]]
        );
    }

    #[test]
    fn what_comes_of_the_speaker_alone_goes_with_each_part_that_reads_it() {
        let nodes = [
            &FRONT[..],
            &[
                "Gather: speakers sid -> speaker",
                "Add: z speaker -> flowed",
                "Mul: flowed mask -> masked",
                "Add: masked speaker -> voiced",
                "Conv: voiced decoder_weights -> out",
            ],
        ];
        let bytes = model(
            &["input", "input_lengths", "scales", "sid"],
            &["weights", "speakers", "decoder_weights"],
            &nodes.concat(),
            &["out"],
        );
        let parsed = Model::parse(&bytes).unwrap();
        let parts = Seam::find(&parsed).unwrap().cut(&parsed);
        assert_eq!(shape(&parts.flow)[1], ["sid", "z", "mask"]);
        assert_eq!(shape(&parts.generator)[1], ["sid", "masked"]);
        assert_eq!(shape(&parts.generator)[0], ["Gather", "Add", "Conv"]);
    }

    #[test]
    fn a_voice_of_another_build_has_no_seam_and_says_why() {
        let with = |more: &[&'static str]| [&FRONT[..], more].concat();
        let tied = with(&["Mul: z mask -> a", "Add: a mean -> out"]);
        assert_eq!(find(&tied, &["out"]), Err(NoSeam::Boundary(2)));
        assert_eq!(find(&with(&["Tanh: z -> out"]), &["out"]), Err(NoSeam::Boundary(0)));
        assert_eq!(find(&with(&["Mul: z mask -> out"]), &["out", "z"]), Err(NoSeam::Outputs));
        let late = with(&["Mul: z mask -> a", "Tanh: a -> b", "Add: b z -> out"]);
        assert_eq!(find(&late, &["out"]), Err(NoSeam::Features));
        assert_eq!(find(&FRONT[..2], &["mean"]), Err(NoSeam::Latent));
        assert_eq!(find(&["Tanh: input -> out"], &["out"]), Err(NoSeam::Durations));
        let branching = with(&["Mul: scaled z -> a", "Mul: a mask -> out"]);
        assert_eq!(find(&branching, &["out"]), Err(NoSeam::Latent));
    }
}
