//! Every setting: its key, default, unit and sentence. The field docs are the documentation that
//! `sawt config schema` prints.

mod records;
mod remote;
mod tools;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) use records::RECORDED_AUDIO;
pub use records::{RecordsConfig, WebhooksConfig};
pub(super) use remote::{PREFERENCES, SERVICES};
pub use remote::{RemoteConfig, RemoteStageConfig};
pub use tools::ToolsConfig;

use crate::speech::Lexicon;

/// All settings of Sawt. Every key has a default; an empty file is a valid configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where LiveKit is and how we sign in.
    pub livekit: LiveKitConfig,
    /// The page and the API.
    pub http: HttpConfig,
    /// What the agent says and how a call runs, where its assistant does not say.
    pub agent: AgentConfig,
    /// Where assistants are and which one answers.
    pub assistants: AssistantsConfig,
    /// When a turn is over and what interrupts.
    pub turn: TurnConfig,
    /// Voice activity detection.
    pub vad: VadConfig,
    /// Speech to text.
    pub stt: SttConfig,
    /// Language model.
    pub llm: LlmConfig,
    /// What the model remembers of a long call.
    pub memory: MemoryConfig,
    /// The record of a call that is over.
    pub after_call: AfterCallConfig,
    /// How the caller feels.
    pub sentiment: SentimentConfig,
    /// Text to speech.
    pub tts: TtsConfig,
    /// Where weights and libraries are.
    pub models: ModelsConfig,
    /// Engine processes.
    pub engines: EnginesConfig,
    /// Engines elsewhere that step in when local ones can not serve; nothing leaves unless this says so.
    pub remote: RemoteConfig,
    /// What is kept of calls that are over.
    pub records: RecordsConfig,
    /// Programs that are told of calls.
    pub webhooks: WebhooksConfig,
    /// What tools may take.
    pub tools: ToolsConfig,
    /// Logs.
    pub log: LogConfig,
}

/// `[livekit]`
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LiveKitConfig {
    /// Address of livekit-server, ws:// or wss:// (http and https are understood).
    pub url: String,
    /// API key; `sawt dev` makes its own for each run.
    pub api_key: String,
    /// API secret, at least 32 characters.
    pub api_secret: String,
    /// Name by which the agent is dispatched. Empty: joins every new room by itself.
    pub agent_name: String,
    /// Address of livekit-server as browsers reach it, where that is another one. Empty: `url`.
    pub public_url: String,
    /// Most calls at once; the worker refuses more.
    pub calls_max: u32,
    /// Share of the processor, 0..1, averaged over 2.5 s, at which calls are refused. 1: only
    /// `calls_max` counts.
    pub cpu_max: f32,
    /// Seconds that running calls may take to finish after SIGTERM.
    pub drain_s: u32,
}

impl Default for LiveKitConfig {
    fn default() -> Self {
        Self {
            url: "ws://127.0.0.1:7880".into(),
            api_key: String::new(),
            api_secret: String::new(),
            agent_name: "sawt".into(),
            public_url: String::new(),
            calls_max: 4,
            cpu_max: 1.0,
            drain_s: 3600,
        }
    }
}

impl fmt::Debug for LiveKitConfig {
    /// Without the key and the secret: what is logged is read by many.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveKitConfig")
            .field("url", &self.url)
            .field("agent_name", &self.agent_name)
            .field("calls_max", &self.calls_max)
            .field("drain_s", &self.drain_s)
            .finish_non_exhaustive()
    }
}

/// `[http]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Address to listen on; loopback unless you put TLS in front.
    pub bind: String,
    /// Port of the page and the API; 0 picks a free one.
    pub port: u16,
    /// Origin under which people open the page when a proxy stands in front, like
    /// https://voice.example.com. Empty: the address above.
    pub public_origin: String,
    /// Origins whose pages may show the call page in a frame, like https://www.example.com. Empty:
    /// none may.
    pub embed_origins: Vec<String>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            bind: "127.0.0.1".into(),
            port: 8080,
            public_origin: String::new(),
            embed_origins: Vec::new(),
        }
    }
}

