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

/// Webhooks of a call that may be unanswered at a time; more are refused.
const TELLING_MAX: usize = 4;

/// The switchboard keeps its own time; this is for one that does not.
const TRANSFER_GRACE: Duration = Duration::from_secs(30);

/// What is to be done, and what is being done.
#[derive(Debug, Default)]
pub(super) struct Acting {
    pub(super) surroundings: Surroundings,
    pub(super) steps: VecDeque<Step>,
    saying: Option<Saying>,
    transfer: Option<Transferring>,
    lines: u32,
    /// Webhooks that are not answered yet.
    telling: Vec<AbortHandle>,
    /// The call is to end: nothing is begun any more.
    closing: bool,
    /// The caller's identity in their room.
    pub(super) caller: String,
    pub(super) variables: BTreeMap<String, Value>,
}

#[derive(Debug)]
pub(super) enum Step {
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
    Reply(ReplyId, String),
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
                self.says(reply, words.clone());
                words
            }
            _ => String::new(),
        }
    }

    /// This reply is over, or was stopped.
    pub(super) fn said(&mut self, reply: ReplyId) {
        self.saying.take_if(|saying| matches!(saying, Saying::Reply(id, _) if *id == reply));
    }

    /// This reply was taken back before anything of it was heard: its words are said later.
    pub(super) fn unsaid(&mut self, reply: ReplyId) {
        let of = |saying: &mut Saying| matches!(saying, Saying::Reply(id, _) if *id == reply);
        if let Some(Saying::Reply(_, words)) = self.saying.take_if(of) {
            self.steps.push_front(Step::Line(LineText::same(words)));
        }
    }

    /// The words of this reply are one of the steps.
    pub(super) fn says(&mut self, reply: ReplyId, words: String) {
        self.saying = Some(Saying::Reply(reply, words));
    }

    /// Nothing is being said or waited for.
    pub(super) const fn is_free(&self) -> bool {
        self.saying.is_none() && self.transfer.is_none()
    }

    /// Somebody is asked to take the caller, or is about to be.
    pub(super) fn is_transferring(&self) -> bool {
        let waits =
            |step: &Step| matches!(step, Step::Connect(..) | Step::Do(Action::Transfer(_), _));
        self.transfer.is_some() || self.steps.iter().any(waits)
    }

    fn next_line(&mut self, words: String) -> OrderedLine {
        self.lines += 1;
        let line = OrderedLine(self.lines);
        self.saying = Some(Saying::Ordered(line, words));
        line
    }
}

