//! The ONNX sessions of one voice in one worker. Takes ids, gives audio or what is on the way
//! to it; knows no text.

use std::ops::Range;

use ort::environment::Environment;
use ort::session::builder::AutoDevicePolicy;
use ort::session::{Session, SessionInputValue};
use ort::value::Tensor;

use super::chunks::Chunk;
use super::config::VoiceConfig;
use super::file::Graphs;
use super::latents::{Latent, stretch};
use super::seam::Seam;

/// Inputs of a session, by name.
type Inputs<'a> = Vec<(std::borrow::Cow<'a, str>, SessionInputValue<'a>)>;

/// What is loaded of a voice.
pub(crate) enum Sessions {
    Whole { session: Session, durations: Option<String> },
    Cut { front: Session, decoder: Decoder, seam: Box<Seam> },
}

/// From frames to audio, in two steps.
pub(crate) struct Decoder {
    flow: Session,
    generator: Session,
}

/// What a voice makes of a run of ids before, or together with, its audio.
pub(crate) struct Front<T> {
    pub(crate) made: T,
    /// Frames of each id; none if the voice does not tell.
    pub(crate) frames: Option<Vec<f32>>,
}

impl Sessions {
    /// Loads `graphs` with `threads` compute threads for each part; they never run together.
    pub(crate) fn open(
        environment: &Environment,
        graphs: &Graphs,
        config: &VoiceConfig,
        threads: usize,
    ) -> Result<Self, String> {
        let open = |model: &[u8]| open(environment, model, threads).map_err(|e| e.to_string());
        let mut wanted = vec!["input", "input_lengths", "scales"];
        if config.speakers > 1 {
            wanted.push("sid");
        }
        let check = |session: &Session| {
            let inputs: Vec<&str> = session.inputs().iter().map(|input| input.name()).collect();
            // A front end that does not read the speaker has no such input.
            let fits = inputs == wanted || (inputs == wanted[..3] && config.speakers > 1);
            if fits { Ok(()) } else { Err(format!("its inputs are {inputs:?}")) }
        };
        match graphs {
            Graphs::Whole { model, durations } => {
                let session = open(model)?;
                check(&session)?;
                Ok(Self::Whole { session, durations: durations.clone() })
            }
            Graphs::Cut { parts, seam } => {
                let front = open(&parts.front)?;
                check(&front)?;
                let (flow, generator) = (open(&parts.flow)?, open(&parts.generator)?);
                let decoder = Decoder { flow, generator };
                Ok(Self::Cut { front, decoder, seam: Box::new(seam.clone()) })
            }
        }
    }
}

/// The inputs of a voice, or of its front end, for one run of ids.
fn text_inputs(
    session: &Session,
    ids: &[i64],
    scales: [f32; 3],
) -> Result<Inputs<'static>, ort::Error> {
    let mut inputs = ort::inputs![
        "input" => Tensor::from_array(([1, ids.len()], ids.to_vec()))?,
        "input_lengths" => Tensor::from_array(([1], vec![ids.len() as i64]))?,
        "scales" => Tensor::from_array(([3], scales.to_vec()))?,
    ];
    add_speaker(session, &mut inputs)?;
    Ok(inputs)
}

/// We use speaker 0 of voices that have several.
fn add_speaker(session: &Session, inputs: &mut Inputs<'_>) -> Result<(), ort::Error> {
    if session.inputs().iter().any(|input| input.name() == "sid") {
        inputs.push(("sid".into(), Tensor::from_array(([1], vec![0_i64]))?.into()));
    }
    Ok(())
}

/// The whole way, in one run.
pub(crate) fn speak(
    session: &mut Session,
    durations: Option<&str>,
    ids: &[i64],
    scales: [f32; 3],
) -> Result<Front<Vec<f32>>, ort::Error> {
    let inputs = text_inputs(session, ids, scales)?;
    let outputs = session.run(inputs)?;
    let (_, audio) = outputs[0].try_extract_tensor::<f32>()?;
    let frames = match durations {
        Some(name) => Some(outputs[name].try_extract_tensor::<f32>()?.1.to_vec()),
        None => None,
    };
    Ok(Front { made: audio.to_vec(), frames })
}

/// The first part of the way: ids to frames.
pub(crate) fn prepare(
    front: &mut Session,
    seam: &Seam,
    ids: &[i64],
    scales: [f32; 3],
) -> Result<Front<Latent>, String> {
    let inputs = text_inputs(front, ids, scales).map_err(|error| error.to_string())?;
    let outputs = front.run(inputs).map_err(|error| error.to_string())?;
    let tensor =
        |name: &str| outputs[name].try_extract_tensor::<f32>().map_err(|error| error.to_string());
    let (shape, values) = tensor(&seam.latent)?;
    let (mask_shape, mask) = tensor(&seam.mask)?;
    let made = Latent::new(shape, values, mask_shape, mask)?;
    let frames = Some(tensor(&seam.durations)?.1.to_vec());
    Ok(Front { made, frames })
}

/// The rest of the way: appends the audio of `chunk` to `pcm`.
pub(crate) fn decode(
    decoder: &mut Decoder,
    seam: &Seam,
    latent: &Latent,
    chunk: &Chunk,
    pcm: &mut Vec<f32>,
) -> Result<(), String> {
    let failed = |error: ort::Error| error.to_string();
    let (values, mask) = latent.stretch(&chunk.latent);
    let (frames, wanted) = (chunk.latent.len(), chunk.features.len());
    let tensor = |rows: usize, columns: usize, values: Vec<f32>| {
        Tensor::from_array(([1, rows, columns], values)).map_err(failed)
    };
    let mut inputs: Inputs<'_> = vec![
        (seam.latent.as_str().into(), tensor(latent.channels(), frames, values)?.into()),
        (seam.mask.as_str().into(), tensor(1, frames, mask)?.into()),
    ];
    add_speaker(&decoder.flow, &mut inputs).map_err(failed)?;
    let outputs = decoder.flow.run(inputs).map_err(failed)?;
    let (shape, features) = outputs[0].try_extract_tensor::<f32>().map_err(failed)?;
    if features.is_empty() || !features.len().is_multiple_of(frames) {
        return Err(format!("its features are {shape:?} for {frames} frames"));
    }
    let rows = features.len() / frames;
    let features = stretch(features, frames, &within(&chunk.features, &chunk.latent));
    let mut inputs: Inputs<'_> =
        vec![(seam.features.as_str().into(), tensor(rows, wanted, features)?.into())];
    add_speaker(&decoder.generator, &mut inputs).map_err(failed)?;
    let outputs = decoder.generator.run(inputs).map_err(failed)?;
    let (_, audio) = outputs[0].try_extract_tensor::<f32>().map_err(failed)?;
    let hop = audio.len() / wanted.max(1);
    let spoken = within(&chunk.spoken, &chunk.features);
    pcm.extend_from_slice(&audio[spoken.start * hop..spoken.end * hop]);
    Ok(())
}

/// `inner` as counted from the start of `outer`.
const fn within(inner: &Range<usize>, outer: &Range<usize>) -> Range<usize> {
    inner.start - outer.start..inner.end - outer.start
}

fn open(environment: &Environment, graph: &[u8], threads: usize) -> Result<Session, ort::Error> {
    Session::builder(environment)?
        // Small models must stay on the CPU even where a GPU is seen.
        .with_auto_device(AutoDevicePolicy::PreferCPU)?
        .with_intra_threads(threads)?
        .with_inter_threads(1)?
        // Spinning threads would take the cores from the other engines.
        .with_intra_op_spinning(false)?
        .commit_from_memory(graph)
}
