//! Silero VAD v6 at 16 kHz as plain code: half the arithmetic of its graph and none of a runtime's errands, so that a
//! core hears more callers. No locks: weights are read by all, memory is each caller's own.
//!
//! What it saves: the graph's Fourier transform is a product with a table, here it is a fast one; the padding that
//! convolutions multiply is left out; an LSTM's two products are one. It knows this one network: a file that holds
//! another is refused, and `sawt` runs that with ONNX Runtime, as it does when the two do not agree.
//!
//! A crate of its own, so that development builds can optimise it. It lacks batches of callers: nobody has to wait for
//! anybody.

mod layer;
mod weights;

use std::sync::Arc;

use pulp::{Arch, Simd, WithSimd};
use realfft::num_complex::Complex32;
use realfft::{RealFftPlanner, RealToComplex};

use self::layer::{Layer, rectify, sigmoid, tanh};
pub use self::weights::UnknownNetwork;
use self::weights::Weights;

/// Samples that go in: a window and the end of the one before.
pub const INPUT_SAMPLES: usize = 576;
/// Reflected behind them.
const REFLECTED: usize = 64;
/// Samples of one spectrum, and from one to the next.
const SPECTRUM_SAMPLES: usize = 256;
const HOP: usize = 128;
const SPECTRA: usize = 4;
const BINS: usize = SPECTRUM_SAMPLES / 2 + 1;
/// Features after each convolution.
const WIDE: usize = 128;
const NARROW: usize = 64;
/// Taps of a convolution.
const TAPS: usize = 3;
const CELLS: usize = 128;
/// Values of a caller's state: the LSTM's output, then its cells, as in the graph.
pub const STATE_VALUES: usize = 2 * CELLS;
const GATES: usize = 4 * CELLS;

/// The weights, and what reads them.
pub struct Network {
    arch: Arch,
    fourier: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    encoder: [Layer; 4],
    gates: Layer,
    voice: Vec<f32>,
    voice_bias: f32,
}

/// Room for the work on one window; kept, so that nothing is allocated.
#[derive(Debug)]
pub struct Scratch {
    fourier: Vec<Complex32>,
    /// With a spectrum of silence before and after: convolutions read beyond the ends.
    spectra: [f32; (SPECTRA + 2) * BINS],
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").field("arch", &self.arch).finish_non_exhaustive()
    }
}

impl Network {
    /// The network in the ONNX file `bytes`, computed with this machine's vector instructions.
    ///
    /// # Errors
    /// When the file is none, or holds another network.
    pub fn read(bytes: &[u8]) -> Result<Self, UnknownNetwork> {
        Self::read_for(Arch::new(), bytes)
    }

    fn read_for(arch: Arch, bytes: &[u8]) -> Result<Self, UnknownNetwork> {
        let weights = Weights::read(bytes)?;
        let basis = weights
            .get("stft.forward_basis_buffer", &[2 * BINS as i64, 1, SPECTRUM_SAMPLES as i64])?;
        // Each convolution's taps as far as they ever meet anything but padding: the third has two features' worth of
        // input and the fourth one.
        let convolution = |index: usize, inputs: usize, outputs: usize, taps: &[usize]| {
            let name = |part: &str| format!("encoder.{index}.reparam_conv.{part}");
            let bias = weights.get(&name("bias"), &[outputs as i64])?;
            let shape = [outputs as i64, inputs as i64, TAPS as i64];
            let weight = weights.get(&name("weight"), &shape)?;
            Ok(Layer::new(bias, inputs * taps.len(), |output, input| {
                weight[(output * inputs + input % inputs) * TAPS + taps[input / inputs]]
            }))
        };
        let gates = [GATES as i64, CELLS as i64];
        let of_input = weights.get("rnn.weight_ih", &gates)?;
        let of_hidden = weights.get("rnn.weight_hh", &gates)?;
        let mut bias = weights.get("rnn.bias_ih", &gates[..1])?;
        let hidden_bias = weights.get("rnn.bias_hh", &gates[..1])?;
        bias.iter_mut().zip(&hidden_bias).for_each(|(sum, more)| *sum += *more);
        Ok(Self {
            arch,
            fourier: RealFftPlanner::new().plan_fft_forward(SPECTRUM_SAMPLES),
            // The first row of the table is the window: it stands before a cosine of zero.
            window: basis[..SPECTRUM_SAMPLES].to_vec(),
            encoder: [
                convolution(0, BINS, WIDE, &[0, 1, 2])?,
                convolution(1, WIDE, NARROW, &[0, 1, 2])?,
                convolution(2, NARROW, NARROW, &[1, 2])?,
                convolution(3, NARROW, WIDE, &[1])?,
            ],
            gates: Layer::new(bias, 2 * CELLS, |gate, input| match input.checked_sub(CELLS) {
                None => of_input[gate * CELLS + input],
                Some(hidden) => of_hidden[gate * CELLS + hidden],
            }),
            voice: weights.get("decoder.2.weight", &[1, CELLS as i64, 1])?,
            voice_bias: weights.get("decoder.2.bias", &[1])?[0],
        })
    }

