//! Values that have the right type and still cannot work. Asks nothing of the machine: whether a
//! port is free or a model is there is `sawt doctor`'s to say.

mod remote;

use std::net::IpAddr;

use super::error::{ConfigError, Problem};
use super::{Config, LiveKitConfig, Loaded};

/// Shortest secret that LiveKit's tokens should be signed with, in characters.
pub(super) const SECRET_CHARS_MIN: usize = 32;

/// Most words of one list.
const WORDS_MAX: usize = 1_000;

/// Most fillers of a language, for each call holds their audio.
const FILLERS_MAX: usize = 20;

/// Longest filler: the answer waits for its end.
const FILLER_CHARS_MAX: usize = 60;

/// Most pages that may embed ours: they stand in a header of every answer.
const EMBED_ORIGINS_MAX: usize = 32;

struct Checker<'a> {
    loaded: &'a Loaded,
    errors: ConfigError,
}

impl Checker<'_> {
    fn that(&mut self, holds: bool, key: &'static str, message: impl Into<String>) {
        if !holds {
            let origin = self.loaded.origin(key);
            self.errors.push(Problem::BadValue { origin, key, message: message.into() });
        }
    }

    fn within(&mut self, key: &'static str, value: u32, min: u32, max: u32) {
        let message = format!("{value} is out of range; it must be from {min} to {max}");
        self.that((min..=max).contains(&value), key, message);
    }

    fn within_f(&mut self, key: &'static str, value: f32, min: f32, max: f32) {
        let message = format!("{value} is out of range; it must be from {min} to {max}");
        self.that((min..=max).contains(&value), key, message);
    }
}

