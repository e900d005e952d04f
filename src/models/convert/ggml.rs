//! Writes whisper.cpp's ggml file: header, mel filters, words, tensors under OpenAI's names.
//! Knows CTranslate2 only through the names and shapes it maps.

use std::io::{Read, Seek, Write};

use half::f16;

use super::ConvertError;
use super::ct2::{Model, unsupported};
use super::mel::{FFT_BINS, filters};
use super::vocabulary::Vocabulary;
use crate::models::cancel::CancelFlag;

const MAGIC: u32 = 0x6767_6d6c;
const FTYPE_F16: i32 = 1;
const TYPE_F32: i32 = 0;
const TYPE_F16: i32 = 1;
/// ggml counts the words without the special tokens: 50,256 of GPT-2 and one more, in both the
/// English and the multilingual models.
const TEXT_TOKENS: usize = 50_257;
/// Bounds on what a header may claim; the largest Whisper is well inside.
const DIM_MAX: u32 = 200_000;
const LAYERS_MAX: u32 = 128;

/// The eleven numbers of the header but the last.
struct Shape {
    vocab: u32,
    audio_ctx: u32,
    audio_state: u32,
    audio_head: u32,
    audio_layer: u32,
    text_ctx: u32,
    text_state: u32,
    text_head: u32,
    text_layer: u32,
    mels: u32,
}

impl Shape {
    fn of<R: Read + Seek>(model: &mut Model<R>) -> Result<Self, ConvertError> {
        let [vocab, text_state] = dims(model, "decoder/embeddings/weight")?;
        let [audio_ctx, audio_state] = dims(model, "encoder/position_encodings/encodings")?;
        let [text_ctx, _] = dims(model, "decoder/position_encodings/encodings")?;
        let [_, mels, _] = dims(model, "encoder/conv1/weight")?;
        let heads = |model: &mut Model<R>, name: &str, state: u32| {
            let heads = u32::try_from(model.scalar(name)?).ok().filter(|&heads| heads > 0);
            heads
                .filter(|&heads| state.is_multiple_of(heads))
                .ok_or_else(|| unsupported(format!("{name:?} does not divide the state")))
        };
        let shape = Self {
            vocab,
            audio_ctx,
            audio_state,
            audio_head: heads(model, "encoder/num_heads", audio_state)?,
            audio_layer: model.layers("encoder"),
            text_ctx,
            text_state,
            text_head: heads(model, "decoder/num_heads", text_state)?,
            text_layer: model.layers("decoder"),
            mels,
        };
        let layers = [shape.audio_layer, shape.text_layer];
        if layers.iter().any(|&layers| layers == 0 || layers > LAYERS_MAX) {
            return Err(unsupported(format!("it has {layers:?} layers")));
        }
        if ![80, 128].contains(&mels) {
            return Err(unsupported(format!("it has {mels} mel bands, not 80 or 128")));
        }
        Ok(shape)
    }

    fn header(&self) -> [u32; 10] {
        [
            self.vocab,
            self.audio_ctx,
            self.audio_state,
            self.audio_head,
            self.audio_layer,
            self.text_ctx,
            self.text_state,
            self.text_head,
            self.text_layer,
            self.mels,
        ]
    }
}

/// Writes the whole model.
pub(super) fn write<R: Read + Seek, W: Write>(
    model: &mut Model<R>,
    vocabulary: &Vocabulary,
    out: &mut W,
    cancel: &CancelFlag,
) -> Result<(), ConvertError> {
    let shape = Shape::of(model)?;
    if vocabulary.tokens != shape.vocab as usize {
        return Err(unsupported(format!(
            "its vocabulary has {} tokens and its weights {}",
            vocabulary.tokens, shape.vocab
        )));
    }
    let mut writer = Writer { out, cancel };
    writer.header(&shape)?;
    writer.words(vocabulary)?;
    for part in [encoder_parts(&shape), decoder_parts(&shape)].into_iter().flatten() {
        writer.part(model, &part)?;
    }
    Ok(())
}

/// One tensor to write: a slice of rows of one CTranslate2 tensor, with the shape it must have.
struct Part {
    from: String,
    /// Of how many equal groups of rows, which one: q, k and v are fused by rows.
    group: (usize, usize),
    to: String,
    /// As ggml gets it, outermost first.
    dims: Vec<u32>,
    keep_f32: bool,
}

