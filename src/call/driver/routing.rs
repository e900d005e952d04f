//! Asks the assistant's rules after each turn of the caller and each silence, and turns what they
//! want into what the caller is answered.

use std::sync::Arc;

use chrono::{Datelike as _, Timelike as _};

use super::acting::Step;
use super::{Call, Content, PreparedReply};
use crate::assistants::Assistant;
use crate::call::action::{Action, Ordered, Reason};
use crate::rules::{CallFacts, Judge, Moment, Why};
use crate::telemetry::metrics;
use crate::transport::CallTransport;
use crate::turn::{CallTime, ReplyId, ReplyOutcome, TurnInput};

/// The rules of whoever answers, and what they know.
#[derive(Debug, Default)]
pub(super) struct Routing {
    judge: Judge,
    pub(super) facts: CallFacts,
}

/// What the caller's words are answered with.
enum Routed {
    /// As if there were no rules.
    AsUsual,
    /// The model's answer, though not the one that was prepared: somebody else answers now.
    Anew,
    /// These words.
    Line(String),
    /// Nothing of their own: the call ends, or somebody else is being called.
    Nothing,
}

impl Routing {
    pub(super) fn new(assistant: Option<&Arc<Assistant>>, queue: String) -> Self {
        let mut routing = Self::default();
        routing.facts.queue = queue;
        if let Some(assistant) = assistant {
            routing.follow(assistant);
        }
        routing
    }

    /// Another assistant's rules from now on; what is known of the call stays.
    pub(super) fn follow(&mut self, assistant: &Assistant) {
        self.judge = Judge::new(Arc::clone(assistant.rules()));
    }
}

impl Call {
    /// Answers the caller's words: as the rules say, else with the model.
    pub(super) fn answer(
        &mut self,
        transport: &mut dyn CallTransport,
        now: CallTime,
        reply: ReplyId,
        to: String,
        prepared: Option<PreparedReply>,
    ) {
        let routed = self.route_turn(transport, now, reply, &to);
        let prepared = match routed {
            Routed::AsUsual => prepared,
            Routed::Anew | Routed::Line(_) | Routed::Nothing => {
                if let Some(prepared) = prepared {
                    prepared.discard(self.reporter.speculation());
                }
                None
            }
        };
        match (routed, prepared) {
            (Routed::AsUsual, Some(prepared)) => self.commit(now, prepared),
            (Routed::AsUsual | Routed::Anew, _) => {
                let content = self.answer_content(&to);
                self.speak(reply, to, content);
            }
            (Routed::Line(words), _) => {
                self.stop_reading_ahead();
                self.speak(reply, to, Content::Line(words));
            }
            (Routed::Nothing, _) => {
                self.stop_reading_ahead();
                self.reporter.finish(reply, "", false);
                let outcome = ReplyOutcome::Finished;
                self.input(now, TurnInput::ReplyEnded { reply, outcome });
            }
        }
    }

    fn route_turn(
        &mut self,
        transport: &mut dyn CallTransport,
        now: CallTime,
        reply: ReplyId,
        to: &str,
    ) -> Routed {
        let language = self.caller_language.clone();
        self.routing.facts.caller_said(to, &language);
        if let Some(mood) = &self.acting.surroundings.mood {
            self.routing.facts.feel(mood.of_turn(to, &language));
        } else if let Some(mood) = self.feelings.last {
            self.routing.facts.feel_smoothed(mood.value.into(), mood.smoothed.into());
        }
        match self.judge_moment(now) {
            None => Routed::AsUsual,
            Some(answer) => self.begin_steps(transport, now, reply, answer),
        }
    }

    /// The caller was asked whether they are there.
    pub(super) fn route_silence(&mut self, now: CallTime) {
        self.routing.facts.silence();
        // What they want is done when the question has been asked.
        let _ = self.judge_moment(now);
    }

