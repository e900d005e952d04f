//! Does what rules and tools wish for, one after the other, between the things that are said.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::task::AbortHandle;

use super::{Call, Outcome, guard_of};
use crate::assistants::Assistant;
use crate::call::action::{
    Action, ActionError, ActionReport, Handset, LineText, Ordered, Reason, Surroundings,
    SwitchboardError, Transfer, TransferRequest,
};
use crate::call::fillers::{self, Fillers};
use crate::call::language::LanguageLock;
use crate::dialog::History;
use crate::transport::CallTransport;
use crate::turn::{CallTime, EndReason, OrderedLine, ReplyId, TurnInput, TurnPolicy};

/// Actions that wait for what is being said; more are refused.
const STEPS_MAX: usize = 32;

/// Values that a call keeps.
const VARIABLES_MAX: usize = 100;

/// Characters of a value.
const VALUE_CHARS_MAX: usize = 2_000;

/// Attribute of the agent that marks a call for those who watch it.
const ESCALATED: &str = "sawt.escalated";

/// Attribute of the agent with where its caller is being taken.
const TRANSFERRING: &str = "sawt.transfer";

/// The switchboard keeps its own time; this is for one that does not.
const TRANSFER_GRACE: Duration = Duration::from_secs(30);

/// What is to be done, and what is being done.
#[derive(Debug, Default)]
pub(super) struct Acting {
    surroundings: Surroundings,
    steps: VecDeque<Step>,
    saying: Option<Saying>,
    transfer: Option<Transferring>,
    lines: u32,
    /// The call is to end: nothing is begun any more.
    closing: bool,
    /// The caller's identity in their room.
    pub(super) caller: String,
    pub(super) variables: BTreeMap<String, Value>,
}

#[derive(Debug)]
enum Step {
    Do(Action, Reason),
    /// Part of another action.
    Line(LineText),
    Connect(Transfer, Reason),
}

/// What the steps wait for.
#[derive(Debug)]
enum Saying {
    /// The turn machine says it as soon as it can.
    Ordered(OrderedLine, String),
    Reply(ReplyId),
}

#[derive(Debug)]
struct Transferring {
    transfer: Transfer,
    reason: Reason,
    _task: AbortOnDrop,
}

/// A task that ends with the call.
#[derive(Debug)]
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Acting {
    pub(super) fn new(surroundings: Surroundings) -> Self {
        Self { surroundings, ..Self::default() }
    }

    /// Somebody outside is being waited for.
    pub(super) const fn is_busy(&self) -> bool {
        self.transfer.is_some()
    }

    /// The words of a line that the machine says now, under this name.
    pub(super) fn begins(&mut self, line: OrderedLine, reply: ReplyId) -> String {
        match self.saying.take_if(|saying| matches!(saying, Saying::Ordered(n, _) if *n == line)) {
            Some(Saying::Ordered(_, words)) => {
                self.saying = Some(Saying::Reply(reply));
                words
            }
            _ => String::new(),
        }
    }

    /// This reply is over, or was stopped.
    pub(super) fn said(&mut self, reply: ReplyId) {
        self.saying.take_if(|saying| matches!(saying, Saying::Reply(id) if *id == reply));
    }

    fn next_line(&mut self, words: String) -> OrderedLine {
        self.lines += 1;
        let line = OrderedLine(self.lines);
        self.saying = Some(Saying::Ordered(line, words));
        line
    }
}

impl Call {
    /// Takes an action on, or says why not.
    pub(super) fn order(&mut self, now: CallTime, ordered: Ordered) {
        let Ordered { action, reason, taken } = ordered;
        let refused = self.refusal(&action);
        if let Some(error) = &refused {
            self.report_action(now, &action, &reason, Some(error));
        } else {
            self.acting.steps.push_back(Step::Do(action, reason));
        }
        if let Some(taken) = taken {
            // Whoever asked may be gone.
            let _ = taken.send(refused.map_or(Ok(()), Err));
        }
    }