fn part(from: impl Into<String>, to: impl Into<String>, dims: &[u32]) -> Part {
    Part {
        from: from.into(),
        group: (0, 1),
        to: to.into(),
        dims: dims.to_vec(),
        keep_f32: dims.len() < 2,
    }
}

impl Part {
    fn group(mut self, index: usize, groups: usize) -> Self {
        self.group = (index, groups);
        self
    }

    /// Position tables, and biases that ggml keeps as columns, stay f32.
    fn keep_f32(mut self) -> Self {
        self.keep_f32 = true;
        self
    }
}

fn encoder_parts(shape: &Shape) -> Vec<Part> {
    let state = shape.audio_state;
    let mut parts = vec![
        part(
            "encoder/position_encodings/encodings",
            "encoder.positional_embedding",
            &[shape.audio_ctx, state],
        )
        .keep_f32(),
        part("encoder/conv1/weight", "encoder.conv1.weight", &[state, shape.mels, 3]),
        part("encoder/conv1/bias", "encoder.conv1.bias", &[state, 1]).keep_f32(),
        part("encoder/conv2/weight", "encoder.conv2.weight", &[state, state, 3]),
        part("encoder/conv2/bias", "encoder.conv2.bias", &[state, 1]).keep_f32(),
    ];
    for layer in 0..shape.audio_layer {
        let (from, to) = (format!("encoder/layer_{layer}"), format!("encoder.blocks.{layer}"));
        parts.extend(self_attention(&from, &to, state));
        parts.extend(feed_forward(&from, &to, state));
    }
    parts.extend(layer_norm("encoder/layer_norm", "encoder.ln_post", state));
    parts
}

fn decoder_parts(shape: &Shape) -> Vec<Part> {
    let state = shape.text_state;
    let mut parts = vec![
        part(
            "decoder/position_encodings/encodings",
            "decoder.positional_embedding",
            &[shape.text_ctx, state],
        )
        .keep_f32(),
        part("decoder/embeddings/weight", "decoder.token_embedding.weight", &[shape.vocab, state]),
    ];
    for layer in 0..shape.text_layer {
        let (from, to) = (format!("decoder/layer_{layer}"), format!("decoder.blocks.{layer}"));
        parts.extend(self_attention(&from, &to, state));
        parts.extend(cross_attention(&from, &to, state));
        parts.extend(feed_forward(&from, &to, state));
    }
    parts.extend(layer_norm("decoder/layer_norm", "decoder.ln", state));
    parts
}

fn layer_norm(from: &str, to: &str, state: u32) -> [Part; 2] {
    [
        part(format!("{from}/gamma"), format!("{to}.weight"), &[state]),
        part(format!("{from}/beta"), format!("{to}.bias"), &[state]),
    ]
}

fn linear(from: &str, to: &str, rows: u32, columns: u32) -> [Part; 2] {
    [
        part(format!("{from}/weight"), format!("{to}.weight"), &[rows, columns]),
        part(format!("{from}/bias"), format!("{to}.bias"), &[rows]),
    ]
}

/// `linear_0` holds the rows of q, k and v, `linear_1` is the way out. The key has no bias in
/// Whisper: CTranslate2 wrote zeros there, and we drop them.
fn self_attention(from: &str, to: &str, state: u32) -> Vec<Part> {
    let fused = format!("{from}/self_attention/linear_0");
    let mut parts = Vec::from(layer_norm(
        &format!("{from}/self_attention/layer_norm"),
        &format!("{to}.attn_ln"),
        state,
    ));
    for (index, name) in ["query", "key", "value"].into_iter().enumerate() {
        for half in linear(&fused, &format!("{to}.attn.{name}"), state, state) {
            parts.push(half.group(index, 3));
        }
    }
    parts.retain(|part| !part.to.ends_with(".key.bias"));
    parts.extend(linear(
        &format!("{from}/self_attention/linear_1"),
        &format!("{to}.attn.out"),
        state,
        state,
    ));
    parts
}

/// `linear_0` is q, `linear_1` holds the rows of k and v, `linear_2` is the way out.
fn cross_attention(from: &str, to: &str, state: u32) -> Vec<Part> {
    let source = format!("{from}/attention");
    let target = format!("{to}.cross_attn");
    let mut parts =
        Vec::from(layer_norm(&format!("{source}/layer_norm"), &format!("{target}_ln"), state));
    parts.extend(linear(&format!("{source}/linear_0"), &format!("{target}.query"), state, state));
    for (index, name) in ["key", "value"].into_iter().enumerate() {
        for half in linear(&format!("{source}/linear_1"), &format!("{target}.{name}"), state, state)
        {
            parts.push(half.group(index, 2));
        }
    }
    parts.retain(|part| !part.to.ends_with(".key.bias"));
    parts.extend(linear(&format!("{source}/linear_2"), &format!("{target}.out"), state, state));
    parts
}

