//! A voice of OpenAI, or of any server that speaks its speech protocol. The only place that knows that
//! protocol. Tells no marks of words: playout counts letters.

use futures::stream::BoxStream;
use serde_json::json;

use super::remote_voice::{RemoteVoice, Voices, speak};
use super::{Synthesis, Synthesized, TextToSpeech};
use crate::engines::EngineError;
use crate::engines::remote::Server;

pub(crate) const BASE_URL: &str = "https://api.openai.com/v1";
pub(crate) const MODEL: &str = "gpt-4o-mini-tts";
pub(crate) const VOICE: &str = "alloy";

/// Client of `/audio/speech`.
#[derive(Debug, Clone)]
pub struct OpenAiTts {
    server: Server,
    model: String,
    voices: Voices,
}

impl OpenAiTts {
    pub(crate) fn new(server: Server, model: String, voices: Voices) -> Self {
        Self { server, model, voices }
    }
}

impl TextToSpeech for OpenAiTts {
    fn synthesize(
        &self,
        request: Synthesis,
    ) -> BoxStream<'static, Result<Synthesized, EngineError>> {
        let voice = self.voices.of(&request.language).to_owned();
        let mut body = json!({
            "model": self.model,
            "input": request.text,
            "voice": voice,
            "response_format": "pcm",
        });
        if request.speed > 0.0 && request.speed != 1.0 {
            body["speed"] = json!(request.speed.clamp(0.25, 4.0));
        }
        let path = "/audio/speech".to_owned();
        speak(RemoteVoice { server: self.server.clone(), path, body, voice, request })
    }
}