    /// What is known already to be impossible.
    fn refusal(&self, action: &Action) -> Option<ActionError> {
        if self.acting.steps.len() >= STEPS_MAX {
            return Some(ActionError::TooMany(STEPS_MAX));
        }
        if self.acting.closing {
            return Some(ActionError::CallOver);
        }
        match action {
            Action::HandOver { assistant, .. } if self.assistant_named(assistant).is_none() => {
                Some(ActionError::NoAssistant(assistant.clone()))
            }
            Action::Transfer(_) if self.acting.surroundings.switchboard.is_none() => {
                Some(ActionError::NoSwitchboard)
            }
            Action::Transfer(_) if self.acting.is_busy() => Some(ActionError::Transferring),
            Action::SetVariable { name, value } => {
                let variables = &self.acting.variables;
                let room = variables.len() < VARIABLES_MAX || variables.contains_key(name);
                let fits = value.as_str().is_none_or(|text| {
                    text.len() <= VALUE_CHARS_MAX || text.chars().count() <= VALUE_CHARS_MAX
                });
                (!room || !fits).then_some(ActionError::TooManyVariables(VARIABLES_MAX))
            }
            Action::HandOver { .. }
            | Action::Transfer(_)
            | Action::Say(_)
            | Action::EndCall { .. }
            | Action::Webhook { .. }
            | Action::Escalate { .. }
            | Action::SendDtmf { .. } => None,
        }
    }

    /// Does what can be done now.
    pub(super) fn act(&mut self, transport: &mut dyn CallTransport) {
        let now = transport.now();
        while self.acting.saying.is_none() && self.acting.transfer.is_none() {
            let Some(step) = self.acting.steps.pop_front() else { return };
            // Who speaks, and where to, changes between two replies only.
            let waits = matches!(
                step,
                Step::Connect(..) | Step::Do(Action::HandOver { .. } | Action::Transfer(_), _)
            );
            if waits && self.reply.is_some() {
                self.acting.steps.push_front(step);
                return;
            }
            match step {
                Step::Line(text) => self.order_line(now, &text),
                Step::Connect(transfer, reason) => {
                    transport.show(TRANSFERRING, &transfer.to.to_string());
                    self.connect(now, transfer, reason);
                }
                Step::Do(action, reason) => self.do_now(transport, now, action, reason),
            }
        }
    }

    fn do_now(
        &mut self,
        transport: &mut dyn CallTransport,
        now: CallTime,
        action: Action,
        reason: Reason,
    ) {
        let done = match &action {
            Action::Say(text) => {
                self.order_line(now, text);
                Ok(())
            }
            Action::SetVariable { name, value } => {
                self.acting.variables.insert(name.clone(), value.clone());
                Ok(())
            }
            Action::EndCall { say } => {
                self.acting.steps.clear();
                self.acting.closing = true;
                let words = say.as_ref().map(|say| say.words(&self.caller_language).to_owned());
                let line = words.filter(|w| !w.is_empty()).map(|w| self.acting.next_line(w));
                self.input(now, TurnInput::Close { reason: EndReason::AgentEnded, line });
                Ok(())
            }
            Action::HandOver { assistant, with_history } => {
                self.hand_over_now(now, assistant, *with_history)
            }
            Action::Transfer(transfer) => {
                // The record has it when it is known what became of it.
                self.acting.steps.push_front(Step::Connect(transfer.clone(), reason));
                if let Some(say) = &transfer.say {
                    self.acting.steps.push_front(Step::Line(say.clone()));
                }
                return;
            }
            Action::Webhook { .. } => Err(ActionError::Webhook("not available yet".into())),
            Action::Escalate { note } => {
                transport.show(ESCALATED, note);
                Ok(())
            }
            Action::SendDtmf { digits } => {
                if transport.send_dtmf(digits) {
                    Ok(())
                } else {
                    Err(ActionError::NoKeypad)
                }
            }
        };
        self.report_action(now, &action, &reason, done.as_ref().err());
    }

    fn order_line(&mut self, now: CallTime, text: &LineText) {
        let words = text.words(&self.caller_language).to_owned();
        if !words.is_empty() {
            let line = self.acting.next_line(words);
            self.input(now, TurnInput::SayLine(line));
        }
    }

    // ── another assistant ──────────────────────────────────────────────────────────────────

    fn assistant_named(&self, name: &str) -> Option<Arc<Assistant>> {
        self.acting.surroundings.library.as_ref()?.get(name).cloned()
    }

    fn hand_over_now(
        &mut self,
        now: CallTime,
        name: &str,
        with_history: bool,
    ) -> Result<(), ActionError> {
        let assistant = self.assistant_named(name);
        let assistant = assistant.ok_or_else(|| ActionError::NoAssistant(name.to_owned()))?;
        self.follow(assistant, with_history);
        // Whoever takes over says something, unless the caller is speaking already.
        let welcome = self.config.agent.welcome.clone();
        if !welcome.is_empty() {
            self.order_line(now, &LineText::same(welcome));
        }
        Ok(())
    }

