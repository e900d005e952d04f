//! One task per reply: the model's tokens become clauses, the clauses become audio.

mod writing;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::driver::Outcome;
use super::hands::Hands;
use super::quiet_head::QuietHead;
use super::speculation::Preparation;
use crate::config::Config;
use crate::engines::llm::ChatMessage;
use crate::engines::tts::{Synthesis, Synthesized, Vocalised};
use crate::engines::{EngineError, Engines};
use crate::speech::{Manner, Run, Spoken};
use crate::telemetry::metrics;
use crate::turn::ReplyId;

/// What a reply's task reports, in this order for each clause.
#[derive(Debug)]
pub(crate) enum ReplyEvent {
    /// The model wrote its first token.
    FirstToken,
    /// The audio that follows says this.
    Clause(String),
    /// Mono PCM at the agent's rate.
    Audio(Vec<i16>),
    /// When the words of the clause known so far start, in samples; their audio follows.
    WordsAhead(Vec<(String, u64)>),
    /// When each word of the clause starts, in samples; all of its audio has come.
    Words(Vec<(String, u64)>),
    /// Prepared as far as it may be: it waits to be committed.
    Waits,
    /// Nothing more comes.
    Done,
    /// Nothing more comes, and not for a good reason.
    Failed(EngineError),
}

/// What the reply says.
#[derive(Debug)]
pub(crate) enum Content {
    /// The model's answer to this conversation.
    Answer {
        conversation: String,
        messages: Vec<ChatMessage>,
        /// The caller's words.
        to: String,
    },
    /// Fixed words.
    Line(String),
}

/// Clauses that may wait for the voice: the model is faster than speech.
const CLAUSES_AHEAD: usize = 16;

/// Starts the task. Aborting it cancels the engines' work. Unless `preparation` is committed it
/// makes the first clause and waits.
#[allow(clippy::too_many_arguments)] // the parts of a reply, named by the task that they make
pub(crate) fn spawn(
    reply: ReplyId,
    content: Content,
    preparation: Preparation,
    agent_rate_hz: u32,
    config: Arc<Config>,
    engines: Engines,
    hands: Option<Hands>,
    outcomes: mpsc::Sender<Outcome>,
) -> AbortHandle {
    let task = ReplyTask { reply, preparation, agent_rate_hz, config, engines, hands, outcomes };
    tokio::spawn(task.run(content)).abort_handle()
}

struct ReplyTask {
    reply: ReplyId,
    preparation: Preparation,
    agent_rate_hz: u32,
    config: Arc<Config>,
    engines: Engines,
    /// Absent where there is nothing to do but talk.
    hands: Option<Hands>,
    outcomes: mpsc::Sender<Outcome>,
}

impl ReplyTask {
    async fn run(self, content: Content) {
        // Full: the model waits for the voice.
        let (clauses, to_speak) = mpsc::channel(CLAUSES_AHEAD);
        let fixed = matches!(content, Content::Line(_));
        let speaking = self.speak(to_speak, fixed);
        let (written, spoken) = tokio::join!(self.write(content, clauses), speaking);
        let event = match written.and(spoken) {
            Ok(()) => ReplyEvent::Done,
            Err(error) => ReplyEvent::Failed(error),
        };
        self.report(event).await;
    }

    /// Speaks what comes, in order.
    async fn speak(
        &self,
        mut clauses: mpsc::Receiver<String>,
        fixed: bool,
    ) -> Result<(), EngineError> {
        let mut said_anything = false;
        let mut language = self.config.agent.languages.first().cloned().unwrap_or_default();
        let lexicon = self.config.lexicon();
        let mut head = QuietHead::new(self.agent_rate_hz);
        while let Some(clause) = clauses.recv().await {
            let languages = &self.config.agent.languages;
            let manner = Manner { languages, language: &language, lexicon: &lexicon };
            let spoken = Spoken::new(&clause, &manner);
            if spoken.runs().is_empty() {
                continue;
            }
            // "12:30." belongs to the language of what was said before it.
            language = manner.language_of(spoken.written()).to_owned();
            if said_anything {
                self.preparation.commit().await;
            }
            said_anything = true;
            self.preparation.count_clause();
            self.speak_clause(&spoken, fixed, &mut head).await?;
            if !self.preparation.is_committed() {
                self.report(ReplyEvent::Waits).await;
            }
        }
        if said_anything {
            self.preparation.commit().await;
            Ok(())
        } else {
            let detail = "the reply had no words that can be spoken".to_owned();
            Err(EngineError::Failed { engine: "llm", detail })
        }
    }

    /// Speaks a clause run by run, each by the voice of its language. Reports the written words, and
    /// when they start, for that is what captions and history keep.
    async fn speak_clause(
        &self,
        spoken: &Spoken,
        fixed: bool,
        head: &mut QuietHead,
    ) -> Result<(), EngineError> {
        self.report(ReplyEvent::Clause(spoken.written().to_owned())).await;
        let mut marks = Marks::default();
        for run in spoken.runs() {
            self.speak_run(run, spoken, &mut marks, fixed, head).await?;
        }
        self.report(ReplyEvent::Words(marks.written(spoken, &[]))).await;
        Ok(())
    }

