//! The numbers behind the turn machine's decisions.

use std::time::Duration;

use super::{EndpointingPolicy, Phrases, Unfinished};
use crate::config::Config;

/// How patient and how interruptible the agent is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnPolicy {
    /// Silence after speech that ends the caller's turn.
    pub endpointing: EndpointingPolicy,
    /// Ask for judgements of pauses; off: silence and words decide.
    pub judge_pauses: bool,
    /// A pause that asks for a transcript before the voice detector is sure that speech ended;
    /// `None` waits for that.
    pub early_transcript: Option<Duration>,
    /// Prepare the reply while the end of the turn is still awaited.
    pub speculation: bool,
    /// Speech over the agent that silences it until it is known what was said.
    pub interruption_pause: Duration,
    /// Speech over the agent whose words are asked for before it ends.
    pub interruption_min: Duration,
    /// Fewest words over the agent that stop it; what listeners say is not counted.
    pub interruption_words_min: usize,
    /// Silence after speech over the agent that lets it go on while nothing else is known.
    pub resume_after: Duration,
    /// What listeners say.
    pub backchannels: Phrases,
    /// What always stops the agent.
    pub commands: Phrases,
    /// Longest piece of speech that is transcribed in one go.
    pub utterance_max: Duration,
    /// Most such pieces in one turn; then it is answered even if the caller speaks on.
    pub utterances_max: usize,
    /// Silence of both sides before the agent asks whether the caller is there.
    pub silence_prompt_after: Duration,
    /// How many times it asks before it ends the call.
    pub silence_prompts: usize,
    /// Silence in the agent's turn after which it says a filler; `None`: never.
    pub filler_after: Option<Duration>,
    /// Say one in each late turn, and not only where the turn before had none.
    pub fillers_in_a_row: bool,
    /// Silence in the agent's turn after which the thinking sound begins; `None`: never.
    pub thinking_sound_after: Option<Duration>,
    /// Whether there is a welcome to say.
    pub welcome: bool,
    /// Whether there is a goodbye to say.
    pub goodbye: bool,
    /// Whether there is an apology to say.
    pub apology: bool,
    /// Longest call.
    pub call_max: Duration,
    /// Answers after which the agent says goodbye; `None`: as many as the call has.
    pub answers_max: Option<u32>,
    /// Longest wait for a transcript; engines have shorter limits of their own.
    pub transcript_max: Duration,
    /// Longest wait for a reply's first audio.
    pub reply_max: Duration,
    /// Longest time a reply may be heard.
    pub speaking_max: Duration,
}

impl Default for TurnPolicy {
    fn default() -> Self {
        Self::from(&Config::default())
    }
}

impl From<&Config> for TurnPolicy {
    fn from(config: &Config) -> Self {
        let ms = |n: u32| Duration::from_millis(u64::from(n));
        let s = |n: u32| Duration::from_secs(u64::from(n));
        Self {
            endpointing: EndpointingPolicy {
                usual: ms(config.turn.endpointing_ms),
                min: ms(config.turn.endpointing_ms_min),
                min_question: ms(config.turn.endpointing_ms_question),
                max: ms(config.turn.endpointing_ms_max),
                unfinished: Unfinished::new(&config.turn.trailing_words, &config.turn.number_words),
            },
            judge_pauses: config.turn.detector_enabled,
            early_transcript: Some(ms(config.turn.early_transcript_ms)).filter(|d| !d.is_zero()),
            speculation: config.turn.speculation,
            interruption_pause: ms(config.turn.interruption_pause_ms),
            interruption_min: ms(config.turn.interruption_ms),
            interruption_words_min: config.turn.interruption_words_min as usize,
            resume_after: ms(config.turn.resume_after_ms),
            backchannels: Phrases::new(config.turn.backchannels.values().map(String::as_str)),
            commands: Phrases::new(config.turn.commands.values().map(String::as_str)),
            utterance_max: ms(config.turn.turn_ms_max.clamp(1_000, 29_000)),
            utterances_max: 8,
            silence_prompt_after: s(config.agent.silence_prompt_s.max(1)),
            silence_prompts: config.agent.silence_prompts.len(),
            filler_after: Some(ms(config.agent.filler_ms)).filter(|d| !d.is_zero()),
            fillers_in_a_row: config.agent.fillers_in_a_row,
            thinking_sound_after: Some(ms(config.agent.thinking_sound_ms)).filter(|d| !d.is_zero()),
            welcome: !config.agent.opening().is_empty(),
            goodbye: !config.agent.goodbye.is_empty(),
            apology: !config.agent.apology.is_empty(),
            call_max: s(config.agent.call_max_s.max(1)),
            answers_max: Some(config.agent.turns_max).filter(|max| *max > 0),
            // Twice the engine's own limit: it retries once after a restart.
            transcript_max: ms(config.stt.timeout_ms.saturating_mul(2)),
            reply_max: ms(config
                .llm
                .timeout_ms
                .saturating_add(config.tts.timeout_ms)
                .saturating_mul(2)),
            speaking_max: s(120),
        }
    }
}
