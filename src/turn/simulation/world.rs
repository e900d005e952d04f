//! All that happened in a simulated call and is about to, as somebody sees it who watches both sides.

use std::collections::BTreeMap;

use super::cover::Cover;
use crate::transport::AgentState;
use crate::turn::{
    CallTime, EndReason, Line, OrderedLine, ReplyId, TurnInput, TurnPolicy, UtteranceId,
};

#[derive(Debug)]
pub(super) struct World {
    pub(super) policy: TurnPolicy,
    pub(super) trace: bool,
    pub(super) now: CallTime,
    events: BTreeMap<(CallTime, u64), TurnInput>,
    order: u64,
    pub(super) speculation_allowed: bool,
    pub(super) voice: Voice,
    /// Messages that the caller writes, and what became of those that came.
    pub(super) written: u32,
    pub(super) texts: BTreeMap<u32, Fate>,
    pub(super) requests: BTreeMap<UtteranceId, Request>,
    pub(super) reply: Option<Running>,
    /// Made ahead; heard by nobody, answers nothing yet.
    pub(super) prepared: Option<(ReplyId, String)>,
    pub(super) cover: Cover,
    pub(super) state: AgentState,
    pub(super) active_since: Option<CallTime>,
    pub(super) goodbye: bool,
    /// A line that is to be said, since when.
    pub(super) ordered: Option<(OrderedLine, CallTime)>,
    /// The call is to end, since when.
    pub(super) closing: Option<CallTime>,
    /// When the last thing happened that a turn's end may wait for.
    pub(super) free_since: CallTime,
    /// When either side was last heard.
    pub(super) quiet_since: CallTime,
    /// Somebody may have begun to speak, since then.
    pub(super) likely_since: Option<CallTime>,
    /// How often the caller was asked whether they are there, since they last said anything.
    pub(super) prompts: usize,
    /// Stopped before it was heard, and its words do not come again: a reason is owed.
    pub(super) owed: bool,
    pub(super) ended: Option<EndReason>,
    pub(super) tally: Tally,
}

/// The caller's, as far as it was reported.
#[derive(Debug, Default)]
pub(super) struct Voice {
    pub(super) speaking: bool,
    /// Since when it goes on without the shortest pause, and whether a reply ran when that was told.
    pub(super) unbroken: Option<(CallTime, Option<ReplyId>)>,
    /// The pieces of this speech that were voiced, to be transcribed.
    pub(super) pieces: Vec<(CallTime, CallTime)>,
    /// We stood still until then, and may have lost some of what was said before.
    pub(super) torn: CallTime,
    /// Start of the piece that goes on.
    pub(super) piece: CallTime,
}

/// What became of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Neither answered nor explained.
    Open,
    /// Nobody wants them: they come again, longer, or were for a moment's use.
    Dropped,
    Answered(ReplyId),
    Explained,
}

#[derive(Debug)]
pub(super) struct Request {
    pub(super) from: CallTime,
    pub(super) until: CallTime,
    pub(super) asked_at: CallTime,
    /// The words so far, for a quick decision.
    pub(super) partial: bool,
    /// The engine has answered, or was given up.
    pub(super) delivered: bool,
    pub(super) fate: Fate,
}

#[derive(Debug)]
pub(super) struct Running {
    pub(super) id: ReplyId,
    pub(super) line: Option<Line>,
    /// When it began; once it is heard, since when.
    pub(super) since: CallTime,
    pub(super) audible: bool,
    /// Silent while its caller is being understood; then also what it has to report after that.
    pub(super) paused: Option<Vec<TurnInput>>,
}

/// What happened in a call, for the doubt whether anything did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) outputs: u64,
    pub(super) answers: u64,
    pub(super) committed: u64,
    pub(super) paused: u64,
    pub(super) resumed: u64,
    pub(super) stopped: u64,
    pub(super) explained: u64,
    pub(super) prompts: u64,
    pub(super) refused: u64,
    pub(super) fillers: u64,
    pub(super) sounds: u64,
    pub(super) ordered: u64,
    pub(super) closed: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.outputs += other.outputs;
        self.answers += other.answers;
        self.committed += other.committed;
        self.paused += other.paused;
        self.resumed += other.resumed;
        self.stopped += other.stopped;
        self.explained += other.explained;
        self.prompts += other.prompts;
        self.refused += other.refused;
        self.fillers += other.fillers;
        self.sounds += other.sounds;
        self.ordered += other.ordered;
        self.closed += other.closed;
    }
}

