//! A voice of ElevenLabs. The only place that knows its protocol. Tells no marks of words: playout
//! counts letters.

use futures::stream::BoxStream;
use serde_json::json;

use super::remote_voice::{RemoteVoice, Voices, speak};
use super::{Synthesis, Synthesized, TextToSpeech};
use crate::engines::EngineError;
use crate::engines::remote::Server;

pub(crate) const BASE_URL: &str = "https://api.elevenlabs.io";
/// Speaks Arabic and English, and begins soonest.
pub(crate) const MODEL: &str = "eleven_flash_v2_5";
/// The header of its key.
pub(crate) const KEY_HEADER: &str = "xi-api-key";

/// Client of `/v1/text-to-speech/{voice}/stream`.
#[derive(Debug, Clone)]
pub struct ElevenLabsTts {
    server: Server,
    model: String,
    voices: Voices,
}

impl ElevenLabsTts {
    pub(crate) fn new(server: Server, model: String, voices: Voices) -> Self {
        Self { server, model, voices }
    }
}

impl TextToSpeech for ElevenLabsTts {
    fn synthesize(
        &self,
        request: Synthesis,
    ) -> BoxStream<'static, Result<Synthesized, EngineError>> {
        let voice = self.voices.of(&request.language).to_owned();
        let mut body = json!({ "model_id": self.model, "text": request.text });
        // Older models refuse to be told the language.
        if self.model.contains("_v2_5") && !request.language.is_empty() {
            body["language_code"] = json!(request.language);
        }
        if request.speed > 0.0 && request.speed != 1.0 {
            body["voice_settings"] = json!({ "speed": request.speed.clamp(0.7, 1.2) });
        }
        let path = format!("/v1/text-to-speech/{voice}/stream?output_format=pcm_24000");
        speak(RemoteVoice { server: self.server.clone(), path, body, voice, request })
    }
}
