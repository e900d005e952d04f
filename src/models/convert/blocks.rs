//! ggml's quantised blocks: what a model's file holds, read into numbers, and IQ4_NL written.
//!
//! Layouts: `block_q5_0`, `block_q8_0`, `block_q4_K` and `block_q6_K` of ggml's `ggml-common.h`, and how
//! `ggml-quants.c` reads them. The same input gives the same bytes on every machine: numbers are
//! added in one order, and nothing is fused.

use half::f16;

/// Values in a block of the simple formats.
pub(super) const BLOCK: usize = 32;
/// Bytes of an IQ4_NL block: a scale (f16) and 32 values of 4 bits.
pub(super) const IQ4_NL_BYTES: usize = 18;
/// ggml's number of that format for a tensor.
pub(super) const IQ4_NL: u32 = 20;
/// The same for a file whose tensors are mostly so.
pub(super) const FILE_IQ4_NL: u32 = 25;

/// A format that we read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Q5_0,
    Q8_0,
    Q4K,
    Q6K,
}

impl Format {
    /// By ggml's number.
    pub(super) fn of(kind: u32) -> Option<Self> {
        match kind {
            6 => Some(Self::Q5_0),
            8 => Some(Self::Q8_0),
            12 => Some(Self::Q4K),
            14 => Some(Self::Q6K),
            _ => None,
        }
    }

    /// Values per block.
    pub(super) fn values(self) -> usize {
        match self {
            Self::Q5_0 | Self::Q8_0 => BLOCK,
            Self::Q4K | Self::Q6K => 256,
        }
    }

    /// Bytes per block.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Q5_0 => 22,
            Self::Q8_0 => 34,
            Self::Q4K => 144,
            Self::Q6K => 210,
        }
    }

    /// Appends the values of one block of [`Self::bytes`] bytes.
    pub(super) fn read(self, block: &[u8], values: &mut Vec<f32>) {
        match self {
            Self::Q5_0 => q5_0(block, values),
            Self::Q8_0 => {
                let scale = half(block, 0);
                values.extend(block[2..34].iter().map(|&q| scale * f32::from(q.cast_signed())));
            }
            Self::Q4K => q4_k(block, values),
            Self::Q6K => q6_k(block, values),
        }
    }
}