    /// Room for one caller.
    pub fn scratch(&self) -> Scratch {
        let (spectrum, work) = (self.fourier.make_output_vec(), self.fourier.make_scratch_vec());
        let fourier = vec![Complex32::default(); spectrum.len() + work.len()];
        Scratch { fourier, spectra: [0.0; (SPECTRA + 2) * BINS] }
    }

    /// How likely `input` is speech after what `state` remembers, which goes on.
    pub fn score(
        &self,
        scratch: &mut Scratch,
        input: &[f32; INPUT_SAMPLES],
        state: &mut [f32; STATE_VALUES],
    ) -> f32 {
        self.transform(scratch, input);
        self.arch.dispatch(Pass { network: self, spectra: &scratch.spectra, state })
    }

    /// Loudness by frequency, four times a window.
    fn transform(&self, scratch: &mut Scratch, input: &[f32; INPUT_SAMPLES]) {
        let mut padded = [0.0; INPUT_SAMPLES + REFLECTED];
        padded[..INPUT_SAMPLES].copy_from_slice(input);
        let before_last = input[..INPUT_SAMPLES - 1].iter().rev();
        padded[INPUT_SAMPLES..].iter_mut().zip(before_last).for_each(|(to, from)| *to = *from);
        let (spectrum, work) = scratch.fourier.split_at_mut(BINS);
        for index in 0..SPECTRA {
            let mut samples = [0.0; SPECTRUM_SAMPLES];
            let heard = padded[index * HOP..][..SPECTRUM_SAMPLES].iter().zip(&self.window);
            samples.iter_mut().zip(heard).for_each(|(to, (sample, share))| *to = sample * share);
            self.fourier
                .process_with_scratch(&mut samples, spectrum, work)
                .expect("all buffers were made for this transform. Another length is a bug.");
            let loudness = &mut scratch.spectra[(index + 1) * BINS..][..BINS];
            for (to, bin) in loudness.iter_mut().zip(spectrum.iter()) {
                *to = (bin.re * bin.re + bin.im * bin.im).sqrt();
            }
        }
    }
}

/// From spectra to a probability: all of it inside one dispatch, so that every loop is made of vectors.
struct Pass<'a> {
    network: &'a Network,
    spectra: &'a [f32; (SPECTRA + 2) * BINS],
    state: &'a mut [f32; STATE_VALUES],
}

impl WithSimd for Pass<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let Self { network, spectra, state } = self;
        let [first, second, third, fourth] = &network.encoder;
        // Time by time, features together: a convolution's inputs at one time are one run of values.
        let mut wide = [0.0; (SPECTRA + 2) * WIDE];
        let heard = &mut wide[WIDE..(SPECTRA + 1) * WIDE];
        first.apply::<S, SPECTRA>(simd, spectra, BINS, heard);
        rectify(heard);
        let mut narrow = [0.0; 2 * NARROW];
        second.apply::<S, 2>(simd, &wide, 2 * WIDE, &mut narrow);
        rectify(&mut narrow);
        let mut one = [0.0; NARROW];
        third.apply::<S, 1>(simd, &narrow, 0, &mut one);
        rectify(&mut one);
        let mut input = [0.0; 2 * CELLS];
        let (features, hidden) = input.split_at_mut(CELLS);
        fourth.apply::<S, 1>(simd, &one, 0, features);
        rectify(features);
        hidden.copy_from_slice(&state[..CELLS]);

        let mut gates = [0.0; GATES];
        network.gates.apply::<S, 1>(simd, &input, 0, &mut gates);
        let (hidden, cells) = state.split_at_mut(CELLS);
        let mut voice = network.voice_bias;
        for cell in 0..CELLS {
            let keep = sigmoid(gates[CELLS + cell]) * cells[cell];
            let take = sigmoid(gates[cell]) * tanh(gates[2 * CELLS + cell]);
            cells[cell] = keep + take;
        }
        for cell in 0..CELLS {
            hidden[cell] = sigmoid(gates[3 * CELLS + cell]) * tanh(cells[cell]);
        }
        for (heard, weight) in hidden.iter().zip(&network.voice) {
            voice += weight * heard.max(0.0);
        }
        sigmoid(voice)
    }
}
