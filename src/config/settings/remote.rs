//! `[remote]`: engines elsewhere, and what may be sent to them. Everything is closed by default; an
//! assistant has to agree as well (`[remote]` in its file), and `policy/residency` decides.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The words of `remote.*.service`.
pub(in crate::config) const SERVICES: [&str; 2] = ["openai", "elevenlabs"];

/// The words of `remote.*.prefer`.
pub(in crate::config) const PREFERENCES: [&str; 2] = ["local", "remote"];

/// `[remote]`
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RemoteConfig {
    /// What is said in calls may be sent, as text, to the servers named below, for assistants whose
    /// files allow it too.
    pub text_may_leave: bool,
    /// Callers' voices may be sent there, for assistants whose files allow it too.
    pub audio_may_leave: bool,
    /// Voice at the remote service. Empty: the service's usual one, where it has one.
    pub voice: String,
    /// Language to voice at the remote service, e.g. { ar = "…" }; wins over `voice`.
    pub voice_map: BTreeMap<String, String>,
    /// Key for OpenAI; from the environment or .env only, and sent to OpenAI only.
    pub openai_api_key: String,
    /// Key for ElevenLabs; from the environment or .env only, and sent to ElevenLabs only.
    pub elevenlabs_api_key: String,
    /// Servers of your own network that may be spoken to without TLS: private IP addresses with
    /// their port, such as 10.1.2.3:8000.
    pub plain_http_hosts: Vec<String>,
    /// Proxy on the way to remote engines, such as http://10.0.0.1:3128. Empty: none; those of the
    /// environment are not used.
    pub proxy_url: String,
    /// Speech to text elsewhere: sends the caller's voice.
    pub stt: RemoteStageConfig,
    /// Language model elsewhere: sends the conversation as text.
    pub llm: RemoteStageConfig,
    /// Text to speech elsewhere: sends the agent's words as text.
    pub tts: RemoteStageConfig,
}

impl Default for RemoteConfig {
    fn default() -> Self {
        let stage = RemoteStageConfig::default();
        Self {
            text_may_leave: false,
            audio_may_leave: false,
            stt: RemoteStageConfig { take_over_ms: 6_000, first_byte_ms: 8_000, ..stage.clone() },
            llm: RemoteStageConfig { take_over_ms: 8_000, first_byte_ms: 6_000, ..stage.clone() },
            tts: stage,
            voice: String::new(),
            voice_map: BTreeMap::new(),
            openai_api_key: String::new(),
            elevenlabs_api_key: String::new(),
            plain_http_hosts: Vec::new(),
            proxy_url: String::new(),
        }
    }
}

impl fmt::Debug for RemoteConfig {
    /// Without the keys: what is logged is read by many.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteConfig")
            .field("text_may_leave", &self.text_may_leave)
            .field("audio_may_leave", &self.audio_may_leave)
            .field("stt", &self.stt)
            .field("llm", &self.llm)
            .field("tts", &self.tts)
            .finish_non_exhaustive()
    }
}

/// `[remote.stt]`, `[remote.llm]`, `[remote.tts]`
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RemoteStageConfig {
    /// Let a remote engine step in here when the local one can not serve. Nothing is sent unless the
    /// site (`text_may_leave`, `audio_may_leave`) and the assistant allow it.
    pub enabled: bool,
    /// Whose protocol it speaks: "openai", or for voices "elevenlabs".
    pub service: String,
    /// Address of the server, such as https://10.1.2.3/v1 for one of your own that speaks the same
    /// protocol. Empty: the service itself.
    pub base_url: String,
    /// Model to ask for. Empty: the service's usual one.
    pub model: String,
    /// Key for the server at `base_url`; from the environment or .env only. Empty: the service's own
    /// key at the service itself, and none elsewhere.
    pub api_key: String,
    /// "local": the remote steps in; "remote": it is asked first, and the local engine steps in.
    pub prefer: String,
    /// Milliseconds that the engine that is asked first may take to its first result before the
    /// other steps in.
    pub take_over_ms: u32,
    /// Milliseconds that the remote may take to its first result, repeated tries included.
    pub first_byte_ms: u32,
    /// Milliseconds between two pieces of a result after which it is given up.
    pub between_pieces_ms: u32,
    /// Repeated tries after a failure that may pass, such as a refused connection or status 503.
    pub retries_max: u32,
}

impl Default for RemoteStageConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            service: "openai".into(),
            base_url: String::new(),
            model: String::new(),
            api_key: String::new(),
            prefer: "local".into(),
            take_over_ms: 4_000,
            first_byte_ms: 4_000,
            between_pieces_ms: 3_000,
            retries_max: 2,
        }
    }
}

impl fmt::Debug for RemoteStageConfig {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteStageConfig")
            .field("enabled", &self.enabled)
            .field("service", &self.service)
            .field("base_url", &self.base_url)
            .field("model", &self.model)
            .field("prefer", &self.prefer)
            .finish_non_exhaustive()
    }
}