    /// Asks the rules and orders what they want. Nothing: none fired; else whether the model still
    /// answers.
    fn judge_moment(&mut self, now: CallTime) -> Option<bool> {
        self.gather_facts(now);
        let (fired, looks) = self.routing.judge.look(&self.routing.facts);
        for look in &looks {
            if let Why::Undecided(error) = &look.why {
                tracing::warn!(rule = %look.rule, %error, "A rule can not be decided; it was skipped.");
            }
        }
        self.reporter.moment(Moment {
            at_ms: now.as_millis(),
            assistant: self.assistant.as_ref().map_or("", |a| a.name()).to_owned(),
            facts: self.routing.facts.clone(),
            fired: fired.iter().map(|rule| rule.name.clone()).collect(),
        });
        let mut answer = true;
        let any = !fired.is_empty();
        for rule in fired {
            tracing::info!(rule = %rule.name, turn = self.routing.facts.turn, "Rule fired.");
            metrics::rule_fired();
            // What can not be done leaves the caller no answer: then the model gives one.
            let (mut wanted, mut taken) = (false, false);
            for action in rule.actions {
                let reason = Reason::Rule(rule.name.clone());
                let answers = action.answers();
                let done = self.order(now, Ordered { action, reason, taken: None });
                wanted |= answers;
                taken |= answers && done;
            }
            answer &= rule.answer || (wanted && !taken);
        }
        any.then_some(answer)
    }

    fn gather_facts(&mut self, now: CallTime) {
        let facts = &mut self.routing.facts;
        facts.duration_s = i64::try_from(now.as_millis() / 1_000).unwrap_or(i64::MAX);
        facts.last_latency_ms = self.reporter.last_latency_ms();
        facts.transferring = self.acting.is_transferring();
        facts.variables.clone_from(&self.acting.variables);
        let local = local_time();
        (facts.hour, facts.weekday) = local;
    }

    /// Does what comes before the first words: those are the answer, unless the model gives one.
    fn begin_steps(
        &mut self,
        transport: &mut dyn CallTransport,
        now: CallTime,
        reply: ReplyId,
        answer: bool,
    ) -> Routed {
        let mut routed = if answer { Routed::AsUsual } else { Routed::Nothing };
        while self.acting.is_free() {
            let after_the_answer = match self.acting.steps.front() {
                None => true,
                Some(Step::Line(_) | Step::Connect(..)) => answer,
                Some(Step::Do(action, _)) => answer && action.answers(),
            };
            let step = (!after_the_answer).then(|| self.acting.steps.pop_front()).flatten();
            match step {
                None => return routed,
                Some(Step::Line(text)) => {
                    let words = text.words(&self.caller_language).to_owned();
                    return self.say_as(reply, words);
                }
                Some(Step::Do(Action::Say(text), reason)) => {
                    self.report_action(now, &Action::Say(text.clone()), &reason, None);
                    let words = text.words(&self.caller_language).to_owned();
                    return self.say_as(reply, words);
                }
                Some(Step::Do(action @ Action::HandOver { .. }, reason)) => {
                    let Action::HandOver { assistant, with_history } = &action else { continue };
                    let next = self.assistant_named(assistant);
                    let found = next.is_some();
                    let error = crate::call::action::ActionError::NoAssistant(assistant.clone());
                    self.report_action(now, &action, &reason, (!found).then_some(&error));
                    if let Some(next) = next {
                        self.follow(next, *with_history);
                        if !with_history {
                            let welcome = self.config.agent.opening();
                            return self.say_as(reply, welcome);
                        }
                        routed = Routed::Anew;
                    }
                }
                Some(Step::Do(action @ Action::EndCall { .. }, reason)) => {
                    self.do_now(transport, now, action, reason);
                    return Routed::Nothing;
                }
                Some(Step::Do(action, reason)) => self.do_now(transport, now, action, reason),
                Some(Step::Connect(transfer, reason)) => {
                    self.connect(transport, now, transfer, reason);
                    return Routed::Nothing;
                }
            }
        }
        // Something else is being said or waited for: the caller is not left without an answer.
        match routed {
            Routed::Nothing => Routed::AsUsual,
            routed => routed,
        }
    }

    fn say_as(&mut self, reply: ReplyId, words: String) -> Routed {
        if words.is_empty() {
            return Routed::Nothing;
        }
        self.acting.says(reply, words.clone());
        Routed::Line(words)
    }
}

/// The hour, and the day of the week from 1, Monday.
fn local_time() -> (i64, i64) {
    let now = chrono::Local::now();
    (i64::from(now.hour()), i64::from(now.weekday().number_from_monday()))
}