impl Call {
    /// Takes an action on, or says why not; whether it did.
    pub(super) fn order(&mut self, now: CallTime, ordered: Ordered) -> bool {
        let Ordered { action, reason, taken } = ordered;
        let refused = self.refusal(&action);
        if let Some(error) = &refused {
            self.report_action(now, &action, &reason, Some(error));
        } else {
            self.acting.steps.push_back(Step::Do(action, reason));
        }
        let is_taken = refused.is_none();
        if let Some(taken) = taken {
            // Whoever asked may be gone.
            let _ = taken.send(refused.map_or(Ok(()), Err));
        }
        is_taken
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
            Action::Transfer(_) if self.acting.is_transferring() => Some(ActionError::Transferring),
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
        while self.acting.is_free() {
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
                Step::Connect(transfer, reason) => self.connect(transport, now, transfer, reason),
                Step::Do(action, reason) => self.do_now(transport, now, action, reason),
            }
        }
    }

    pub(super) fn do_now(
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
                self.remember_variable(name, value);
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
                let say = transfer.say.clone().unwrap_or_else(one_moment);
                self.acting.steps.push_front(Step::Line(say));
                return;
            }
            Action::Webhook { url, payload } => {
                self.tell(url.clone(), payload.clone(), &action, &reason);
                return; // the record has it when it is known what became of it
            }
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

    pub(super) fn assistant_named(&self, name: &str) -> Option<Arc<Assistant>> {
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
        let welcome = self.config.agent.opening();
        if !welcome.is_empty() {
            self.order_line(now, &LineText::same(welcome));
        }
        Ok(())
    }

    /// The model sees it from now on, and the call's record.
    fn remember_variable(&mut self, name: &str, value: &Value) {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if let Err(error) = self.history.set_variable(name, &text) {
            tracing::warn!(%error, "A variable is known to rules alone.");
        }
    }

    /// From here on `assistant` answers: its prompt, voices, languages and manners.
    pub(super) fn follow(&mut self, assistant: Arc<Assistant>, with_history: bool) {
        let config = Arc::clone(assistant.config(&self.caller_language));
        self.stop_reading_ahead();
        self.reporter.handed_over(assistant.version());
        self.routing.follow(&assistant);
        let grant = assistant.remote();
        self.grant = if with_history { grant.over_history_of(self.grant) } else { grant };
        if let Some(lender) = &self.acting.surroundings.lender {
            self.engines = lender.for_call(&self.conversation, self.grant);
        }
        self.config = Arc::clone(&config);
        if with_history {
            self.history.instruct(&config.agent.system_prompt);
        } else {
            self.history =
                crate::dialog::History::for_call(&config, &assistant.declarations(&config));
            let known = self.acting.variables.clone();
            known.iter().for_each(|(name, value)| self.remember_variable(name, value));
        }
        self.assistant = Some(assistant);
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

    // ── other programs ─────────────────────────────────────────────────────────────────────

    /// Sends a webhook from a task of its own: the call never waits for another program.
    fn tell(&mut self, url: String, payload: Value, action: &Action, reason: &Reason) {
        self.acting.telling.retain(|task| !task.is_finished());
        let client = match self.acting.surroundings.webhooks.clone() {
            None => Err("no webhooks here; they belong to `sawt serve`".to_owned()),
            Some(_) if self.acting.telling.len() >= TELLING_MAX => {
                Err(format!("{TELLING_MAX} others are not answered yet"))
            }
            Some(client) => Ok(client),
        };
        let body = serde_json::json!({
            "call_id": self.conversation,
            "reason": reason.to_string(),
            "language": self.caller_language,
            "assistant": self.assistant.as_ref().map(|a| a.name()),
            "variables": self.acting.variables,
            "payload": payload,
        });
        let (action, reason, outcomes) = (action.clone(), reason.clone(), self.outcomes.clone());
        // Outlives the call by the client's timeout at most: whoever hangs up takes no news back.
        let task = tokio::spawn(async move {
            let error = match client {
                Ok(client) => client.tell(&url, body.to_string()).await.map_err(|e| e.to_string()),
                Err(refused) => Err(refused),
            };
            // Fails only when the call is over.
            let _ = outcomes.send(Outcome::Told(Box::new((action, reason, error.err())))).await;
        });
        self.acting.telling.push(task.abort_handle());
    }

    pub(super) fn told(&mut self, now: CallTime, told: (Action, Reason, Option<String>)) {
        let (action, reason, error) = told;
        let error = error.map(ActionError::Webhook);
        self.report_action(now, &action, &reason, error.as_ref());
    }

    // ── somebody else ──────────────────────────────────────────────────────────────────────

    pub(super) fn connect(
        &mut self,
        transport: &mut dyn CallTransport,
        now: CallTime,
        transfer: Transfer,
        reason: Reason,
    ) {
        transport.show(TRANSFERRING, &transfer.to.to_string());
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

    pub(super) fn report_action(
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

/// What a caller is told who is about to be taken elsewhere.
fn one_moment() -> LineText {
    let texts =
        [("en", "One moment please, I am connecting you."), ("ar", "لحظة من فضلك، سأوصلك الآن.")];
    LineText::by_language(texts.map(|(tag, text)| (tag.to_owned(), text.to_owned())))
}

/// What a caller is told whom nobody took.
fn sorry() -> LineText {
    let texts = [
        ("en", "I am sorry, nobody could take your call. Let us go on here."),
        ("ar", "عذرًا، لم يتمكن أحد من استلام مكالمتك. لنكمل معًا هنا."),
    ];
    LineText::by_language(texts.map(|(tag, text)| (tag.to_owned(), text.to_owned())))
}