/// `[agent]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AgentConfig {
    /// Languages callers may speak, BCP 47 primary tags, the first is the agent's own.
    pub languages: Vec<String>,
    /// "follow": a caller who changes to another of these languages is heard and answered in it;
    /// "stay": the first that they plainly speak is heard for the whole call.
    pub language_policy: String,
    /// Instructions for the language model.
    pub system_prompt: String,
    /// Spoken when the caller can hear us. Empty: the caller speaks first.
    pub welcome: String,
    /// Spoken before the welcome, where the caller has to know or to agree that the call is recorded.
    /// See `records.audio`.
    pub consent: String,
    /// Spoken when the caller has been silent; one after another.
    pub silence_prompts: Vec<String>,
    /// Seconds of silence before each of these.
    pub silence_prompt_s: u32,
    /// Spoken before the agent ends a call for silence or length.
    pub goodbye: String,
    /// Spoken when a turn could not be answered.
    pub apology: String,
    /// Milliseconds of silence in the agent's turn after which it says one of `fillers`, so that a
    /// late answer is not taken for a lost call; 0: never.
    pub filler_ms: u32,
    /// What it says then, by language, with | between; made when Sawt starts. Languages without any
    /// stay silent.
    pub fillers: BTreeMap<String, String>,
    /// Say one in each turn that is late, and not only where the turn before had none.
    pub fillers_in_a_row: bool,
    /// Milliseconds of silence in the agent's turn after which a quiet ticking is heard until the
    /// answer comes; 0: never.
    pub thinking_sound_ms: u32,
    /// Longest call in seconds.
    pub call_max_s: u32,
    /// Most turns that are answered before the agent says goodbye; 0: no limit.
    pub turns_max: u32,
    /// Seconds to wait for a caller after joining a room.
    pub caller_wait_s: u32,
}

impl Default for AgentConfig {
    fn default() -> Self {
        Self {
            languages: vec!["en".into(), "ar".into()],
            language_policy: "follow".into(),
            system_prompt: "You are a friendly phone agent. Your words are spoken aloud: answer \
                            in one or two short, plain sentences, in the caller's language, \
                            without lists, markdown or emoji. If you do not know, say so."
                .into(),
            welcome: "Hello, this is Sawt. How can I help you?".into(),
            consent: String::new(),
            silence_prompts: vec![
                "Are you still there?".into(),
                "I can not hear you. Are you still there?".into(),
            ],
            silence_prompt_s: 10,
            goodbye: "Goodbye.".into(),
            apology: "Sorry, something went wrong on my side. Could you say that again?".into(),
            filler_ms: 1_200,
            fillers: [
                ("en".to_owned(), "One moment. | Let me see. | Just a second.".to_owned()),
                ("ar".to_owned(), "لحظة من فضلك. | دعني أتحقق. | ثوانٍ فقط.".to_owned()),
            ]
            .into(),
            fillers_in_a_row: false,
            thinking_sound_ms: 0,
            call_max_s: 3600,
            turns_max: 0,
            caller_wait_s: 60,
        }
    }
}

impl AgentConfig {
    /// What the agent says first: the consent line, then the welcome.
    pub fn opening(&self) -> String {
        format!("{} {}", self.consent.trim(), self.welcome.trim()).trim().to_owned()
    }
}

/// `[assistants]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AssistantsConfig {
    /// Folder of assistants, one NAME.toml each. Default: `assistants` in the working directory;
    /// where there is none, the built-in starter answers.
    pub dir: Option<PathBuf>,
    /// Assistant of the calls that name none. Empty: `starter`, or the only one there is.
    pub default: String,
    /// Seconds between two looks at the folder for changes; 0: only SIGHUP reads it again.
    pub reload_s: u32,
}

impl Default for AssistantsConfig {
    fn default() -> Self {
        Self { dir: None, default: String::new(), reload_s: 2 }
    }
}

