//! Long audio in pieces that one transcription takes, cut where it is quiet.

use super::{CALLER_RATE_HZ, rms};

/// A piece of a long file: what one transcription takes, with room for the cut.
const PIECE_SAMPLES: usize = 28 * CALLER_RATE_HZ as usize;

/// Where a long file may be cut: the quietest place within the last seconds of a piece.
const CUT_WITHIN_SAMPLES: usize = 6 * CALLER_RATE_HZ as usize;

/// `pcm` at [`CALLER_RATE_HZ`] in pieces of at most 28 s, in order, nothing left out.
pub fn pieces_of(mut pcm: &[i16]) -> Vec<&[i16]> {
    let mut pieces = Vec::new();
    while pcm.len() > PIECE_SAMPLES {
        let (piece, rest) = pcm.split_at(quietest(pcm));
        pieces.push(piece);
        pcm = rest;
    }
    pieces.push(pcm);
    pieces
}

fn quietest(pcm: &[i16]) -> usize {
    let window = CALLER_RATE_HZ as usize / 10;
    let first = PIECE_SAMPLES - CUT_WITHIN_SAMPLES;
    (first..PIECE_SAMPLES - window)
        .step_by(window / 2)
        .min_by(|a, b| {
            let loudness = |at: usize| rms(&pcm[at..at + window]);
            loudness(*a).total_cmp(&loudness(*b))
        })
        .map_or(PIECE_SAMPLES, |at| at + window / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_cut_where_it_is_quiet_and_nothing_is_lost() {
        let second = CALLER_RATE_HZ as usize;
        let mut pcm = vec![8_000; 60 * second];
        pcm[25 * second..26 * second].fill(0);
        let pieces = pieces_of(&pcm);
        assert!((25 * second..26 * second).contains(&pieces[0].len()), "{}", pieces[0].len());
        assert!(pieces.iter().all(|p| p.len() <= PIECE_SAMPLES));
        assert_eq!(pieces.iter().map(|p| p.len()).sum::<usize>(), pcm.len());
    }
}
