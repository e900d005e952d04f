//! Engines elsewhere, made from the site's configuration once, and lent to each call as far as its
//! assistant allows. What may leave is decided by `policy/residency` at each request; how the local
//! and the remote engine take turns is `engines/fallback`'s.

mod pcm;
mod request;
mod sse;
#[cfg(test)]
pub(super) mod tests;

use std::sync::Arc;

use reqwest::header::{AUTHORIZATION, HeaderName};

pub(crate) use pcm::{PcmStream, SERVICE_RATE_HZ};
pub(crate) use request::Server;
pub(crate) use sse::Events;

use super::fallback::{FallbackLlm, FallbackStt, FallbackTts, Lane, Permit};
use super::llm::{self, LanguageModel};
use super::stt::{self, SpeechToText};
use super::tts::{self, KeptLines, TextToSpeech};
use super::{Engines, RemoteSetupError};
use crate::config::RemoteConfig;
use crate::policy::remote::{RemoteClient, RemoteError, Secret};
use crate::policy::residency::{Grant, Stage};

/// The site's remote engines; shared by all calls.
#[derive(Clone)]
pub(super) struct Remotes {
    stt: Arc<Lane<dyn SpeechToText>>,
    llm: Arc<Lane<dyn LanguageModel>>,
    tts: Arc<Lane<dyn TextToSpeech>>,
}

impl Remotes {
    /// Those that the site has set up. Sends nothing.
    ///
    /// # Errors
    /// When an address, a key or a voice can not be used.
    pub(super) fn new(site: &RemoteConfig) -> Result<Self, RemoteSetupError> {
        let site = Arc::new(site.clone());
        let stt = server(&site, Stage::Stt)?.map(|(server, model)| {
            let target = server.client.target();
            (Arc::new(stt::OpenAiStt::new(server, model)) as Arc<dyn SpeechToText>, target)
        });
        let llm = server(&site, Stage::Llm)?.map(|(server, model)| {
            let target = server.client.target();
            let at_openai = site.llm.base_url.is_empty();
            let engine = llm::OpenAiLlm::new(server, model, at_openai);
            (Arc::new(engine) as Arc<dyn LanguageModel>, target)
        });
        let tts = match server(&site, Stage::Tts)? {
            Some((server, model)) => {
                let target = server.client.target();
                Some((voice(&site, server, model)?, target))
            }
            None => None,
        };
        Ok(Self {
            stt: Arc::new(Lane::new(Stage::Stt, Arc::clone(&site), stt)),
            llm: Arc::new(Lane::new(Stage::Llm, Arc::clone(&site), llm)),
            tts: Arc::new(Lane::new(Stage::Tts, site, tts)),
        })
    }

    /// The engines of one call: `local` ones, and behind them what `grant` lets the call use.
    pub(super) fn for_call(&self, local: &Engines, call_id: &str, grant: Grant) -> Engines {
        let permit = Permit { call_id: call_id.into(), grant };
        Engines {
            stt: Arc::new(FallbackStt {
                local: Arc::clone(&local.stt),
                lane: Arc::clone(&self.stt),
                permit: permit.clone(),
            }),
            llm: Arc::new(FallbackLlm {
                local: Arc::clone(&local.llm),
                lane: Arc::clone(&self.llm),
                permit: permit.clone(),
            }),
            tts: Arc::new(FallbackTts {
                local: Arc::clone(&local.tts),
                lane: Arc::clone(&self.tts),
                permit,
            }),
            ..local.clone()
        }
    }
}

/// Where `stage` would send to, as `host:port`; `None` where nothing is set up.
///
/// # Errors
/// When it can not be used as it was set up.
pub(super) fn server_of(
    site: &RemoteConfig,
    stage: Stage,
) -> Result<Option<String>, RemoteSetupError> {
    let Some((server, model)) = server(site, stage)? else { return Ok(None) };
    let target = server.client.target();
    if stage == Stage::Tts {
        voice(site, server, model)?;
    }
    Ok(Some(target))
}

/// The server of a stage and the model to ask it for; `None` where none is set up.
fn server(site: &RemoteConfig, stage: Stage) -> Result<Option<(Server, String)>, RemoteSetupError> {
    let settings = stage.of(site);
    if !settings.enabled {
        return Ok(None);
    }
    let elevenlabs = settings.service == "elevenlabs";
    let (base_url, model, own_key) = match (stage, elevenlabs) {
        (Stage::Stt, _) => (stt::openai::BASE_URL, stt::openai::MODEL, &site.openai_api_key),
        (Stage::Llm, _) => (llm::openai::BASE_URL, llm::openai::MODEL, &site.openai_api_key),
        (Stage::Tts, false) => (tts::openai::BASE_URL, tts::openai::MODEL, &site.openai_api_key),
        (Stage::Tts, true) => {
            (tts::elevenlabs::BASE_URL, tts::elevenlabs::MODEL, &site.elevenlabs_api_key)
        }
    };
    let at_the_service = settings.base_url.is_empty();
    let or = |own: &str, usual: &str| if own.is_empty() { usual } else { own }.to_owned();
    // The service's own key is the service's: no other server ever gets it.
    let key = or(&settings.api_key, if at_the_service { own_key } else { "" });
    let error = |error: RemoteError| RemoteSetupError { stage, detail: error.to_string() };
    let auth = match (key.is_empty(), elevenlabs) {
        (true, _) => None,
        (false, true) => {
            let name = HeaderName::from_static(tts::elevenlabs::KEY_HEADER);
            Some((name, Secret::new(&key).map_err(error)?))
        }
        (false, false) => {
            Some((AUTHORIZATION, Secret::new(&format!("Bearer {key}")).map_err(error)?))
        }
    };
    let base_url = or(&settings.base_url, base_url);
    let client = RemoteClient::new(&base_url, auth, &site.plain_http_hosts, &site.proxy_url);
    let server = Server {
        client: client.map_err(error)?,
        engine: stage.as_str(),
        retries_max: settings.retries_max,
    };
    Ok(Some((server, or(&settings.model, model))))
}

fn voice(
    site: &RemoteConfig,
    server: Server,
    model: String,
) -> Result<Arc<dyn TextToSpeech>, RemoteSetupError> {
    let elevenlabs = site.tts.service == "elevenlabs";
    let mut voices =
        tts::RemoteVoices { default: site.voice.clone(), by_language: site.voice_map.clone() };
    if voices.default.is_empty() {
        // One of the map speaks what the map does not name.
        let first = site.voice_map.values().next().cloned();
        let usual = if elevenlabs { first } else { Some(tts::openai::VOICE.to_owned()) };
        voices.default = usual.unwrap_or_default();
    }
    if elevenlabs {
        // It becomes a part of the address.
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if let Some(bad) = voices.all().find(|v| v.is_empty() || !v.chars().all(plain)) {
            let detail =
                format!("{bad:?} is no voice of ElevenLabs; its id has letters and digits");
            return Err(RemoteSetupError { stage: Stage::Tts, detail });
        }
        return Ok(Arc::new(KeptLines::new(tts::ElevenLabsTts::new(server, model, voices))));
    }
    // A welcome is asked for once, and not once in each call.
    Ok(Arc::new(KeptLines::new(tts::OpenAiTts::new(server, model, voices))))
}
