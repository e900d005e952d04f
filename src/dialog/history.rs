//! The conversation as both sides heard it, which is what the model may build on.

use std::collections::VecDeque;

use crate::config::Config;
use crate::engines::llm::{ChatMessage, Role, ToolCall};

/// Turns of one call, and the window of them that the model sees.
#[derive(Debug)]
pub struct History {
    system: String,
    turns: VecDeque<ChatMessage>,
    limits: HistoryLimits,
}

/// How much of the conversation the model sees.
#[derive(Debug, Clone, Copy)]
pub struct HistoryLimits {
    /// Most messages, caller and agent together.
    pub messages_max: usize,
    /// Most characters of these.
    pub chars_max: usize,
}

/// A token is at least about this many letters, in halves of a letter: 4 in English, 1.5 to 2.5 in
/// Arabic, by the model.
const HALF_CHARS_PER_TOKEN: usize = 3;

impl HistoryLimits {
    /// What fits a context of `context_tokens` beside `system`'s instructions and a reply of
    /// `reply_tokens_max`, by a cautious guess: only the engine can count, and it forgets further
    /// where the guess was wrong.
    pub fn for_context(context_tokens: u32, reply_tokens_max: u32, system: &str) -> Self {
        let tokens = context_tokens.saturating_sub(reply_tokens_max) as usize;
        let chars = tokens * HALF_CHARS_PER_TOKEN / 2;
        // However small the context, the last exchange is more use than none.
        let chars_max = chars.saturating_sub(system.chars().count()).max(400);
        Self { messages_max: 40, chars_max }
    }
}

impl History {
    /// An empty conversation under the configured instructions.
    pub fn for_call(config: &Config) -> Self {
        let (system, llm) = (config.agent.system_prompt.clone(), &config.llm);
        let limits = HistoryLimits::for_context(llm.context_tokens, llm.reply_tokens_max, &system);
        Self::new(system, limits)
    }

    /// An empty conversation under `system`'s instructions.
    pub fn new(system: String, limits: HistoryLimits) -> Self {
        Self { system, turns: VecDeque::new(), limits }
    }

    /// Other instructions from now on, for a caller who changed the language.
    pub fn instruct(&mut self, system: &str) {
        system.clone_into(&mut self.system);
    }

    /// The caller said `text`.
    pub fn caller_said(&mut self, text: &str) {
        self.push(Role::User, text);
    }

    /// The caller's last words come again, longer: forget them, unless they were answered.
    pub fn retract_caller(&mut self, text: &str) {
        // What a tool brought for these words stays behind them.
        let tools = |turn: &&ChatMessage| matches!(turn.role, Role::ToolCall | Role::Tool);
        let at = self.turns.len() - self.turns.iter().rev().take_while(tools).count();
        let Some(at) = at.checked_sub(1) else { return };
        let Some(last) = self.turns.get_mut(at).filter(|last| last.role == Role::User) else {
            return;
        };
        if let Some(kept) = last.content.strip_suffix(text.trim()) {
            last.content.truncate(kept.trim_end().len());
        }
        if last.content.is_empty() {
            self.turns.remove(at);
        }
    }

    /// The caller heard the agent say `text`. Nothing heard is nothing said.
    pub fn agent_was_heard(&mut self, text: &str) {
        self.push(Role::Assistant, text);
    }

    /// The agent used a tool.
    pub fn tool_used(&mut self, call: &ToolCall, brought: &str) {
        let (call, brought) = (call.to_content(), brought.to_owned());
        self.turns.push_back(ChatMessage { role: Role::ToolCall, content: call });
        self.turns.push_back(ChatMessage { role: Role::Tool, content: brought });
        self.forget();
    }

    /// What the model is given.
    pub fn messages(&self) -> Vec<ChatMessage> {
        let system = ChatMessage { role: Role::System, content: self.system.clone() };
        std::iter::once(system).chain(self.turns.iter().cloned()).collect()
    }

    /// The turns without the instructions.
    pub fn turns(&self) -> impl Iterator<Item = &ChatMessage> {
        self.turns.iter()
    }

    fn push(&mut self, role: Role, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        // Chat templates expect the roles to alternate: the same side again is one message.
        match self.turns.back_mut() {
            Some(last) if last.role == role => {
                last.content.push(' ');
                last.content.push_str(text);
            }
            _ => self.turns.push_back(ChatMessage { role, content: text.to_owned() }),
        }
        self.forget();
    }

    /// Drops the oldest exchanges until the window fits. Half of it at once, so that the engine's
    /// computed prefix stays valid for many turns and not for one.
    fn forget(&mut self) {
        let chars = |turns: &VecDeque<ChatMessage>| -> usize {
            turns.iter().map(|t| t.content.chars().count()).sum()
        };
        let fits = self.turns.len() <= self.limits.messages_max
            && chars(&self.turns) <= self.limits.chars_max;
        if fits {
            return;
        }
        while self.turns.len() > 1
            && (self.turns.len() > self.limits.messages_max / 2
                || chars(&self.turns) > self.limits.chars_max / 2)
        {
            self.turns.pop_front();
        }
        // What a tool brought means nothing without its call.
        while self.turns.front().is_some_and(|turn| turn.role == Role::Tool) {
            self.turns.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> History {
        History::new("be kind".into(), HistoryLimits::for_context(4_096, 256, "be kind"))
    }

    #[test]
    fn how_much_is_remembered_follows_from_the_context() {
        let chars = |context: u32, reply: u32, system: &str| {
            HistoryLimits::for_context(context, reply, system).chars_max
        };
        assert_eq!(chars(4_096, 256, ""), 5_760);
        assert_eq!(chars(4_096, 256, &"x".repeat(760)), 5_000);
        assert_eq!(chars(512, 512, "be kind"), 400, "never nothing");
        assert_eq!(chars(0, u32::MAX, ""), 400);
    }

    fn shape(history: &History) -> Vec<(Role, String)> {
        history.messages().into_iter().map(|m| (m.role, m.content)).collect()
    }

    #[test]
    fn the_model_sees_what_was_heard_under_the_instructions() {
        let mut history = history();
        history.agent_was_heard("Hello.");
        history.caller_said("What time is it?");
        history.agent_was_heard("It is");
        assert_eq!(
            shape(&history),
            [
                (Role::System, "be kind".into()),
                (Role::Assistant, "Hello.".into()),
                (Role::User, "What time is it?".into()),
                (Role::Assistant, "It is".into()),
            ]
        );
    }

    #[test]
    fn an_answer_that_was_not_heard_leaves_the_callers_words_alone() {
        let mut history = history();
        history.caller_said("I want to");
        history.agent_was_heard("");
        history.caller_said("cancel");
        assert_eq!(shape(&history)[1..], [(Role::User, "I want to cancel".into())]);
    }

    #[test]
    fn words_that_come_again_are_retracted_once() {
        let mut history = history();
        history.agent_was_heard("Hello.");
        history.caller_said("I want to");
        history.retract_caller("I want to");
        history.retract_caller("I want to");
        history.caller_said("I want to cancel");
        assert_eq!(shape(&history).len(), 3);
    }

    #[test]
    fn a_long_conversation_keeps_its_end_and_its_instructions() {
        let mut history = history();
        for n in 0..500 {
            history.caller_said(&format!("question {n}"));
            history.agent_was_heard(&format!("answer {n}"));
        }
        let messages = history.messages();
        assert!(messages.len() <= 41, "{}", messages.len());
        assert_eq!(messages[0].content, "be kind");
        assert_eq!(messages.last().unwrap().content, "answer 499");
    }
}
