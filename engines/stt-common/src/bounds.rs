//! What bounds an inference: how much of the encoder's window to compute, how many tokens to
//! decode, when text has begun to loop, when a second look pays. Pure numbers.

use std::time::Duration;

/// The only rate Whisper hears.
pub const SAMPLE_RATE_HZ: u32 = 16_000;

/// Encoder positions of the full 30 s window.
pub const POSITIONS_FULL: usize = 1500;

/// Below this, short utterances come out wrong: of 336 words in 60 recorded prompts of 1 to 5 s, 49
/// with 256 positions (7 prompts were repeated over and over), 21 with 384, 17 with 512, 18 with all.
const POSITIONS_MIN: usize = 384;
/// Silence after the last word, by which the decoder finds the end. Recorded sentences of 2.6 to
/// 11 s read the same with this margin, twice it, and the full window.
const POSITIONS_MARGIN: usize = 64;
/// Few distinct sizes, so that buffers are rarely planned anew.
const POSITIONS_STEP: usize = 64;

/// A second look may take this long at most; a caller is waiting.
const SECOND_LOOK_MAX: Duration = Duration::from_millis(1500);
/// Right text measured 0.87..0.96 here, garbage 0.17..0.35.
const CONFIDENCE_MIN: f32 = 0.5;

/// Audio quieter than this in every 20 ms window holds no speech (-57 dBFS; a quiet telephone
/// caller is above -45).
const SPEECH_RMS_MIN: f32 = 0.0014;

/// Encoder positions (20 ms each) for so much audio. The encoder's cost grows faster than this
/// number, so a three-second utterance costs an eighth of the full window.
pub fn positions_for(samples: usize) -> usize {
    let audio = samples.div_ceil(SAMPLE_RATE_HZ as usize / 50);
    let positions = (audio + POSITIONS_MARGIN).next_multiple_of(POSITIONS_STEP);
    positions.clamp(POSITIONS_MIN, POSITIONS_FULL)
}

/// Tokens that so much audio can hold: fast Arabic speech measures up to 12 a second. Bounds the
/// time of a decoder that has lost its way.
pub fn tokens_max(samples: usize, text_context: usize) -> usize {
    let by_length = 16 + samples * 14 / SAMPLE_RATE_HZ as usize;
    by_length.min(text_context / 2 - 4)
}

/// Length of the text before a loop, when the last tokens repeat one phrase over and over; the
/// phrase's first occurrence is kept. Speech repeats too ("no, no, no", a digit thrice), so a
/// loop is at least four rounds and twelve tokens.
pub fn loop_start(tokens: &[i32]) -> Option<usize> {
    const ROUNDS_MIN: usize = 4;
    const TOKENS_MIN: usize = 12;
    const PERIOD_MAX: usize = 24;
    for period in 1..=PERIOD_MAX.min(tokens.len() / ROUNDS_MIN) {
        let differs = tokens.len() - period;
        let same = (0..differs).rev().take_while(|&i| tokens[i] == tokens[i + period]).count();
        let looped = same + period;
        if looped >= TOKENS_MIN && looped >= ROUNDS_MIN * period {
            return Some(tokens.len() - looped + period);
        }
    }
    None
}

/// Whether the text is one phrase and nothing else, over and over: what a short window makes of some
/// short utterances, sure of itself. People do repeat a sentence, so this is a doubt and no verdict.
pub fn says_itself_again(tokens: &[i32]) -> bool {
    const PHRASE_TOKENS_MIN: usize = 3;
    (PHRASE_TOKENS_MIN..=tokens.len() / 2)
        .any(|period| (period..tokens.len()).all(|i| tokens[i] == tokens[i - period]))
}

/// Encoder positions of a second look: twice the first, whose short window is known to make some
/// utterances loop or come out unsure. More is no better (of 336 words, 17 wrong with 512 positions, 18 with
/// all), and costs a caller who said "yes" a second.
pub fn second_look_positions(positions: usize) -> usize {
    (positions * 2).min(POSITIONS_FULL)
}

/// Whether to transcribe once more over a longer window. Not when that would take too long on this
/// machine, judged by the pass just made.
pub fn second_look_pays(
    positions: usize,
    looped: bool,
    confidence: f32,
    encoder_time: Duration,
) -> bool {
    // The difference between nearly full and full changes nothing.
    if positions * 5 > POSITIONS_FULL * 4 || !(looped || confidence < CONFIDENCE_MIN) {
        return false;
    }
    // Measured: 3.9 times the positions cost 6 times the work.
    let growth = (second_look_positions(positions) as f64 / positions as f64).powf(1.3);
    encoder_time.mul_f64(growth) <= SECOND_LOOK_MAX
}