    /// From here on `assistant` answers: its prompt, voices, languages and manners.
    pub(super) fn follow(&mut self, assistant: Arc<Assistant>, with_history: bool) {
        let config = Arc::clone(assistant.config(&self.caller_language));
        self.stop_reading_ahead();
        self.reporter.handed_over(assistant.version());
        self.assistant = Some(assistant);
        self.config = Arc::clone(&config);
        if with_history {
            self.history.instruct(&config.agent.system_prompt);
        } else {
            self.history = History::for_call(&config);
        }
        self.guard = guard_of(&config).map(Arc::new);
        let policy = config.agent.language_policy.as_str().into();
        self.languages = LanguageLock::new(config.agent.languages.clone(), policy);
        if !config.agent.languages.contains(&self.caller_language) {
            self.caller_language = config.agent.languages.first().cloned().unwrap_or_default();
        }
        let mut policy = TurnPolicy::from(&*config);
        policy.judge_pauses &= self.engines.turn_detector.is_some();
        if let Some(rendering) = self.rendering.take() {
            rendering.abort();
        }
        self.fillers = Fillers::default();
        self.rendering = policy.filler_after.map(|_| {
            fillers::spawn(config, &self.engines, self.agent_rate_hz, self.outcomes.clone())
        });
        self.machine.follow(policy);
    }

    // ── somebody else ──────────────────────────────────────────────────────────────────────

    fn connect(&mut self, now: CallTime, transfer: Transfer, reason: Reason) {
        let Some(switchboard) = self.acting.surroundings.switchboard.clone() else {
            self.transfer_failed(now, transfer, &reason, ActionError::NoSwitchboard);
            return;
        };
        let request = TransferRequest {
            call_id: self.conversation.clone(),
            caller: self.acting.caller.clone(),
            to: transfer.to.clone(),
            wait: transfer.wait,
            note: Handset {
                reason: reason.to_string(),
                language: self.caller_language.clone(),
                assistant: self.assistant.as_ref().map_or("", |a| a.name()).to_owned(),
                variables: self.acting.variables.clone().into_iter().collect(),
            },
        };
        let patience = transfer.wait + TRANSFER_GRACE;
        let outcomes = self.outcomes.clone();
        let task = tokio::spawn(async move {
            let result = tokio::time::timeout(patience, switchboard.transfer(request)).await;
            let result = result.unwrap_or(Err(SwitchboardError::TimedOut(patience)));
            // Fails only when the call is over.
            let _ = outcomes.send(Outcome::Transferred(result)).await;
        });
        let _task = AbortOnDrop(task.abort_handle());
        self.acting.transfer = Some(Transferring { transfer, reason, _task });
    }

    /// The caller is with somebody else, or stays with us.
    pub(super) fn transferred(&mut self, now: CallTime, result: Result<(), SwitchboardError>) {
        let Some(Transferring { transfer, reason, .. }) = self.acting.transfer.take() else {
            return;
        };
        match result {
            Ok(()) => {
                self.report_action(now, &Action::Transfer(transfer), &reason, None);
                self.acting.closing = true;
                self.input(now, TurnInput::HangUp(EndReason::Transferred));
            }
            Err(error) => self.transfer_failed(now, transfer, &reason, error.into()),
        }
    }

    fn transfer_failed(
        &mut self,
        now: CallTime,
        transfer: Transfer,
        reason: &Reason,
        error: ActionError,
    ) {
        let sorry = transfer.sorry.clone().unwrap_or_else(sorry);
        self.report_action(now, &Action::Transfer(transfer), reason, Some(&error));
        self.acting.steps.push_front(Step::Line(sorry));
    }

    fn report_action(
        &mut self,
        now: CallTime,
        action: &Action,
        reason: &Reason,
        failed: Option<&ActionError>,
    ) {
        self.reporter.action(ActionReport {
            at_ms: now.as_millis(),
            action: action.kind(),
            detail: action.detail(),
            reason: reason.to_string(),
            failed: failed.map(ToString::to_string),
        });
    }
}

/// What a caller is told whom nobody took.
fn sorry() -> LineText {
    let texts = [
        ("en", "I am sorry, nobody could take your call. Let us go on here."),
        ("ar", "عذرًا، لم يتمكن أحد من استلام مكالمتك. لنكمل معًا هنا."),
    ];
    LineText::by_language(texts.map(|(tag, text)| (tag.to_owned(), text.to_owned())))
}
