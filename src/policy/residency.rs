//! Who may send what away: the site, and the assistant, and the stage must all allow it. Pure; the
//! engines ask it before each request, and `sawt doctor` says what it lets through.
//!
//! Knows no address and no engine: where a stage's data would go is the site's configuration.

use std::fmt;

use serde::Serialize;

use crate::config::{RemoteConfig, RemoteStageConfig};

/// A part of a call that an engine elsewhere may serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Speech to text.
    Stt,
    /// Language model.
    Llm,
    /// Text to speech.
    Tts,
}

/// What a stage sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// Callers' voices.
    Audio,
    /// What is said, as text.
    Text,
}

impl Stage {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Stt, Self::Llm, Self::Tts];

    /// As keys, metrics and logs name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stt => "stt",
            Self::Llm => "llm",
            Self::Tts => "tts",
        }
    }

    /// What it sends.
    pub const fn sends(self) -> Data {
        match self {
            Self::Stt => Data::Audio,
            Self::Llm | Self::Tts => Data::Text,
        }
    }

    /// Its settings.
    pub const fn of(self, site: &RemoteConfig) -> &RemoteStageConfig {
        match self {
            Self::Stt => &site.stt,
            Self::Llm => &site.llm,
            Self::Tts => &site.tts,
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an assistant lets leave. The default is nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Grant {
    /// What is said, as text.
    pub text: bool,
    /// Callers' voices.
    pub audio: bool,
    /// The stages that may use it.
    pub stages: Stages,
}

impl Grant {
    /// For an assistant that takes over what was said under `earlier`: what was to stay then stays.
    #[must_use]
    pub const fn over_history_of(self, earlier: Self) -> Self {
        Self { text: self.text && earlier.text, ..self }
    }
}

/// A set of stages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stages([bool; 3]);

impl Stages {
    /// All of them.
    pub const ALL: Self = Self([true; 3]);

    /// With this one.
    #[must_use]
    pub const fn with(mut self, stage: Stage) -> Self {
        self.0[stage as usize] = true;
        self
    }

    /// Whether it is in the set.
    pub const fn has(self, stage: Stage) -> bool {
        self.0[stage as usize]
    }
}

impl Grant {
    /// Whether `stage` may send what it sends.
    pub const fn covers(self, stage: Stage) -> bool {
        self.stages.has(stage) && self.allows(stage.sends())
    }

    /// Whether data of this kind may be sent by some stage.
    pub const fn allows(self, data: Data) -> bool {
        match data {
            Data::Audio => self.audio,
            Data::Text => self.text,
        }
    }
}

/// Who said no; the first of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No remote engine is set up for this stage.
    Stage,
    /// The site lets no data of this kind leave.
    Site,
    /// The assistant does not let this stage send it.
    Assistant,
}

impl Refusal {
    /// For metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stage => "stage",
            Self::Site => "site",
            Self::Assistant => "assistant",
        }
    }
}

/// Whether `stage` of a call may be served elsewhere.
///
/// # Errors
/// Who says no.
pub const fn judge(site: &RemoteConfig, grant: Grant, stage: Stage) -> Result<(), Refusal> {
    let site_allows = match stage.sends() {
        Data::Audio => site.audio_may_leave,
        Data::Text => site.text_may_leave,
    };
    if !stage.of(site).enabled {
        Err(Refusal::Stage)
    } else if !site_allows {
        Err(Refusal::Site)
    } else if !grant.covers(stage) {
        Err(Refusal::Assistant)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_that_was_to_stay_stays_with_whoever_takes_over() {
        let open = Grant { text: true, audio: true, stages: Stages::ALL };
        let sealed = Grant::default();
        assert_eq!(open.over_history_of(sealed), Grant { text: false, ..open });
        assert_eq!(open.over_history_of(open), open);
        assert_eq!(sealed.over_history_of(open), sealed);
    }

    #[test]
    fn all_three_must_allow_it_and_each_kind_of_data_apart() {
        let mut allowed = 0;
        for bits in 0_u32..1 << 7 {
            let bit = |n: u32| bits & (1 << n) != 0;
            for stage in Stage::ALL {
                let mut site = RemoteConfig {
                    text_may_leave: bit(0),
                    audio_may_leave: bit(1),
                    ..RemoteConfig::default()
                };
                (site.stt.enabled, site.llm.enabled, site.tts.enabled) = (bit(2), bit(2), bit(2));
                let mut grant = Grant { text: bit(3), audio: bit(4), stages: Stages::default() };
                if bit(5) {
                    grant.stages = grant.stages.with(stage);
                }
                if bit(6) {
                    // Another stage's permission is no permission.
                    let other = if stage == Stage::Stt { Stage::Tts } else { Stage::Stt };
                    grant.stages = grant.stages.with(other);
                }
                let (site_data, own_data) = match stage.sends() {
                    Data::Audio => (bit(1), bit(4)),
                    Data::Text => (bit(0), bit(3)),
                };
                let expected = bit(2) && site_data && own_data && bit(5);
                let verdict = judge(&site, grant, stage);
                assert_eq!(verdict.is_ok(), expected, "{stage} {site:?} {grant:?}");
                allowed += u32::from(verdict.is_ok());
            }
        }
        // One sixteenth: stage set up, site, assistant's kind of data, assistant's stage.
        assert_eq!(allowed, 3 * (1 << 7) / 16);
        let refusal = judge(&RemoteConfig::default(), Grant::default(), Stage::Llm);
        assert_eq!(refusal, Err(Refusal::Stage));
    }
}
