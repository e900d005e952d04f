//! One layer, `bias + weights · inputs`, at several positions at once, with the machine's vector instructions; and the
//! two curves of an LSTM cell. Knows no network.

use pulp::Simd;

/// Outputs whose weights lie together, input after input: a row of them is four cache lines.
const PANEL: usize = 64;

/// A layer's weights, in the order in which they are read.
#[derive(Debug)]
pub(super) struct Layer {
    inputs: usize,
    bias: Vec<f32>,
    panels: Vec<f32>,
}

impl Layer {
    /// A layer with as many outputs as `bias`, a multiple of [`PANEL`]; `weight(output, input)` gives its weights.
    pub(super) fn new(bias: Vec<f32>, inputs: usize, weight: impl Fn(usize, usize) -> f32) -> Self {
        assert!(bias.len().is_multiple_of(PANEL), "{} outputs. This is a bug.", bias.len());
        let mut panels = Vec::with_capacity(bias.len() * inputs);
        for first in (0..bias.len()).step_by(PANEL) {
            for input in 0..inputs {
                panels.extend((first..first + PANEL).map(|output| weight(output, input)));
            }
        }
        Self { inputs, bias, panels }
    }

    /// The layer at `P` positions: each reads its inputs `step` values after those of the one before, and its outputs
    /// follow theirs.
    #[inline(always)]
    pub(super) fn apply<S: Simd, const P: usize>(
        &self,
        simd: S,
        x: &[f32],
        step: usize,
        out: &mut [f32],
    ) {
        // As many sums at a time as the processor has registers for.
        if P > 2 && S::REGISTER_COUNT < 32 {
            self.apply_by::<S, P, 2>(simd, x, step, out);
        } else {
            self.apply_by::<S, P, 4>(simd, x, step, out);
        }
    }

    /// `R` vectors of outputs at a time.
    #[inline(always)]
    fn apply_by<S: Simd, const P: usize, const R: usize>(
        &self,
        simd: S,
        x: &[f32],
        step: usize,
        out: &mut [f32],
    ) {
        let outputs = self.bias.len();
        let x: [&[f32]; P] = std::array::from_fn(|p| &x[p * step..][..self.inputs]);
        let block = R * S::F32_LANES;
        let panels = self.panels.chunks_exact(PANEL * self.inputs);
        for (panel, first) in panels.zip((0..).step_by(PANEL)) {
            for part in (0..PANEL).step_by(block) {
                let at = first + part;
                let bias = vectors::<S, R>(&self.bias[at..at + block]);
                let mut sums = [bias; P];
                for (input, row) in panel.chunks_exact(PANEL).enumerate() {
                    let weights = vectors::<S, R>(&row[part..part + block]);
                    for p in 0..P {
                        let value = simd.splat_f32s(x[p][input]);
                        for r in 0..R {
                            sums[p][r] = simd.mul_add_e_f32s(value, weights[r], sums[p][r]);
                        }
                    }
                }
                for p in 0..P {
                    let out = &mut out[p * outputs + at..][..block];
                    let (out, _) = S::as_mut_simd_f32s(out);
                    out.copy_from_slice(&sums[p]);
                }
            }
        }
    }
}

#[inline(always)]
fn vectors<S: Simd, const R: usize>(values: &[f32]) -> [S::f32s; R] {
    let (vectors, _) = S::as_simd_f32s(values);
    std::array::from_fn(|r| vectors[r])
}

/// What is below zero becomes zero.
#[inline(always)]
pub(super) fn rectify(values: &mut [f32]) {
    values.iter_mut().for_each(|value| *value = value.max(0.0));
}

/// 1 / (1 + e^-x), within 2e-7; written so that the compiler makes vectors of it.
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// Within 4e-7.
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    2.0 * sigmoid(2.0 * x) - 1.0
}

/// e^x = 2^n · e^r with |r| ≤ ln 2 / 2, where a short series is exact enough.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// Added to a small number, it leaves its whole part in the last bits.
    const WHOLE: f32 = 12_582_912.0; // 1.5 · 2^23
    // Beyond, the result would not fit a float; a sigmoid is 0 or 1 there long since.
    let x = x.clamp(-87.0, 87.0);
    let shifted = x * std::f32::consts::LOG2_E + WHOLE;
    let n = shifted - WHOLE;
    // ln 2 in two parts, so that what is subtracted is exact.
    let r = (x - n * 0.693_359_4) - n * -2.121_944_4e-4;
    let series = 1.0
        + r * (1.0
            + r * (1.0 / 2.0
                + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0))))));
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    series * power
}

#[cfg(test)]
mod tests {
    use pulp::{Arch, WithSimd};

    use super::*;

    struct Apply<'a>(&'a Layer, &'a [f32], &'a mut [f32]);

    impl WithSimd for Apply<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let Self(layer, x, out) = self;
            layer.apply::<S, 4>(simd, x, 3, &mut out[..512]);
            layer.apply::<S, 1>(simd, &x[12..], 3, &mut out[512..]);
        }
    }

    #[test]
    fn a_layer_is_the_sum_it_stands_for_on_every_machine() {
        let weight = |output: usize, input: usize| (output * 7 + input * 3 % 11) as f32 / 64.0;
        let bias: Vec<f32> = (0..128).map(|output| output as f32).collect();
        let layer = Layer::new(bias.clone(), 5, weight);
        let x: Vec<f32> = (0..17).map(|i| i as f32 - 8.0).collect();
        for arch in [Arch::Scalar, Arch::new()] {
            let mut out = vec![0.0; 5 * 128];
            arch.dispatch(Apply(&layer, &x, &mut out));
            for (at, found) in out.iter().enumerate() {
                let (position, output) = (at / 128, at % 128);
                let wanted: f32 = (0..5).map(|i| x[position * 3 + i] * weight(output, i)).sum();
                assert!((found - bias[output] - wanted).abs() < 1e-3, "{position} {output}");
            }
        }
    }

    #[test]
    fn curves_are_those_of_the_library_of_the_language() {
        for step in -4_000_i16..=4_000 {
            let x = f32::from(step) / 40.0;
            let exact = f64::from(x);
            let sigmoid_error = f64::from(sigmoid(x)) - 1.0 / (1.0 + (-exact).exp());
            assert!(sigmoid_error.abs() < 2e-7, "sigmoid {x}: {sigmoid_error}");
            let tanh_error = f64::from(tanh(x)) - exact.tanh();
            assert!(tanh_error.abs() < 4e-7, "tanh {x}: {tanh_error}");
        }
    }
}
