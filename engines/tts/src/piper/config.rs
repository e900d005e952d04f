//! A voice's `.onnx.json`: parsed, and refused when any number in it could do harm.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;

use super::VoiceError;

const FILE_BYTES_MAX: u64 = 1024 * 1024;
const SYMBOLS_MAX: i64 = 4096;
const IDS_PER_PHONEME_MAX: usize = 8;
const SPEAKERS_MAX: u32 = 100_000;

/// What the engine needs to know of a voice.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct VoiceConfig {
    pub(crate) sample_rate_hz: u32,
    /// Voice name that espeak phonemises with, e.g. "en-us".
    pub(crate) espeak_voice: String,
    /// BCP 47 primary tag.
    pub(crate) language: String,
    pub(crate) noise_scale: f32,
    pub(crate) length_scale: f32,
    pub(crate) noise_w: f32,
    /// More than one: the graph wants a speaker id; we use speaker 0.
    pub(crate) speakers: u32,
    pub(crate) ids: HashMap<char, Vec<i64>>,
}

#[derive(Deserialize)]
struct Raw {
    audio: RawAudio,
    espeak: RawEspeak,
    #[serde(default)]
    inference: RawInference,
    #[serde(default)]
    phoneme_type: Option<String>,
    phoneme_id_map: HashMap<String, Vec<i64>>,
    num_symbols: i64,
    #[serde(default)]
    num_speakers: Option<u32>,
    #[serde(default)]
    language: Option<RawLanguage>,
}

#[derive(Deserialize)]
struct RawAudio {
    sample_rate: u32,
}

#[derive(Deserialize)]
struct RawEspeak {
    voice: String,
}

#[derive(Deserialize)]
#[serde(default)]
struct RawInference {
    noise_scale: f32,
    length_scale: f32,
    noise_w: f32,
}

impl Default for RawInference {
    fn default() -> Self {
        Self { noise_scale: 0.667, length_scale: 1.0, noise_w: 0.8 }
    }
}

#[derive(Deserialize)]
struct RawLanguage {
    #[serde(default)]
    family: String,
    #[serde(default)]
    code: String,
}

impl VoiceConfig {
    /// Reads and checks the configuration at `path`.
    pub(crate) fn read(path: &Path) -> Result<Self, VoiceError> {
        let unreadable = |error: std::io::Error| VoiceError::Unreadable {
            path: path.to_owned(),
            detail: error.to_string(),
        };
        let refused = |detail: String| VoiceError::Config { path: path.to_owned(), detail };
        let meta = std::fs::metadata(path).map_err(unreadable)?;
        if !meta.is_file() || meta.len() > FILE_BYTES_MAX {
            return Err(refused(format!("{} bytes is no configuration", meta.len())));
        }
        let bytes = std::fs::read(path).map_err(unreadable)?;
        Self::parse(&bytes).map_err(refused)
    }

    /// Parses and checks `json`.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, String> {
        let raw: Raw = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        let rate = raw.audio.sample_rate;
        // A multiple of 25 keeps the resampler's blocks short for every rate we offer.
        if !(8_000..=48_000).contains(&rate) || !rate.is_multiple_of(25) {
            return Err(format!("sample rate {rate} Hz; 8000 to 48000 is possible"));
        }
        if let Some(kind) = raw.phoneme_type.filter(|kind| kind != "espeak") {
            return Err(format!("phoneme type `{kind}`; only `espeak` is known"));
        }
        if !is_tag(&raw.espeak.voice) {
            return Err("espeak voice name is empty, too long or has odd characters".into());
        }
        let inference = &raw.inference;
        in_range("noise_scale", inference.noise_scale, 0.0, 2.0)?;
        in_range("length_scale", inference.length_scale, 0.2, 5.0)?;
        in_range("noise_w", inference.noise_w, 0.0, 2.0)?;
        let speakers = raw.num_speakers.unwrap_or(1);
        if speakers == 0 || speakers > SPEAKERS_MAX {
            return Err(format!("{speakers} speakers"));
        }
        let language = match raw.language {
            Some(language) if !language.family.is_empty() => language.family,
            Some(language) if !language.code.is_empty() => language.code,
            _ => raw.espeak.voice.clone(),
        };
        if !is_tag(&language) {
            return Err("language is too long or has odd characters".into());
        }
        Ok(Self {
            sample_rate_hz: rate,
            language: primary_tag(&language),
            espeak_voice: raw.espeak.voice,
            noise_scale: inference.noise_scale,
            length_scale: inference.length_scale,
            noise_w: inference.noise_w,
            speakers,
            ids: id_map(raw.phoneme_id_map, raw.num_symbols)?,
        })
    }
}

