//! WAV files, of whatever kind people have, in and out.

use std::io::{Read, Seek, Write};
use std::path::Path;

use super::resample::{ResampleError, resample};

/// Longest file that is read: two hours of stereo at 48 kHz would not fit.
const SAMPLES_MAX: u32 = 600_000_000;

/// Why a WAV file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum WavError {
    /// Not there, not readable, not a WAV file.
    #[error("{path} can not be used as a WAV file: {detail}; give PCM of 8 to 32 bits or floats")]
    File {
        /// which
        path: String,
        /// what is wrong
        detail: String,
    },
    /// Its rate is not one that audio has.
    #[error(transparent)]
    Rate(#[from] ResampleError),
}

/// Reads a WAV file of any rate and channels as mono PCM at `rate_hz`.
///
/// # Errors
/// When the file is missing, truncated, no WAV file, or empty of audio.
pub fn read(path: &Path, rate_hz: u32) -> Result<Vec<i16>, WavError> {
    let error = |detail: String| WavError::File { path: path.display().to_string(), detail };
    let reader = hound::WavReader::open(path).map_err(|e| error(e.to_string()))?;
    let (pcm, from_hz) = mono(reader).map_err(error)?;
    if pcm.is_empty() {
        return Err(error("there is no audio in it".into()));
    }
    Ok(resample(&pcm, from_hz, rate_hz)?)
}

fn mono<R: Read + Seek>(reader: hound::WavReader<R>) -> Result<(Vec<i16>, u32), String> {
    let spec = reader.spec();
    if reader.len() > SAMPLES_MAX {
        return Err(format!("{} samples are more than {SAMPLES_MAX}", reader.len()));
    }
    let channels = usize::from(spec.channels.max(1));
    let samples: Result<Vec<f32>, hound::Error> = match spec.sample_format {
        hound::SampleFormat::Float => reader.into_samples::<f32>().collect(),
        hound::SampleFormat::Int => {
            let full = 2_f32.powi(i32::from(spec.bits_per_sample.clamp(1, 32)) - 1);
            reader.into_samples::<i32>().map(|s| Ok(s? as f32 / full)).collect()
        }
    };
    let samples = samples.map_err(|e| e.to_string())?;
    let pcm = samples
        .chunks(channels)
        .map(|frame| {
            let mean = frame.iter().sum::<f32>() / frame.len() as f32;
            (mean * 32_768.0).clamp(-32_768.0, 32_767.0) as i16
        })
        .collect();
    Ok((pcm, spec.sample_rate))
}

/// Writes `channels` (of equal rate; shorter ones are filled with silence) as 16-bit PCM.
///
/// # Errors
/// When the file can not be written.
pub fn write(path: &Path, rate_hz: u32, channels: &[&[i16]]) -> Result<(), WavError> {
    let error = |e: hound::Error| WavError::File {
        path: path.display().to_string(),
        detail: e.to_string(),
    };
    let writer = hound::WavWriter::create(path, spec(rate_hz, channels));
    writer.and_then(|writer| fill(writer, channels)).map_err(error)
}

/// As [`write`], into `out`.
///
/// # Errors
/// When it can not be written.
pub fn write_to<W: Write + Seek>(
    out: W,
    rate_hz: u32,
    channels: &[&[i16]],
) -> Result<(), hound::Error> {
    fill(hound::WavWriter::new(out, spec(rate_hz, channels))?, channels)
}

fn spec(rate_hz: u32, channels: &[&[i16]]) -> hound::WavSpec {
    hound::WavSpec {
        channels: u16::try_from(channels.len()).unwrap_or(u16::MAX),
        sample_rate: rate_hz,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    }
}

fn fill<W: Write + Seek>(
    mut writer: hound::WavWriter<W>,
    channels: &[&[i16]],
) -> Result<(), hound::Error> {
    let longest = channels.iter().map(|c| c.len()).max().unwrap_or(0);
    for n in 0..longest {
        for channel in channels {
            writer.write_sample(channel.get(n).copied().unwrap_or(0))?;
        }
    }
    writer.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_as_mono() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.wav");
        write(&path, 16_000, &[&[100; 1_600], &[300; 800]]).unwrap();
        let pcm = read(&path, 16_000).unwrap();
        assert_eq!(pcm.len(), 1_600);
        assert_eq!((pcm[0], pcm[1_599]), (200, 50));
        assert_eq!(read(&path, 8_000).unwrap().len(), 800);
    }

    #[test]
    fn what_is_no_wav_file_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("b.wav");
        for bytes in [&b""[..], b"RIFF", b"not audio at all", &[0xff; 4_096]] {
            std::fs::write(&path, bytes).unwrap();
            let message = read(&path, 16_000).unwrap_err().to_string();
            assert!(message.contains("b.wav"), "{message}");
        }
        assert!(read(&dir.path().join("none.wav"), 16_000).is_err());
    }

    #[test]
    fn a_truncated_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.wav");
        write(&path, 16_000, &[&[100; 1_600]]).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..1_000]).unwrap();
        assert!(read(&path, 16_000).is_err());
    }
}