/// `[turn]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TurnConfig {
    /// Silence after speech, in milliseconds, that ends the caller's turn when nothing else is known;
    /// longer for callers who pause longer.
    pub endpointing_ms: u32,
    /// Least such silence, however complete the turn sounds.
    pub endpointing_ms_min: u32,
    /// Least such silence after a question: words that end with a question mark, in a voice that sounds complete.
    pub endpointing_ms_question: u32,
    /// Silence that ends the turn whatever else is known.
    pub endpointing_ms_max: u32,
    /// Let Smart Turn judge by its sound whether a turn is complete; off: silence and words decide.
    pub detector_enabled: bool,
    /// Threads that judge, one pause at a time each; 0: chosen from the machine's cores.
    pub detector_threads: u32,
    /// Words after which a caller goes on, parted by spaces, by language.
    pub trailing_words: BTreeMap<String, String>,
    /// Words for numbers that are dictated, such as telephone numbers, by language.
    pub number_words: BTreeMap<String, String>,
    /// Make the reply and its first words' audio while the end of the turn is still awaited: the
    /// answer comes sooner, and work is thrown away when the caller goes on.
    pub speculation: bool,
    /// Calls at once above which none of them does such work ahead; 0: as many as there are cores.
    pub speculation_calls_max: u32,
    /// Pause in the caller's voice, in milliseconds, that already asks for its transcript; asked
    /// again when the caller goes on. 0: wait until speech has ended (`vad.silence_ms_min`).
    pub early_transcript_ms: u32,
    /// Speech, in milliseconds, after which its words so far are shown and read by the language model while the
    /// caller still speaks; again whenever there is twice as much. 0: never.
    pub partials_after_ms: u32,
    /// Speech over the agent, in milliseconds, after which it falls silent until it is known what
    /// was said. Less: the agent is silent sooner, and stumbles over more coughs.
    pub interruption_pause_ms: u32,
    /// Speech over the agent, in milliseconds, whose words are asked for before it ends; four times
    /// as much stops the agent whatever the words are.
    pub interruption_ms: u32,
    /// Fewest words over the agent that stop it; `backchannels` are not counted.
    pub interruption_words_min: u32,
    /// Milliseconds of silence after speech over the agent that let it go on when nothing else is
    /// known.
    pub resume_after_ms: u32,
    /// What listeners say without meaning to speak, by language or dialect, with commas between;
    /// marks, vowel signs and letters that are written either way do not matter.
    pub backchannels: BTreeMap<String, String>,
    /// Words that always stop the agent, written the same way.
    pub commands: BTreeMap<String, String>,
    /// Longest piece of speech that is transcribed in one go, in milliseconds; engines take 29,000 at
    /// most. A turn may have eight such pieces.
    pub turn_ms_max: u32,
}

impl Default for TurnConfig {
    fn default() -> Self {
        let by_language = |en: &str, ar: &str| {
            BTreeMap::from([("en".to_owned(), en.to_owned()), ("ar".to_owned(), ar.to_owned())])
        };
        Self {
            endpointing_ms: 500,
            endpointing_ms_min: 450,
            endpointing_ms_question: 380,
            endpointing_ms_max: 1_200,
            detector_enabled: true,
            detector_threads: 0,
            trailing_words: by_language(
                "and but so because or if um uh er hmm",
                "و لكن بس يعني عشان لأن أو إذا اه ممم",
            ),
            number_words: by_language(
                "number phone mobile account card code",
                "رقم رقمي جوال جوالي هاتف هاتفي حسابي",
            ),
            speculation: true,
            speculation_calls_max: 0,
            early_transcript_ms: 40,
            partials_after_ms: 2_000,
            interruption_pause_ms: 120,
            interruption_ms: 500,
            interruption_words_min: 1,
            resume_after_ms: 1_500,
            backchannels: [
                (
                    "en".to_owned(),
                    "mm-hm, mhm, mm, hm, hmm, uh-huh, uh, um, ah, aha, oh, huh, yeah, yep, yes, okay, \
                     ok, right, sure, alright, all right, i see, got it, great, good, nice, cool, \
                     no problem, no worries, exactly, true, of course, thanks, thank you"
                        .to_owned(),
                ),
                (
                    "ar".to_owned(),
                    "ايوه, ايوا, اي, اه, اها, امم, هم, نعم, بلى, طيب, تمام, صح, صحيح, ماشي, زين, حلو, \
                     اوكي, اوك, حاضر, اكيد, مفهوم, فهمت, ممتاز, كويس, جميل, شكرا, ان شاء الله, لا باس, لا مشكلة, \
                     ما شاء الله"
                        .to_owned(),
                ),
            ]
            .into(),
            commands: [
                (
                    "en".to_owned(),
                    "stop, wait, no, cancel, hold on, hang on, one moment, one second, just a moment, just a \
                     second, enough, quiet, shut up"
                        .to_owned(),
                ),
                (
                    "ar".to_owned(),
                    "لحظة, لا, كلا, الغاء, استنى, استنا, انتظر, اصبر, وقف, توقف, اوقف, خلاص, كفاية, يكفي, بس, اسكت, \
                     ثانية, دقيقة"
                        .to_owned(),
                ),
            ]
            .into(),
            turn_ms_max: 30_000,
        }
    }
}