fn half(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// A scale, the fifth bits of all values, their lower four: first the low nibbles, then the high.
fn q5_0(block: &[u8], values: &mut Vec<f32>) {
    let scale = half(block, 0);
    let fifth = u32::from_le_bytes([block[2], block[3], block[4], block[5]]);
    for (at, shift) in (0..BLOCK).map(|i| (i % 16, if i < 16 { 0 } else { 4 })) {
        let low = (block[6 + at] >> shift) & 0x0f;
        let high = if fifth >> (at + usize::from(shift != 0) * 16) & 1 == 1 { 16_i8 } else { 0 };
        values.push(scale * f32::from(low.cast_signed() + high - 16));
    }
}

/// Eight groups of 32, each with a scale and a minimum of 6 bits, packed in 12 bytes.
fn q4_k(block: &[u8], values: &mut Vec<f32>) {
    let (scale, minimum) = (half(block, 0), half(block, 2));
    let packed = &block[4..16];
    let group = |i: usize| {
        if i < 4 {
            (packed[i] & 63, packed[i + 4] & 63)
        } else {
            (
                (packed[i + 4] & 0x0f) | (packed[i - 4] >> 6 << 4),
                (packed[i + 4] >> 4) | (packed[i] >> 6 << 4),
            )
        }
    };
    for (pair, bytes) in block[16..144].chunks_exact(32).enumerate() {
        for (half, shift) in [(0, 0), (1, 4)] {
            let (s, m) = group(2 * pair + half);
            let (s, m) = (scale * f32::from(s), minimum * f32::from(m));
            values.extend(bytes.iter().map(|byte| s * f32::from((byte >> shift) & 0x0f) - m));
        }
    }
}

/// Lower four bits, upper two bits, scales of 16 groups, one scale over all. Values lie 128 by 128:
/// four runs of 32 that share their bytes.
fn q6_k(block: &[u8], values: &mut Vec<f32>) {
    let scale = half(block, 208);
    for part in 0..2 {
        let (low, high) = (&block[part * 64..][..64], &block[128 + part * 32..][..32]);
        let scales = &block[192 + part * 8..][..8];
        for run in 0..4 {
            for i in 0..32 {
                let nibble = (low[(run % 2) * 32 + i] >> (4 * (run / 2))) & 0x0f;
                let q = (nibble | ((high[i] >> (2 * run)) & 3) << 4).cast_signed() - 32;
                let group = f32::from(scales[2 * run + i / 16].cast_signed());
                values.push(scale * group * f32::from(q));
            }
        }
    }
}

/// Appends `values`, a block of 32, as IQ4_NL: `scale * LEVELS[q]`.
///
/// Scales that put the largest value at levels around the first and of both signs are tried; each is fitted to what its rounding
/// gave, and the one of the least squared error is kept. An error counts by the square of its value, for what is
/// large matters more.
pub(super) fn write_iq4_nl(values: &[f32; BLOCK], out: &mut Vec<u8>) {
    let largest =
        values.iter().copied().fold(0.0_f32, |m, v| if v.abs() > m.abs() { v } else { m });
    let weights = values.map(|x| x * x);
    let (mut scale, mut best) = (0.0_f32, 0.0_f32);
    if largest != 0.0 {
        for tried in TRIED {
            let levels = levels(values, tried / largest);
            let xq = sum(|i| weights[i] * values[i] * levels[i]);
            let qq = sum(|i| weights[i] * levels[i] * levels[i]);
            // The squared error that is left is the same for all but for this.
            if qq > 0.0 && xq * xq > best * qq {
                (scale, best) = (xq / qq, xq * xq / qq);
            }
        }
    }
    let scale = f16::from_f32(scale);
    let inverse = if scale.to_f32() == 0.0 { 0.0 } else { 1.0 / scale.to_f32() };
    let levels = levels(values, inverse);
    let nibble = |i: usize| LEVELS.partition_point(|&level| level < levels[i]) as u8;
    out.extend(scale.to_le_bytes());
    out.extend((0..16).map(|i| nibble(i) | nibble(i + 16) << 4));
}

/// What the 16 values of 4 bits stand for: closer together where weights are many.
const LEVELS: [f32; 16] = [
    -127.0, -104.0, -83.0, -65.0, -49.0, -35.0, -22.0, -10.0, 1.0, 13.0, 25.0, 38.0, 53.0, 69.0,
    89.0, 113.0,
];

/// Where the largest value of a block is tried.
const TRIED: [f32; 14] = [
    -134.0, -131.0, -129.0, -127.0, -125.0, -123.0, -120.0, -117.0, -114.0, -110.0, 110.0, 113.0,
    116.0, 119.0,
];

/// The levels nearest to `values * inverse`.
fn levels(values: &[f32; BLOCK], inverse: f32) -> [f32; BLOCK] {
    let mut found = [LEVELS[0]; BLOCK];
    for pair in LEVELS.windows(2) {
        let (middle, step) = ((pair[0] + pair[1]) / 2.0, pair[1] - pair[0]);
        for (level, x) in found.iter_mut().zip(values) {
            *level += if x * inverse > middle { step } else { 0.0 };
        }
    }
    found
}

/// The sum over a block, in eight lanes: one order of adding, and room for wide registers.
fn sum(term: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0.0_f32; 8];
    for i in 0..BLOCK {
        lanes[i % 8] += term(i);
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block of bytes that differ, with these halves in it.
    fn block(bytes: usize, halves: &[(usize, f32)]) -> Vec<u8> {
        let mut block: Vec<u8> = (0..bytes).map(|i| (i * 37 + 11) as u8).collect();
        for (at, value) in halves {
            block[*at..at + 2].copy_from_slice(&f16::from_f32(*value).to_le_bytes());
        }
        block
    }

    /// Against what the `gguf` package of llama.cpp's makers (Python, numpy) reads in the same bytes.
    #[test]
    fn blocks_are_read_as_others_read_them() {
        type Golden<'a> = (Format, &'a [(usize, f32)], &'a [(usize, f32)], f32);
        let golden: [Golden<'_>; 4] = [
            (
                Format::Q5_0,
                &[(0, 0.5)],
                &[(0, 4.5), (1, -1.0), (15, -6.0), (16, 7.0), (31, 0.5)],
                7.5,
            ),
            (
                Format::Q8_0,
                &[(0, 0.25)],
                &[(0, 21.25), (1, 30.5), (15, -32.0), (16, -22.75), (31, -12.0)],
                -44.0,
            ),
            (
                Format::Q4K,
                &[(0, 0.125), (2, 0.0625)],
                &[
                    (0, 39.4375),
                    (1, -3.1875),
                    (31, 20.0625),
                    (32, 1.0),
                    (63, 5.0),
                    (100, 11.875),
                    (128, 52.875),
                    (200, 17.3125),
                    (255, 6.0625),
                ],
                6_805.0,
            ),
            (
                Format::Q6K,
                &[(208, 0.125)],
                &[
                    (0, -178.875),
                    (1, 212.0),
                    (16, -54.0),
                    (32, 28.875),
                    (63, -72.5),
                    (100, 315.375),
                    (127, 187.5),
                    (128, -43.875),
                    (200, 136.125),
                    (255, -7.5),
                ],
                576.5,
            ),
        ];
        for (format, halves, expected, sum) in golden {
            let mut values = Vec::new();
            format.read(&block(format.bytes(), halves), &mut values);
            assert_eq!(values.len(), format.values(), "{format:?}");
            for (at, value) in expected {
                assert_eq!(values[*at], *value, "{format:?} at {at}");
            }
            assert_eq!(values.iter().sum::<f32>(), sum, "{format:?}");
        }
    }

    fn iq4_nl(block: &[u8]) -> Vec<f32> {
        let scale = half(block, 0);
        let nibbles = (0..BLOCK).map(|i| block[2 + i % 16] >> (4 * (i / 16)) & 0x0f);
        nibbles.map(|q| scale * LEVELS[usize::from(q)]).collect()
    }

    #[test]
    fn what_fits_the_levels_is_kept_exactly() {
        let values: [f32; BLOCK] = std::array::from_fn(|i| 0.5 * LEVELS[(i * 7) % 16]);
        let mut out = Vec::new();
        write_iq4_nl(&values, &mut out);
        assert_eq!(out.len(), IQ4_NL_BYTES);
        assert_eq!(iq4_nl(&out), values);
        out.clear();
        write_iq4_nl(&[0.0; BLOCK], &mut out);
        assert_eq!(iq4_nl(&out), [0.0; BLOCK]);
    }

    #[test]
    fn other_values_are_missed_by_less_than_with_even_levels() {
        let (mut ours, mut even) = (0.0, 0.0);
        // Twelve even numbers add up to what weights are like: many small ones, few large.
        let mut state = 1_u32;
        let mut even_number = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        };
        for _ in 0..200 {
            let values: [f32; BLOCK] =
                std::array::from_fn(|_| (0..12).map(|_| even_number()).sum::<f32>() - 6.0);
            let mut out = Vec::new();
            write_iq4_nl(&values, &mut out);
            let error = |read: Vec<f32>| -> f32 {
                values.iter().zip(read).map(|(x, r)| x * x * (x - r).powi(2)).sum()
            };
            ours += error(iq4_nl(&out));
            // Q4_0: the largest value at -8 of -8 to 7.
            let largest =
                values.iter().copied().fold(0.0_f32, |m, v| if v.abs() > m.abs() { v } else { m });
            let scale = largest / -8.0;
            even += error(values.map(|x| scale * (x / scale).round().clamp(-8.0, 7.0)).to_vec());
        }
        assert!(ours < even * 0.95, "{ours} against {even}");
    }

    #[test]
    fn numbers_that_are_none_do_no_harm() {
        for value in [f32::NAN, f32::INFINITY, f32::MAX, f32::MIN_POSITIVE] {
            let mut out = Vec::new();
            write_iq4_nl(&[value; BLOCK], &mut out);
            assert_eq!(out.len(), IQ4_NL_BYTES);
        }
    }
}
