//! Ears of OpenAI, or of any server that speaks its transcription protocol. The only place that knows
//! that protocol. Sends one utterance as WAV, and the language when the call's is known.

use async_trait::async_trait;
use serde::Deserialize;
use tokio::time::Instant;

use super::{SpeechToText, Transcript, Utterance};
use crate::audio::{CALLER_RATE_HZ, to_bytes};
use crate::engines::EngineError;
use crate::engines::remote::Server;

pub(crate) const BASE_URL: &str = "https://api.openai.com/v1";
pub(crate) const MODEL: &str = "whisper-1";

/// A transcript of 30 s with all of its tokens.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Nobody says more in 30 s.
const TEXT_CHARS_MAX: usize = 4_000;
/// Where the server does not say how sure it is: not enough to doubt words that sound right.
const CONFIDENCE_UNKNOWN: f32 = 0.5;
/// A language that was told without a probability, or read off the letters.
const LANGUAGE_PROBABILITY: f32 = 0.8;

/// Client of `/audio/transcriptions`.
#[derive(Debug, Clone)]
pub struct OpenAiStt {
    server: Server,
    model: String,
}

/// What is read of an answer; everything but the text is optional, for servers differ.
#[derive(Debug, Deserialize)]
struct Answer {
    text: String,
    #[serde(default)]
    language: Option<String>,
    #[serde(default)]
    segments: Vec<Segment>,
    #[serde(default)]
    logprobs: Option<Vec<Token>>,
}

#[derive(Debug, Deserialize)]
struct Segment {
    #[serde(default)]
    avg_logprob: Option<f32>,
    #[serde(default)]
    no_speech_prob: Option<f32>,
}

#[derive(Debug, Deserialize)]
struct Token {
    logprob: f32,
}

impl OpenAiStt {
    pub(crate) fn new(server: Server, model: String) -> Self {
        Self { server, model }
    }

    async fn once(
        &self,
        request: &Utterance,
        language: Option<&str>,
    ) -> Result<Answer, EngineError> {
        let form = Form::of(request, &self.model, language);
        let content_type = form.content_type();
        let path = "/audio/transcriptions";
        let mut answer =
            self.server.post(path, &content_type, form.finish(), ANSWER_BYTES_MAX).await?;
        let body = answer.whole().await.map_err(|e| self.server.failure(&e))?;
        // The body may hold the caller's words: errors do not repeat it.
        let answer: Answer = serde_json::from_slice(&body)
            .map_err(|_| self.server.unexpected("it answered no transcript"))?;
        if answer.text.chars().count() > TEXT_CHARS_MAX {
            return Err(self.server.unexpected("its transcript is longer than any speech"));
        }
        Ok(answer)
    }
}

#[async_trait]
impl SpeechToText for OpenAiStt {
    async fn transcribe(&self, request: Utterance) -> Result<Transcript, EngineError> {
        let started = Instant::now();
        let locked = match request.languages.as_slice() {
            [one] => Some(one.clone()),
            _ => None,
        };
        let mut answer = self.once(&request, locked.as_deref()).await?;
        let mut language = locked.clone().or_else(|| told_language(&answer, &request.languages));
        let foreign = answer.language.is_some() && language.is_none();
        if foreign && let Some(own) = request.languages.first() {
            // It heard a language that the assistant does not speak: the call's lock holds here too.
            answer = self.once(&request, Some(own)).await?;
            language = Some(own.clone());
        }
        let text = answer.text.trim().to_owned();
        let language = language
            .unwrap_or_else(|| crate::speech::language_of(&text, &request.languages).to_owned());
        let inference_ms = u32::try_from(started.elapsed().as_millis()).unwrap_or(u32::MAX);
        Ok(Transcript {
            confidence: confidence_of(&answer),
            no_speech_probability: no_speech_of(&answer),
            language_probability: if locked.is_some() { 1.0 } else { LANGUAGE_PROBABILITY },
            language,
            text,
            inference_ms,
        })
    }
}

/// What the server says of the language, if it is one of the call's. It names them by code or in
/// English.
fn told_language(answer: &Answer, expected: &[String]) -> Option<String> {
    let told = answer.language.as_deref()?.trim().to_ascii_lowercase();
    let name = |tag: &str| match tag {
        "ar" => "arabic",
        "en" => "english",
        "fr" => "french",
        "de" => "german",
        "es" => "spanish",
        "tr" => "turkish",
        "fa" => "persian",
        "ur" => "urdu",
        "hi" => "hindi",
        _ => "",
    };
    expected.iter().find(|tag| told == **tag || (!told.is_empty() && told == name(tag))).cloned()
}