/// `[vad]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct VadConfig {
    /// Silero decides what is speech; off: loudness does.
    pub enabled: bool,
    /// Probability above which a window is speech, 0..1; speech ends 0.15 below it.
    pub threshold: f32,
    /// Speech shorter than this is a noise, in milliseconds.
    pub speech_ms_min: u32,
    /// Silence in speech shorter than this is a breath, in milliseconds.
    pub silence_ms_min: u32,
}

impl Default for VadConfig {
    fn default() -> Self {
        Self { enabled: true, threshold: 0.5, speech_ms_min: 96, silence_ms_min: 200 }
    }
}

/// The words of `agent.language_policy`.
pub(super) const LANGUAGE_POLICIES: [&str; 2] = ["follow", "stay"];

/// The words of `tts.diacritizer`.
pub(super) const DIACRITIZERS: [&str; 2] = ["auto", "off"];

/// The words of `stt.backend`.
pub(super) const STT_BACKENDS: [&str; 3] = ["auto", "ctranslate2", "whisper.cpp"];

/// `[stt]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SttConfig {
    /// What runs the model: "ctranslate2", "whisper.cpp", or "auto": ctranslate2, which is several
    /// times cheaper on a processor, where the model is installed in its form, else whisper.cpp.
    /// It does not look for a GPU: with a CUDA build of sawt-stt, say "whisper.cpp".
    pub backend: String,
    /// Model from the manifest or as imported (its form for ctranslate2 is found by the ending -ct2),
    /// or a path to a ggml Whisper file or to the model.bin of a CTranslate2 folder.
    pub model: String,
    /// Compute threads; 0: chosen from the machine's cores.
    pub threads: u32,
    /// Names and terms to expect, at most 200 characters.
    pub prompt: String,
    /// Milliseconds after which a transcription is given up.
    pub timeout_ms: u32,
    /// Drop what speech models write when nobody speaks: video endings, loops, foreign letters. Each
    /// drop is logged with its reason and counted.
    pub guard_enabled: bool,
    /// Phrases of that kind beside the built-in ones, by language, with commas between; dropped only as
    /// a whole utterance whose sound gives a reason to doubt it.
    pub guard_phrases: BTreeMap<String, String>,
}

impl Default for SttConfig {
    fn default() -> Self {
        Self {
            backend: "auto".into(),
            model: "whisper-base".into(),
            threads: 0,
            prompt: String::new(),
            timeout_ms: 15_000,
            guard_enabled: true,
            guard_phrases: BTreeMap::new(),
        }
    }
}

/// `[llm]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LlmConfig {
    /// Model from the manifest, or a path to a GGUF file.
    pub model: String,
    /// Compute threads; 0: chosen from the machine's cores.
    pub threads: u32,
    /// Tokens that one conversation may hold.
    pub context_tokens: u32,
    /// Conversations served at once.
    pub slots: u32,
    /// Most tokens of one reply.
    pub reply_tokens_max: u32,
    /// 0: always the likeliest word.
    pub temperature: f32,
    /// Milliseconds to the first token after which a reply is given up.
    pub timeout_ms: u32,
    /// How a model comes to call a tool of its assistant: "auto", where it decides while it writes, or
    /// "ask", where it is first made to name one, or none; models of less than about 3 billion weights
    /// need that.
    pub tool_choice: String,
}

impl Default for LlmConfig {
    fn default() -> Self {
        Self {
            model: "qwen2.5-coder-0.5b-instruct".into(),
            threads: 0,
            context_tokens: 4096,
            slots: 4,
            reply_tokens_max: 160,
            temperature: 0.0,
            timeout_ms: 15_000,
            tool_choice: "auto".into(),
        }
    }
}

/// `[memory]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MemoryConfig {
    /// Exchanges that the model sees word by word, at most.
    pub turns_max: u32,
    /// Tokens of these, at most, by a guess on the safe side; 0: what llm.context_tokens has room for.
    pub tokens_max: u32,
    /// Sum up the start of a conversation that grows towards these limits, while nobody waits; off, or
    /// where no such moment comes: the oldest exchanges are forgotten.
    pub summary: bool,
    /// Tokens of such a summary, at most.
    pub summary_tokens_max: u32,
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self { turns_max: 20, tokens_max: 0, summary: true, summary_tokens_max: 120 }
    }
}