/// # Errors
/// Every value that cannot work.
pub(super) fn check(loaded: &Loaded) -> Result<(), ConfigError> {
    let Config {
        livekit,
        http,
        agent,
        assistants,
        turn,
        vad,
        stt,
        llm,
        memory,
        after_call,
        tts,
        remote,
        records,
        webhooks,
        tools,
        log,
        ..
    } = &loaded.config;
    let mut c = Checker { loaded, errors: ConfigError::default() };

    c.that(is_livekit_url(&livekit.url), "livekit.url", URL_EXPECTED);
    c.that(
        livekit.public_url.is_empty() || is_livekit_url(&livekit.public_url),
        "livekit.public_url",
        URL_EXPECTED,
    );
    c.within_f("livekit.cpu_max", livekit.cpu_max, 0.05, 1.0);
    c.within("livekit.calls_max", livekit.calls_max, 1, 10_000);
    c.within("livekit.drain_s", livekit.drain_s, 0, 24 * 3600);
    c.that(
        http.bind == "localhost" || http.bind.parse::<IpAddr>().is_ok(),
        "http.bind",
        "not an IP address; use 127.0.0.1, or the address of one interface",
    );
    let origin = http.public_origin.as_str();
    let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    c.that(
        origin.is_empty() || host.is_some_and(|host| !host.is_empty() && !host.contains('/')),
        "http.public_origin",
        "no origin; write it like https://voice.example.com, without a path",
    );
    let embedders = &http.embed_origins;
    c.that(
        embedders.len() <= EMBED_ORIGINS_MAX,
        "http.embed_origins",
        format!("{} origins; at most {EMBED_ORIGINS_MAX} fit into a header", embedders.len()),
    );
    for origin in embedders {
        c.that(
            is_plain_origin(origin),
            "http.embed_origins",
            format!(
                "{origin:?} is no origin; write it like https://www.example.com, without a path"
            ),
        );
    }

    c.that(!agent.languages.is_empty(), "agent.languages", "empty; name at least one, such as en");
    for tag in &agent.languages {
        let problem = super::languages::problem(tag);
        c.that(problem.is_none(), "agent.languages", problem.unwrap_or_default());
    }
    let policies = super::settings::LANGUAGE_POLICIES;
    c.that(
        policies.contains(&agent.language_policy.as_str()),
        "agent.language_policy",
        format!("{:?} is none of {policies:?}", agent.language_policy),
    );
    c.within("agent.silence_prompt_s", agent.silence_prompt_s, 1, 600);
    c.within("agent.filler_ms", agent.filler_ms, 0, 60_000);
    c.within("agent.thinking_sound_ms", agent.thinking_sound_ms, 0, 60_000);
    for (language, list) in &agent.fillers {
        let fits = list.split('|').count() <= FILLERS_MAX
            && list.split('|').all(|phrase| phrase.trim().chars().count() <= FILLER_CHARS_MAX);
        let (origin, key) = (loaded.origin(&format!("agent.fillers.{language}")), "agent.fillers");
        if !fits {
            let message = format!(
                "the answer waits for a filler's end: give at most {FILLERS_MAX} for {language}, \
                 of at most {FILLER_CHARS_MAX} characters each"
            );
            c.errors.push(Problem::BadValue { origin, key, message });
        }
    }
    c.within("agent.call_max_s", agent.call_max_s, 5, 24 * 3600);
    c.within("agent.caller_wait_s", agent.caller_wait_s, 1, 3600);
    c.within("agent.turns_max", agent.turns_max, 0, 10_000);
    c.within("assistants.reload_s", assistants.reload_s, 0, 3600);

    c.within("records.keep_days", records.keep_days, 1, 3_650);
    c.within("records.keep_max", records.keep_max, 1, 100_000);
    c.that(
        super::settings::RECORDED_AUDIO.contains(&records.audio.as_str()),
        "records.audio",
        "write \"off\", \"announced\" or \"after_consent\"",
    );
    c.that(
        records.audio == "off" || records.dir.is_some(),
        "records.audio",
        "there is nowhere to keep recordings; set records.dir to a folder",
    );
    c.that(
        records.database.is_empty() || records.database.starts_with("postgres"),
        "records.database",
        "no address of a database; write it like postgres://sawt@localhost/sawt",
    );
    c.within("tools.steps_max", tools.steps_max, 1, 10);
    c.within("tools.time_ms_max", tools.time_ms_max, 500, 120_000);
    c.that(
        matches!(llm.tool_choice.as_str(), "auto" | "ask"),
        "llm.tool_choice",
        "write \"auto\" or \"ask\"",
    );
    for host in &webhooks.allow {
        let wrong = host.is_empty() || host.contains('/') || host.contains(char::is_whitespace);
        let message =
            format!("{host:?} is no host; write it like crm.example.org or 127.0.0.1:8080");
        c.that(!wrong, "webhooks.allow", message);
    }

    c.within("turn.endpointing_ms", turn.endpointing_ms, 50, 10_000);
    c.within("turn.endpointing_ms_min", turn.endpointing_ms_min, 50, 10_000);
    c.within("turn.endpointing_ms_question", turn.endpointing_ms_question, 50, 10_000);
    c.within("turn.endpointing_ms_max", turn.endpointing_ms_max, 50, 10_000);
    c.that(
        turn.endpointing_ms_min <= turn.endpointing_ms_max,
        "turn.endpointing_ms_max",
        format!(
            "less than turn.endpointing_ms_min, which is {}; raise this or lower that",
            turn.endpointing_ms_min
        ),
    );
    c.within("turn.detector_threads", turn.detector_threads, 0, 64);
    for (key, lists) in
        [("turn.trailing_words", &turn.trailing_words), ("turn.number_words", &turn.number_words)]
    {
        let words = lists.values().flat_map(|list| list.split_whitespace()).count();
        c.that(
            words <= WORDS_MAX,
            key,
            format!("{words} words; {WORDS_MAX} are enough, for only the last word is compared"),
        );
        let marks = lists.values().flat_map(|list| list.chars()).find(|c| ",;،".contains(*c));
        c.that(marks.is_none(), key, "words are parted by spaces alone, as in \"and but or\"");
    }
    c.within("turn.early_transcript_ms", turn.early_transcript_ms, 0, 5_000);
    c.within("turn.partials_after_ms", turn.partials_after_ms, 0, 60_000);
    c.within("turn.interruption_pause_ms", turn.interruption_pause_ms, 0, 10_000);
    c.within("turn.interruption_words_min", turn.interruption_words_min, 1, 20);
    c.within("turn.resume_after_ms", turn.resume_after_ms, 200, 30_000);
    c.within("turn.interruption_ms", turn.interruption_ms, 0, 10_000);
    c.within("turn.turn_ms_max", turn.turn_ms_max, 1000, 30_000);

    c.within_f("vad.threshold", vad.threshold, 0.0, 1.0);
    c.within("vad.speech_ms_min", vad.speech_ms_min, 0, 5000);
    c.within("vad.silence_ms_min", vad.silence_ms_min, 0, 5000);

    let prompt_chars = stt.prompt.chars().count();
    c.that(
        prompt_chars <= 200,
        "stt.prompt",
        format!("{prompt_chars} characters; Whisper takes 200, so keep the rarest names"),
    );
    let backends = super::settings::STT_BACKENDS;
    c.that(
        backends.contains(&stt.backend.as_str()),
        "stt.backend",
        format!("{:?} is none of {backends:?}", stt.backend),
    );
    c.within("stt.threads", stt.threads, 0, 256);
    c.within("stt.timeout_ms", stt.timeout_ms, 100, 600_000);
    let phrases: usize =
        stt.guard_phrases.values().map(|list| list.split([',', '،']).count()).sum();
    c.that(
        phrases <= WORDS_MAX,
        "stt.guard_phrases",
        format!("{phrases} phrases; {WORDS_MAX} are enough"),
    );

    c.within("llm.threads", llm.threads, 0, 256);
    c.within("llm.context_tokens", llm.context_tokens, 256, 1 << 20);
    c.within("llm.slots", llm.slots, 1, 1024);
    c.within("llm.reply_tokens_max", llm.reply_tokens_max, 1, llm.context_tokens);
    c.within_f("llm.temperature", llm.temperature, 0.0, 2.0);
    c.within("llm.timeout_ms", llm.timeout_ms, 100, 600_000);

    c.within("memory.turns_max", memory.turns_max, 2, 1_000);
    c.within("memory.tokens_max", memory.tokens_max, 0, 1 << 20);
    c.within("memory.summary_tokens_max", memory.summary_tokens_max, 20, 500);
    c.within("after_call.seconds_max", after_call.seconds_max, 0, 600);

    c.within_f("tts.speed", tts.speed, 0.5, 2.0);
    let diacritizers = super::settings::DIACRITIZERS;
    c.that(
        diacritizers.contains(&tts.diacritizer.as_str()),
        "tts.diacritizer",
        format!("{:?} is none of {diacritizers:?}", tts.diacritizer),
    );
    let rates = sawt_engine_protocol::SAMPLE_RATES_HZ;
    c.that(
        rates.contains(&tts.output_sample_rate_hz),
        "tts.output_sample_rate_hz",
        format!("voices speak at {rates:?} Hz; 24000 is LiveKit's usual"),
    );
    c.within("tts.threads", tts.threads, 0, 256);
    c.within("tts.timeout_ms", tts.timeout_ms, 100, 600_000);

    remote::check(&mut c, remote);

    c.that(
        ["text", "json"].contains(&log.format.as_str()),
        "log.format",
        format!("{:?} is not known; use text or json", log.format),
    );
    c.that(
        tracing_subscriber::EnvFilter::try_new(&log.filter).is_ok(),
        "log.filter",
        format!("{:?} is no filter; write it like info or sawt=debug", log.filter),
    );
    c.errors.ok_or(())
}