fn feed_forward(from: &str, to: &str, state: u32) -> Vec<Part> {
    // Checked in `Writer::part`: a state so large that this overflows has no such tensor.
    let hidden = state.saturating_mul(4);
    let mut parts =
        Vec::from(layer_norm(&format!("{from}/ffn/layer_norm"), &format!("{to}.mlp_ln"), state));
    parts.extend(linear(&format!("{from}/ffn/linear_0"), &format!("{to}.mlp.0"), hidden, state));
    parts.extend(linear(&format!("{from}/ffn/linear_1"), &format!("{to}.mlp.2"), state, hidden));
    parts
}

struct Writer<'a, W> {
    out: &'a mut W,
    cancel: &'a CancelFlag,
}

impl<W: Write> Writer<'_, W> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), ConvertError> {
        self.out.write_all(bytes).map_err(|source| ConvertError::Io {
            action: "write",
            path: "the converted model".into(),
            source,
        })
    }

    fn i32(&mut self, value: usize) -> Result<(), ConvertError> {
        let value = i32::try_from(value)
            .map_err(|_| unsupported(format!("{value} does not fit the ggml format")))?;
        self.put(&value.to_le_bytes())
    }

    fn header(&mut self, shape: &Shape) -> Result<(), ConvertError> {
        self.put(&MAGIC.to_le_bytes())?;
        for value in shape.header() {
            self.put(&value.to_le_bytes())?;
        }
        self.put(&FTYPE_F16.to_le_bytes())?;

        self.i32(shape.mels as usize)?;
        self.i32(FFT_BINS)?;
        for weight in filters(shape.mels as usize) {
            self.put(&weight.to_le_bytes())?;
        }
        Ok(())
    }

    fn words(&mut self, vocabulary: &Vocabulary) -> Result<(), ConvertError> {
        // The English models end their words with <|endoftext|> at place 50,256 and count it.
        let end_of_text = b"<|endoftext|>".to_vec();
        let mut words: Vec<&[u8]> = vocabulary.text_tokens.iter().map(Vec::as_slice).collect();
        if words.len() + 1 == TEXT_TOKENS {
            words.push(&end_of_text);
        }
        self.i32(words.len())?;
        for word in words {
            self.i32(word.len())?;
            self.put(word)?;
        }
        Ok(())
    }

    fn part<R: Read + Seek>(
        &mut self,
        model: &mut Model<R>,
        part: &Part,
    ) -> Result<(), ConvertError> {
        if self.cancel.is_set() {
            return Err(ConvertError::Cancelled);
        }
        let values = model.floats(&part.from)?;
        let (index, groups) = part.group;
        let wanted = part.dims.iter().try_fold(1_usize, |n, &dim| n.checked_mul(dim as usize));
        if wanted.and_then(|wanted| wanted.checked_mul(groups)) != Some(values.len()) {
            return Err(unsupported(format!(
                "{:?} has {:?} numbers where {groups} × {:?} were expected",
                part.from,
                values.len(),
                part.dims
            )));
        }
        let length = values.len() / groups;
        let values = &values[index * length..(index + 1) * length];

        self.i32(part.dims.len())?;
        self.i32(part.to.len())?;
        self.put(&(if part.keep_f32 { TYPE_F32 } else { TYPE_F16 }).to_le_bytes())?;
        for &dim in part.dims.iter().rev() {
            self.i32(dim as usize)?;
        }
        self.put(part.to.as_bytes())?;
        let data: Vec<u8> = if part.keep_f32 {
            values.iter().flat_map(|value| value.to_le_bytes()).collect()
        } else {
            values.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect()
        };
        self.put(&data)
    }
}

fn dims<const N: usize, R: Read + Seek>(
    model: &Model<R>,
    name: &str,
) -> Result<[u32; N], ConvertError> {
    let dims = &model.info(name)?.dims;
    match <[u32; N]>::try_from(dims.as_slice()) {
        Ok(dims) if dims.iter().all(|&dim| (1..=DIM_MAX).contains(&dim)) => Ok(dims),
        _ => Err(unsupported(format!("{name:?} has the shape {dims:?}"))),
    }
}