/// `[after_call]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AfterCallConfig {
    /// Sum up a call when it is over, for its record and the log: on a processor that costs as much as
    /// some minutes of talk, and small models invent details. What an assistant asks for under [outcome]
    /// is found out either way.
    pub summary: bool,
    /// Seconds that the record of a call may take, waiting for a moment in which no caller waits
    /// included; 0: no record is made.
    pub seconds_max: u32,
}

impl Default for AfterCallConfig {
    fn default() -> Self {
        Self { summary: false, seconds_max: 60 }
    }
}

/// `[sentiment]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SentimentConfig {
    /// Read how the caller feels off each turn's words and voice.
    pub enabled: bool,
    /// Ask the language model as well, while nobody waits. Small models know less about it than our
    /// lists of words: measure yours with `sawt bench sentiment --with-llm`.
    pub model: bool,
}

impl Default for SentimentConfig {
    fn default() -> Self {
        Self { enabled: true, model: false }
    }
}

/// `[tts]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TtsConfig {
    /// Engine of the voices: "piper" (with espeak for languages that have no Piper voice).
    pub model: String,
    /// Voice for all languages; wins over the map when set.
    pub voice: String,
    /// Voice for languages that the map does not name.
    pub voice_default: String,
    /// Language to voice, e.g. { ar = "espeak-ar", en = "en_US-joe-medium" }.
    pub voice_map: BTreeMap<String, String>,
    /// Word or phrase to how it is spoken, e.g. { "STC" = "إس تي سي" }; wins over every rule of ours.
    pub lexicon: BTreeMap<String, String>,
    /// "auto": Arabic gets its vowels before a voice speaks it, where `rawi-ensemble` is installed. "off": never.
    pub diacritizer: String,
    /// 1: the voice's own pace; 0.5..2.
    pub speed: f32,
    /// Rate of the agent's audio in Hz.
    pub output_sample_rate_hz: u32,
    /// Compute threads; 0: chosen from the machine's cores.
    pub threads: u32,
    /// Milliseconds to the first audio after which a clause is given up.
    pub timeout_ms: u32,
}

impl Default for TtsConfig {
    fn default() -> Self {
        Self {
            model: "piper".into(),
            voice: String::new(),
            voice_default: "en_US-joe-medium".into(),
            voice_map: [
                ("en".to_owned(), "en_US-joe-medium".to_owned()),
                ("ar".to_owned(), "espeak-ar".to_owned()),
            ]
            .into(),
            lexicon: BTreeMap::new(),
            diacritizer: "auto".into(),
            speed: 1.0,
            output_sample_rate_hz: 24_000,
            threads: 0,
            timeout_ms: 10_000,
        }
    }
}

/// `[models]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ModelsConfig {
    /// Folder of weights and libraries. Default: `sawt/models` in the user's data folder.
    pub dir: Option<PathBuf>,
}

/// `[engines]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EnginesConfig {
    /// Folder of the programs sawt-stt-ct2, sawt-stt, sawt-llm, sawt-tts. Default: beside `sawt`.
    pub dir: Option<PathBuf>,
    /// Folder for the engines' sockets. Default: one per run under the system's runtime folder.
    pub socket_dir: Option<PathBuf>,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// Filter, e.g. "info" or "sawt=debug".
    pub filter: String,
    /// "text" or "json".
    pub format: String,
    /// Log what callers say. Off: their words never reach a log.
    pub words: bool,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { filter: "info".into(), format: "text".into(), words: false }
    }
}

impl Config {
    /// The voice that speaks `language`.
    pub fn voice_for(&self, language: &str) -> &str {
        let tts = &self.tts;
        if !tts.voice.is_empty() {
            return &tts.voice;
        }
        tts.voice_map.get(language).unwrap_or(&tts.voice_default)
    }

    /// The words that this site speaks its own way.
    pub fn lexicon(&self) -> Lexicon {
        let entries = self.tts.lexicon.iter();
        Lexicon::new(entries.map(|(phrase, spoken)| (phrase.as_str(), spoken.as_str())))
    }
}