    async fn speak_run(
        &self,
        run: &Run,
        spoken: &Spoken,
        marks: &mut Marks,
        fixed: bool,
        head: &mut QuietHead,
    ) -> Result<(), EngineError> {
        let tts = &self.config.tts;
        let request = Synthesis {
            text: run.text.clone(),
            voice: self.config.voice_for(&run.language).to_owned(),
            language: run.language.clone(),
            speed: tts.speed,
            sample_rate_hz: self.agent_rate_hz,
            as_given: run.as_given.clone(),
        };
        let voice = &self.engines.tts;
        let mut audio =
            if fixed { voice.synthesize_line(request) } else { voice.synthesize(request) };
        let patience = Duration::from_millis(u64::from(tts.timeout_ms));
        let mut samples = 0;
        let trimmed_before = head.trimmed();
        // Told when it is known where the sound begins.
        let mut ahead = None;
        loop {
            let next = timeout(patience, audio.next()).await;
            let next =
                next.map_err(|_| EngineError::TimedOut { engine: "tts", after: patience })?;
            match next.transpose()? {
                Some(Synthesized::Words(words)) => ahead = Some(words),
                Some(Synthesized::Audio(pcm)) => {
                    let pcm = head.trim(pcm);
                    if pcm.is_empty() {
                        continue;
                    }
                    if let Some(words) = ahead.take() {
                        let words = earlier(words, head.trimmed() - trimmed_before);
                        let words = marks.written(spoken, &words);
                        self.report(ReplyEvent::WordsAhead(words)).await;
                    }
                    samples += pcm.len() as u64;
                    self.report(ReplyEvent::Audio(pcm)).await;
                }
                Some(Synthesized::Done(stats)) => {
                    if let Some(vocalised) = &stats.vocalised {
                        count_vowels(vocalised);
                    }
                    let words = earlier(stats.words, head.trimmed() - trimmed_before);
                    marks.run_is_over(&run.text, &words, samples);
                    return Ok(());
                }
                None => {
                    marks.run_is_over(&run.text, &[], samples);
                    return Ok(());
                }
            }
        }
    }

    async fn report(&self, event: ReplyEvent) {
        // Fails only when the call is over, and then this task is being aborted.
        let _ = self.outcomes.send(Outcome::Reply(self.reply, event)).await;
    }
}

/// The marks of a run whose first `trimmed` samples were taken off.
fn earlier(mut words: Vec<(String, u64)>, trimmed: u64) -> Vec<(String, u64)> {
    words.iter_mut().for_each(|(_, start)| *start = start.saturating_sub(trimmed));
    words
}

fn count_vowels(vocalised: &Vocalised) {
    let took = Duration::from_micros(vocalised.took_us.into());
    metrics::vocalised(took, vocalised.words_refused, vocalised.sentences_failed);
}

/// When the spoken words of a clause start, over all of its runs.
#[derive(Debug, Default)]
struct Marks {
    /// Of the runs that are over, in samples from the start of the clause.
    spoken: Vec<u64>,
    /// Samples of the runs that are over.
    samples: u64,
    /// A voice did not tell: nothing is known, and playout counts by the clause's length.
    unknown: bool,
}

impl Marks {
    /// When the written words start that are known by now; `ahead` are words of the run that plays.
    fn written(&self, spoken: &Spoken, ahead: &[(String, u64)]) -> Vec<(String, u64)> {
        if self.unknown {
            return Vec::new();
        }
        let mut marks = self.spoken.clone();
        marks.extend(ahead.iter().map(|(_, start)| self.samples + start));
        spoken.written_marks(&marks)
    }

    /// A run is over: `words` are its marks, one for each word of `text`, or the voice did not tell.
    fn run_is_over(&mut self, text: &str, words: &[(String, u64)], samples: u64) {
        // A guess would do harm: a pause goes back to where it believes that a word began.
        self.unknown |= words.len() != text.split_whitespace().count();
        self.spoken.extend(words.iter().map(|(_, start)| self.samples + start));
        self.samples += samples;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::Lexicon;

    fn marks(starts: &[u64]) -> Vec<(String, u64)> {
        starts.iter().map(|start| (String::new(), *start)).collect()
    }

    fn spoken(text: &str) -> Spoken {
        let languages = ["ar".to_owned(), "en".to_owned()];
        let lexicon = Lexicon::default();
        Spoken::new(text, &Manner { languages: &languages, language: "ar", lexicon: &lexicon })
    }

    #[test]
    fn marks_of_runs_are_counted_on_and_told_for_written_words() {
        let spoken = spoken("ادفع 20 ريال عبر Premium Account");
        let [first, second] = spoken.runs() else { panic!("{:?}", spoken.runs()) };
        assert_eq!(first.text, "ادفع عشرين ريالًا عبر");
        let mut all = Marks::default();
        all.run_is_over(&first.text, &marks(&[0, 100, 200, 300]), 400);
        let told: Vec<u64> = all.written(&spoken, &marks(&[0])).iter().map(|w| w.1).collect();
        assert_eq!(told, [0, 100, 200, 300, 400], "one word of the second run is known");
        all.run_is_over(&second.text, &marks(&[0, 150]), 300);
        let told: Vec<u64> = all.written(&spoken, &[]).iter().map(|w| w.1).collect();
        assert_eq!(told, [0, 100, 200, 300, 400, 550]);
    }

    #[test]
    fn a_voice_that_tells_no_marks_leaves_the_clause_to_its_length() {
        let spoken = spoken("مرحبا بك");
        let mut all = Marks::default();
        all.run_is_over(&spoken.runs()[0].text, &[], 400);
        assert_eq!(all.written(&spoken, &[]), []);
    }
}
