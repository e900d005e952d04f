//! Takes the silence off the head of a reply: a Piper voice begins a sentence with 25 to 60 ms of
//! near silence, and the caller waits for every one of them. Only the first sound of a reply: between
//! its clauses the same silence is a pause that belongs there.

/// Near silence: -55 dBFS. Soft consonants (h, f) of the voices that we know begin above it.
const QUIET_MAX: u16 = 58;

/// Kept before what is louder, so that no beginning is cut hard.
const KEPT_MS: u32 = 4;

/// More silence than that is meant.
const TRIMMED_MS_MAX: u32 = 120;

/// Follows the head of one reply. Mono PCM, piece by piece.
#[derive(Debug)]
pub(crate) struct QuietHead {
    kept: usize,
    left: usize,
    trimmed: u64,
    over: bool,
}

impl QuietHead {
    pub(crate) const fn new(rate_hz: u32) -> Self {
        Self {
            kept: (rate_hz / 1000 * KEPT_MS) as usize,
            left: (rate_hz / 1000 * TRIMMED_MS_MAX) as usize,
            trimmed: 0,
            over: false,
        }
    }

    /// The piece without what is quiet at the head of all pieces so far; may be empty.
    pub(crate) fn trim(&mut self, mut pcm: Vec<i16>) -> Vec<i16> {
        if self.over {
            return pcm;
        }
        let loud = pcm.iter().position(|sample| sample.unsigned_abs() > QUIET_MAX);
        let quiet = loud.map_or(pcm.len(), |at| at.saturating_sub(self.kept)).min(self.left);
        self.over = loud.is_some() || quiet < pcm.len();
        self.left -= quiet;
        self.trimmed += quiet as u64;
        pcm.drain(..quiet);
        pcm
    }

    /// Samples that were taken off so far.
    pub(crate) const fn trimmed(&self) -> u64 {
        self.trimmed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE_HZ: u32 = 24_000;

    fn quiet(ms: usize) -> Vec<i16> {
        vec![20; ms * 24]
    }

    fn loud(ms: usize) -> Vec<i16> {
        vec![-3_000; ms * 24]
    }

    #[test]
    fn silence_before_the_first_sound_goes_over_pieces_and_later_silence_stays() {
        let mut head = QuietHead::new(RATE_HZ);
        assert!(head.trim(quiet(30)).is_empty());
        let trimmed = head.trim([quiet(20), loud(10)].concat());
        assert_eq!(trimmed, [quiet(4), loud(10)].concat(), "a little is kept");
        assert_eq!(head.trimmed(), 46 * 24);
        assert_eq!(head.trim(quiet(30)), quiet(30));
    }

    #[test]
    fn a_voice_that_begins_at_once_is_passed_on() {
        let mut head = QuietHead::new(RATE_HZ);
        assert_eq!(head.trim(loud(20)), loud(20));
        assert_eq!(head.trimmed(), 0);
    }

    #[test]
    fn a_long_silence_is_meant_and_loses_only_its_beginning() {
        let mut head = QuietHead::new(RATE_HZ);
        assert!(head.trim(quiet(100)).is_empty());
        assert_eq!(head.trim(quiet(100)), quiet(80));
        assert_eq!(head.trim(quiet(10)), quiet(10));
        assert_eq!(head.trimmed(), 120 * 24);
    }

    #[test]
    fn an_empty_piece_and_a_rate_of_zero_harm_nothing() {
        let mut head = QuietHead::new(0);
        assert!(head.trim(Vec::new()).is_empty());
        assert_eq!(head.trim(quiet(1)), quiet(1));
    }
}