/// True when nothing in `samples` is loud enough to be speech.
pub fn is_silent(samples: &[f32]) -> bool {
    samples.chunks(SAMPLE_RATE_HZ as usize / 50).all(|window| {
        // The mean is taken off: a microphone's constant offset is not sound.
        let count = window.len() as f32;
        let mean = window.iter().sum::<f32>() / count;
        let power = window.iter().map(|s| (s - mean) * (s - mean)).sum::<f32>() / count;
        power.sqrt() < SPEECH_RMS_MIN
    })
}

/// 16-bit little-endian PCM as -1..1; the caller has checked that the length is even.
pub fn samples_of(pcm_s16le: &[u8]) -> Vec<f32> {
    let pairs = pcm_s16le.chunks_exact(2);
    pairs.map(|b| f32::from(i16::from_le_bytes([b[0], b[1]])) / 32_768.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: usize = SAMPLE_RATE_HZ as usize;

    #[test]
    fn the_window_follows_the_audio_between_a_floor_and_the_full_window() {
        let positions = [0, 1, 3, 6, 11, 20, 27, 28, 30].map(|s| positions_for(s * SECOND));
        assert_eq!(positions, [384, 384, 384, 384, 640, 1088, 1472, 1472, 1500]);
    }

    #[test]
    fn the_window_always_covers_the_audio() {
        for samples in (0..=30 * SECOND).step_by(777) {
            assert!(positions_for(samples) * 320 >= samples, "{samples} samples");
        }
    }

    #[test]
    fn tokens_are_bounded_by_length_and_by_the_decoder() {
        assert_eq!(tokens_max(SECOND, 448), 30);
        assert_eq!(tokens_max(30 * SECOND, 448), 220);
    }

    #[test]
    fn a_phrase_repeated_without_end_is_a_loop_and_its_first_round_is_kept() {
        let mut tokens = vec![1, 2, 3];
        tokens.extend([7, 8, 9].repeat(5));
        assert_eq!(loop_start(&tokens), Some(6));
        assert_eq!(loop_start(&[5; 20]), Some(1));
        // In the middle of a round.
        tokens.push(7);
        assert_eq!(loop_start(&tokens), Some(6));
    }

    #[test]
    fn speech_that_repeats_itself_is_no_loop() {
        assert_eq!(loop_start(&[]), None);
        assert_eq!(loop_start(&[5; 11]), None);
        assert_eq!(loop_start(&[4, 5, 4, 5, 4, 5]), None);
        assert_eq!(loop_start(&(0..60).collect::<Vec<_>>()), None);
        // A four-token phrase said three times.
        assert_eq!(loop_start(&[1, 2, 3, 4].repeat(3)), None);
    }

    #[test]
    fn a_sentence_said_again_from_its_start_is_doubted() {
        assert!(says_itself_again(&[1, 2, 3, 4, 1, 2, 3, 4]));
        assert!(says_itself_again(&[1, 2, 3, 4, 1, 2, 3, 4, 1, 2]), "cut by the bound");
        assert!(!says_itself_again(&[1, 2, 1, 2]), "no, no");
        assert!(!says_itself_again(&[9, 1, 2, 3, 1, 2, 3]), "more was said");
        assert!(!says_itself_again(&[]));
    }

    #[test]
    fn a_second_look_needs_a_reason_room_to_gain_and_time() {
        let quick = Duration::from_millis(100);
        assert!(second_look_pays(384, false, 0.3, quick));
        assert!(second_look_pays(384, true, 0.9, quick));
        assert!(!second_look_pays(384, false, 0.8, quick), "sure enough");
        assert!(!second_look_pays(1500, true, 0.1, quick), "was full already");
        assert!(!second_look_pays(384, true, 0.1, Duration::from_secs(1)), "slow machine");
    }

    #[test]
    fn silence_and_a_constant_offset_are_silent_and_a_short_click_is_not() {
        assert!(is_silent(&[]));
        assert!(is_silent(&vec![0.0; SECOND]));
        assert!(is_silent(&vec![0.25; SECOND]));
        let mut click = vec![0.0; SECOND];
        click[5_000..5_100].fill(0.2);
        assert!(!is_silent(&click));
    }

    #[test]
    fn bytes_become_samples_at_full_scale() {
        assert_eq!(samples_of(&[0, 0x80, 0xff, 0x7f, 0, 0]), [-1.0, 32_767.0 / 32_768.0, 0.0]);
    }
}
