//! How far a rate would be off on other calls of the same kind: the bootstrap over clips. Clips, not
//! words, are drawn, because the words of one caller are wrong together.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// Draws; the interval's ends move by a tenth of its width from one thousand to the next.
const DRAWS: usize = 1_000;

/// Fewer clips than this say nothing about others.
const CLIPS_MIN: usize = 5;

/// The same clips give the same interval.
const SEED: u64 = 5;

/// Errors and length of one clip.
pub(super) type Clip = (usize, usize);

/// Where 95 of 100 such samples would lie; `None`: too few clips.
pub(super) fn interval(clips: &[Clip]) -> Option<(f64, f64)> {
    draws(clips.len(), |picked| rate(picked.iter().map(|n| clips[*n])))
}

/// The same for the difference between two models on the same clips, second less first.
pub(super) fn difference(first: &[Clip], second: &[Clip]) -> Option<(f64, f64)> {
    let clips = first.len().min(second.len());
    draws(clips, |picked| {
        let of = |clips: &[Clip]| rate(picked.iter().map(|n| clips[*n]));
        of(second) - of(first)
    })
}

/// Errors for each unit said, over all clips.
pub(super) fn rate(clips: impl Iterator<Item = Clip>) -> f64 {
    let (errors, of) = clips.fold((0, 0), |sum, clip| (sum.0 + clip.0, sum.1 + clip.1));
    if errors == 0 { 0.0 } else { errors as f64 / of.max(1) as f64 }
}

fn draws(clips: usize, statistic: impl Fn(&[usize]) -> f64) -> Option<(f64, f64)> {
    if clips < CLIPS_MIN {
        return None;
    }
    let mut rng = StdRng::seed_from_u64(SEED);
    let mut picked = vec![0; clips];
    let mut values: Vec<f64> = (0..DRAWS)
        .map(|_| {
            picked.iter_mut().for_each(|pick| *pick = rng.random_range(0..clips));
            statistic(&picked)
        })
        .collect();
    values.sort_by(f64::total_cmp);
    Some((values[DRAWS / 40], values[DRAWS - 1 - DRAWS / 40]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_lies_in_its_interval_which_narrows_with_more_clips() {
        let clips: Vec<Clip> = (0..400).map(|n| (n % 4, 10)).collect();
        let width = |clips: &[Clip]| {
            let (low, high) = interval(clips).unwrap();
            let rate = rate(clips.iter().copied());
            assert!(low < rate && rate < high, "{low} {rate} {high}");
            high - low
        };
        // 10 errors in 100 words a clip: the standard error is 0.11 / √n.
        let (few, many) = (width(&clips[..16]), width(&clips));
        assert!((0.07..0.15).contains(&few), "{few}");
        assert!((0.015..0.03).contains(&many), "{many}");
    }

    #[test]
    fn a_model_that_is_better_on_every_clip_is_plainly_better() {
        let first: Vec<Clip> = (0..20).map(|n| (2 + n % 3, 10)).collect();
        let second: Vec<Clip> = first.iter().map(|(errors, of)| (errors - 1, *of)).collect();
        let (low, high) = difference(&first, &second).unwrap();
        assert!(low < -0.09 && high < 0.0, "{low} {high}");
    }

    #[test]
    fn few_clips_and_silent_ones_claim_nothing() {
        assert_eq!(interval(&[(1, 10); 4]), None);
        assert_eq!(interval(&[(0, 0); 9]), Some((0.0, 0.0)));
        assert_eq!(rate([(3, 0)].into_iter()), 3.0);
    }
}