fn id_map(raw: HashMap<String, Vec<i64>>, symbols: i64) -> Result<HashMap<char, Vec<i64>>, String> {
    if !(4..=SYMBOLS_MAX).contains(&symbols) {
        return Err(format!("num_symbols is {symbols}; 4 to {SYMBOLS_MAX} is possible"));
    }
    if raw.len() > SYMBOLS_MAX as usize {
        return Err(format!("{} phonemes in the id map", raw.len()));
    }
    let mut map = HashMap::with_capacity(raw.len());
    for (phoneme, ids) in raw {
        if ids.is_empty() || ids.len() > IDS_PER_PHONEME_MAX {
            return Err(format!("{} ids for one phoneme", ids.len()));
        }
        if let Some(id) = ids.iter().find(|&&id| id < 0 || id >= symbols) {
            return Err(format!("phoneme id {id} is outside 0..{symbols}"));
        }
        // espeak's output is looked up character by character; longer keys can never match.
        let mut chars = phoneme.chars();
        if let (Some(ch), None) = (chars.next(), chars.next()) {
            map.insert(ch, ids);
        }
    }
    for special in ['_', '^', '$', ' '] {
        if !map.contains_key(&special) {
            return Err(format!("the id map lacks `{special}`"));
        }
    }
    Ok(map)
}

fn in_range(name: &str, value: f32, low: f32, high: f32) -> Result<(), String> {
    if value.is_finite() && (low..=high).contains(&value) {
        Ok(())
    } else {
        Err(format!("{name} is {value}; {low} to {high} is possible"))
    }
}

/// A short name of letters, digits and `-_+`: safe to hand to espeak as a voice name.
pub(crate) fn is_tag(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'+'))
}

/// "en" of "en_US", "en-us" and "EN".
pub(crate) fn primary_tag(tag: &str) -> String {
    tag.split(['-', '_', '+']).next().unwrap_or(tag).to_ascii_lowercase()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn json(edit: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
        let mut value = serde_json::json!({
            "audio": {"sample_rate": 22050},
            "espeak": {"voice": "en-us"},
            "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
            "phoneme_id_map": {"_": [0], "^": [1], "$": [2], " ": [3], "a": [4], "\u{0303}": [5], ".": [6]},
            "num_symbols": 7,
            "language": {"code": "en_US", "family": "en"},
        });
        edit(&mut value);
        value.to_string().into_bytes()
    }

    #[test]
    fn a_sound_configuration_is_read() {
        let config = VoiceConfig::parse(&json(|_| {})).unwrap();
        assert_eq!((config.sample_rate_hz, config.language.as_str()), (22_050, "en"));
    }

    #[test]
    fn hostile_numbers_are_refused() {
        let refuse = |edit: fn(&mut serde_json::Value), word: &str| {
            let error = VoiceConfig::parse(&json(edit)).unwrap_err();
            assert!(error.contains(word), "{error}");
        };
        refuse(|v| v["audio"]["sample_rate"] = 4_000_000.into(), "sample rate");
        refuse(|v| v["audio"]["sample_rate"] = 0.into(), "sample rate");
        refuse(|v| v["num_symbols"] = i64::MAX.into(), "num_symbols");
        refuse(|v| v["num_symbols"] = 5.into(), "outside");
        refuse(|v| v["phoneme_id_map"]["a"] = vec![-1].into(), "outside");
        refuse(|v| v["phoneme_id_map"]["a"] = vec![1; 1000].into(), "ids for one phoneme");
        refuse(|v| drop(v["phoneme_id_map"].as_object_mut().unwrap().remove("^")), "lacks");
        refuse(|v| v["inference"]["length_scale"] = 1e30.into(), "length_scale");
        refuse(|v| v["inference"]["noise_w"] = (-1).into(), "noise_w");
        refuse(|v| v["espeak"]["voice"] = "../../etc".into(), "odd characters");
        refuse(|v| v["num_speakers"] = 0.into(), "speakers");
        refuse(|v| v["phoneme_type"] = "text".into(), "phoneme type");
        assert!(VoiceConfig::parse(b"{").is_err());
        assert!(VoiceConfig::parse(b"[1]").is_err());
    }
}