const URL_EXPECTED: &str =
    "not an address; write it like ws://127.0.0.1:7880 or wss://livekit.example";

fn is_livekit_url(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| {
        ["ws", "wss", "http", "https"].contains(&url.scheme()) && url.host_str().is_some()
    })
}

/// Whether this is a scheme, a host and perhaps a port. It goes into a header as it is, where a
/// space, a `;`, a quote or a `*` would say more than an origin does.
fn is_plain_origin(origin: &str) -> bool {
    let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(plain))
        && reqwest::Url::parse(origin).is_ok_and(|url| url.has_host() && url.path() == "/")
}

impl Config {
    /// What a command needs that talks to a livekit-server it did not start. `sawt dev` makes its
    /// own keys and does not ask.
    ///
    /// # Errors
    /// What is missing or too short, and where to put it.
    pub fn require_livekit(&self) -> Result<(), ConfigError> {
        self.livekit.require()
    }
}

impl LiveKitConfig {
    fn require(&self) -> Result<(), ConfigError> {
        let mut errors = ConfigError::default();
        if self.api_key.is_empty() {
            errors.push(Problem::Missing { key: "livekit.api_key", name: "LIVEKIT_API_KEY" });
        }
        let chars = self.api_secret.chars().count();
        if chars == 0 {
            errors.push(Problem::Missing { key: "livekit.api_secret", name: "LIVEKIT_API_SECRET" });
        } else if chars < SECRET_CHARS_MIN {
            errors.push(Problem::TooShort {
                key: "livekit.api_secret",
                chars,
                chars_min: SECRET_CHARS_MIN,
            });
        }
        errors.ok_or(())
    }
}