impl World {
    pub(super) fn new(policy: TurnPolicy, trace: bool) -> Self {
        Self {
            policy,
            trace,
            now: CallTime::ZERO,
            events: BTreeMap::new(),
            order: 0,
            speculation_allowed: true,
            voice: Voice::default(),
            written: 0,
            texts: BTreeMap::new(),
            requests: BTreeMap::new(),
            reply: None,
            prepared: None,
            cover: Cover::default(),
            state: AgentState::Initializing,
            active_since: None,
            goodbye: false,
            ordered: None,
            closing: None,
            free_since: CallTime::ZERO,
            quiet_since: CallTime::ZERO,
            likely_since: None,
            prompts: 0,
            owed: false,
            ended: None,
            tally: Tally::default(),
        }
    }

    pub(super) fn at(&mut self, time: CallTime, input: TurnInput) {
        self.order += 1;
        self.events.insert((time, self.order), input);
    }

    pub(super) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// What happens next, unless `timer` comes first.
    pub(super) fn next(&mut self, timer: Option<CallTime>) -> Option<TurnInput> {
        let entry = self.events.first_entry()?;
        let at = entry.key().0;
        if timer.is_some_and(|timer| timer < at) {
            return None;
        }
        let input = entry.remove();
        self.now = self.now.max(at);
        if self.trace {
            println!("{:>9} ← {input:?}", self.now.to_string());
        }
        Some(input)
    }

    /// Takes note of what is about to be told to the machine; false where it is not to be told now.
    pub(super) fn note(&mut self, input: &TurnInput) -> bool {
        let now = self.now;
        match input {
            TurnInput::CallerReady => {
                self.active_since.get_or_insert(now);
                self.free_since = now;
                self.quiet_since = now;
            }
            TurnInput::SpeechLikely | TurnInput::SpeechUnlikely => {
                self.free_since = now;
                self.likely_since = (*input == TurnInput::SpeechLikely).then_some(now);
            }
            TurnInput::SpeechStarted { at } => {
                self.likely_since = None;
                self.prompts = 0;
                let reply = self.reply.as_ref().map(|reply| reply.id);
                self.voice.speaking = true;
                self.voice.unbroken = Some((*at, reply));
                self.voice.pieces.clear();
                self.voice.piece = *at;
                self.free_since = now;
            }
            TurnInput::SpeechResumed { at } => {
                self.voice.speaking = true;
                self.voice.piece = *at;
                self.free_since = now;
            }
            TurnInput::SpeechPaused { at } => self.silent(*at),
            TurnInput::SpeechEnded { at } => {
                self.silent(*at);
                self.quiet_since = now;
            }
            TurnInput::PauseJudged { .. } => {}
            TurnInput::Transcript { utterance, outcome: _ } => {
                let request = self.requests.get_mut(utterance);
                if let Some(request) = request.filter(|request| !request.delivered) {
                    request.delivered = true;
                    self.free_since = now;
                }
            }
            TurnInput::CallerText(text) => {
                let number = numbers(text, 't').next().expect("a number");
                self.texts.insert(number, Fate::Open);
                self.prompts = 0;
            }
            TurnInput::ReplyAudible { reply } | TurnInput::ReplyEnded { reply, .. } => {
                return self.note_reply(*reply, input);
            }
            TurnInput::SayLine(line) => self.ordered = Some((*line, now)),
            TurnInput::Close { .. } => {
                self.closing.get_or_insert(now);
            }
            TurnInput::HangUp(_) => {}
        }
        true
    }

    fn silent(&mut self, at: CallTime) {
        if std::mem::take(&mut self.voice.speaking) {
            self.voice.pieces.push((self.voice.piece, at));
            self.free_since = self.now;
        }
        self.voice.unbroken = None;
    }

    fn note_reply(&mut self, id: ReplyId, input: &TurnInput) -> bool {
        let ends = matches!(input, TurnInput::ReplyEnded { .. });
        if ends {
            self.prepared.take_if(|(prepared, _)| *prepared == id);
        }
        let Some(reply) = self.reply.as_mut().filter(|reply| reply.id == id) else { return true };
        if let Some(held) = &mut reply.paused {
            held.push(input.clone()); // nobody hears it meanwhile
            return false;
        }
        if ends {
            self.cover.answered(id);
            self.reply = None;
            self.free_since = self.now;
            self.quiet_since = self.now;
        } else if !reply.audible {
            reply.audible = true;
            reply.since = self.now;
            self.cover.audible(id);
        }
        true
    }
}

/// The numbers behind `letter` in a text: "u12", "t3".
pub(super) fn numbers(text: &str, letter: char) -> impl Iterator<Item = u32> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter_map(move |w| w.strip_prefix(letter)?.parse().ok())
}