fn confidence_of(answer: &Answer) -> f32 {
    let tokens: Vec<f32> = match &answer.logprobs {
        Some(tokens) => tokens.iter().map(|token| token.logprob).collect(),
        None => answer.segments.iter().filter_map(|segment| segment.avg_logprob).collect(),
    };
    if tokens.is_empty() {
        return CONFIDENCE_UNKNOWN;
    }
    let mean = tokens.iter().sum::<f32>() / tokens.len() as f32;
    if mean.is_finite() { mean.exp().clamp(0.0, 1.0) } else { CONFIDENCE_UNKNOWN }
}

fn no_speech_of(answer: &Answer) -> f32 {
    let all = answer.segments.iter().filter_map(|segment| segment.no_speech_prob);
    all.fold(0.0, f32::max).clamp(0.0, 1.0)
}

/// A body of several parts, as browsers send files.
struct Form {
    boundary: String,
    body: Vec<u8>,
}

impl Form {
    fn of(request: &Utterance, model: &str, language: Option<&str>) -> Self {
        let boundary = format!("sawt-{:032x}", rand::random::<u128>());
        let mut form = Self { boundary, body: Vec::new() };
        form.field("model", model);
        // What tells most about itself: Whisper's segments, or the tokens of the newer models.
        if model.contains("whisper") {
            form.field("response_format", "verbose_json");
        } else {
            form.field("response_format", "json");
            form.field("include[]", "logprobs");
        }
        form.field("temperature", "0");
        if let Some(language) = language {
            form.field("language", language);
        }
        if !request.prompt.is_empty() {
            form.field("prompt", &request.prompt);
        }
        let head = "name=\"file\"; filename=\"utterance.wav\"\r\nContent-Type: audio/wav";
        form.part(head, &wav(&request.pcm));
        form
    }

    fn field(&mut self, name: &str, value: &str) {
        self.part(&format!("name=\"{name}\""), value.as_bytes());
    }

    fn part(&mut self, head: &str, value: &[u8]) {
        let head = format!("--{}\r\nContent-Disposition: form-data; {head}\r\n\r\n", self.boundary);
        self.body.extend_from_slice(head.as_bytes());
        self.body.extend_from_slice(value);
        self.body.extend_from_slice(b"\r\n");
    }

    fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    fn finish(mut self) -> Vec<u8> {
        self.body.extend_from_slice(format!("--{}--\r\n", self.boundary).as_bytes());
        self.body
    }
}

/// Mono PCM at the callers' rate as a WAV file. Utterances have at most 30 s, so no size overflows.
fn wav(pcm: &[i16]) -> Vec<u8> {
    let data = to_bytes(pcm);
    let bytes = u32::try_from(data.len()).unwrap_or(u32::MAX - 36);
    let mut file = Vec::with_capacity(data.len() + 44);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(36 + bytes).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    file.extend_from_slice(&16_u32.to_le_bytes());
    file.extend_from_slice(&1_u16.to_le_bytes()); // PCM
    file.extend_from_slice(&1_u16.to_le_bytes()); // mono
    file.extend_from_slice(&CALLER_RATE_HZ.to_le_bytes());
    file.extend_from_slice(&(CALLER_RATE_HZ * 2).to_le_bytes());
    file.extend_from_slice(&2_u16.to_le_bytes());
    file.extend_from_slice(&16_u16.to_le_bytes());
    file.extend_from_slice(b"data");
    file.extend_from_slice(&bytes.to_le_bytes());
    file.extend_from_slice(&data);
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_that_is_sent_is_a_wav_file() {
        let pcm: Vec<i16> = (0..1_600).collect();
        let reader = hound::WavReader::new(std::io::Cursor::new(wav(&pcm))).unwrap();
        assert_eq!(reader.spec().sample_rate, CALLER_RATE_HZ);
        let read: Vec<i16> = reader.into_samples().map(Result::unwrap).collect();
        assert_eq!(read, pcm);
    }

    #[test]
    fn what_servers_say_of_the_language_counts_where_the_call_speaks_it() {
        let expected = ["ar".to_owned(), "en".to_owned()];
        let told = |language: &str| {
            let json = serde_json::json!({ "text": "x", "language": language });
            told_language(&serde_json::from_value(json).unwrap(), &expected)
        };
        assert_eq!(told("arabic").as_deref(), Some("ar"));
        assert_eq!(told("en").as_deref(), Some("en"));
        assert_eq!(told("English").as_deref(), Some("en"));
        assert_eq!(told("welsh"), None);
    }
}
