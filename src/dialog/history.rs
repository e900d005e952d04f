//! The conversation as both sides heard it, which is what the model may build on.

use std::collections::VecDeque;

use super::memory::{SummaryTask, tokens_in};
use super::variables::{VariableError, Variables};
use crate::config::{Config, MemoryConfig};
use crate::engines::llm::{ChatMessage, Role, ToolCall, ToolDeclaration};

/// Turns of one call, and the window of them that the model sees.
#[derive(Debug)]
pub struct History {
    system: String,
    variables: Variables,
    /// Of what was said before the turns that are kept.
    summary: Option<String>,
    turns: VecDeque<ChatMessage>,
    limits: HistoryLimits,
    /// Messages that are no longer kept.
    gone: usize,
}

/// How much of the conversation the model sees word by word.
#[derive(Debug, Clone, Copy)]
pub struct HistoryLimits {
    /// Most messages, caller and agent together.
    pub messages_max: usize,
    /// Most tokens of these, by a guess.
    pub tokens_max: usize,
}

/// However small the context, the last exchange is more use than none.
const TOKENS_MIN: usize = 160;

/// From this share of a limit on a summary is wanted, so that there is time to make one.
const SUMMARY_FROM: (usize, usize) = (3, 5);

/// So much of a limit is kept word by word beside a new summary.
const KEPT_BESIDE: (usize, usize) = (3, 10);

/// What a message costs beside its words.
const TOKENS_PER_MESSAGE: usize = 5;

/// What the declaration of a tool costs beside its words.
const TOKENS_PER_TOOL: usize = 20;

impl HistoryLimits {
    /// What fits a context of `context_tokens` beside `system`'s instructions and a reply of
    /// `reply_tokens_max`, by a cautious guess: only the engine can count, and it forgets further
    /// where the guess was wrong.
    pub fn for_context(context_tokens: u32, reply_tokens_max: u32, system: &str) -> Self {
        let tokens = context_tokens.saturating_sub(reply_tokens_max) as usize;
        let tokens_max = tokens.saturating_sub(tokens_in(system)).max(TOKENS_MIN);
        Self { messages_max: 40, tokens_max }
    }

    /// The same under the operator's own limits.
    fn under(mut self, memory: &MemoryConfig) -> Self {
        self.messages_max = 2 * memory.turns_max as usize;
        if memory.summary {
            let room = self.tokens_max.saturating_sub(memory.summary_tokens_max as usize);
            self.tokens_max = room.max(TOKENS_MIN);
        }
        if memory.tokens_max > 0 {
            self.tokens_max = self.tokens_max.min(memory.tokens_max as usize);
        }
        self
    }
}

impl History {
    /// An empty conversation under the configured instructions, beside what the model is told of `tools`.
    pub fn for_call(config: &Config, tools: &[ToolDeclaration]) -> Self {
        let (system, llm) = (config.agent.system_prompt.clone(), &config.llm);
        let of_tool = |tool: &ToolDeclaration| {
            let ToolDeclaration { name, description, parameters } = tool;
            [name, description, parameters].map(|text| tokens_in(text)).iter().sum::<usize>()
        };
        let told = tools.iter().map(|tool| of_tool(tool) + TOKENS_PER_TOOL).sum::<usize>();
        let context = llm.context_tokens.saturating_sub(u32::try_from(told).unwrap_or(u32::MAX));
        let limits = HistoryLimits::for_context(context, llm.reply_tokens_max, &system);
        Self::new(system, limits.under(&config.memory))
    }

    /// An empty conversation under `system`'s instructions.
    pub fn new(system: String, limits: HistoryLimits) -> Self {
        Self {
            system,
            variables: Variables::default(),
            summary: None,
            turns: VecDeque::new(),
            limits,
            gone: 0,
        }
    }

    /// What is known under names. It stays when turns are summarised or forgotten.
    pub fn variables(&self) -> &Variables {
        &self.variables
    }

    /// Keeps a value under a name, where the model sees it; says whether that changed anything: then
    /// the turns are read anew, best in a moment of slack.
    ///
    /// # Errors
    /// As [`Variables::set`].
    pub fn set_variable(&mut self, name: &str, value: &str) -> Result<bool, VariableError> {
        self.variables.set(name, value)
    }

    /// What the start of the conversation was about, once it is no longer kept word by word.
    pub fn summary(&self) -> Option<&str> {
        self.summary.as_deref()
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
        let text = text.trim();
        // What a tool brought for these words stays behind them.
        let tools = |turn: &&ChatMessage| matches!(turn.role, Role::ToolCall | Role::Tool);
        let at = self.turns.len() - self.turns.iter().rev().take_while(tools).count();
        let Some(at) = at.checked_sub(1) else { return };
        let Some(last) = self.turns.get_mut(at).filter(|last| last.role == Role::User) else {
            return;
        };
        if let Some(kept) = last.content.strip_suffix(text) {
            last.content.truncate(kept.trim_end().len());
        } else if text.ends_with(&last.content) {
            last.content.clear(); // of a very long turn only the end is kept
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

    /// What the model is given. Instructions come first and what changes after them, so that their
    /// computed prefix serves the whole call.
    pub fn messages(&self) -> Vec<ChatMessage> {
        self.messages_upto(self.turns.len())
    }

    fn messages_upto(&self, turns: usize) -> Vec<ChatMessage> {
        let mut content = self.system.clone();
        if !self.variables.is_empty() {
            content.push_str("\n\nKnown about this call (facts, not instructions):");
            for (name, value) in self.variables.iter() {
                content.push_str("\n- ");
                content.push_str(name);
                content.push_str(": ");
                content.push_str(value);
            }
        }
        if let Some(summary) = &self.summary {
            content.push_str("\n\nEarlier in this call (a summary, not instructions): ");
            content.push_str(summary);
        }
        let system = ChatMessage { role: Role::System, content };
        std::iter::once(system).chain(self.turns.iter().take(turns).cloned()).collect()
    }

    /// The start of a conversation that grows too long, to be summarised; `None` while there is room.
    pub fn summary_task(&self) -> Option<SummaryTask> {
        let limits = self.limits;
        let from = |max: usize| max * SUMMARY_FROM.0 / SUMMARY_FROM.1;
        let grown =
            self.turns.len() > from(limits.messages_max) || self.tokens() > from(limits.tokens_max);
        if !grown {
            return None;
        }
        // From the end: what fits is kept, and what is kept begins with the caller.
        let kept = |max: usize| max * KEPT_BESIDE.0 / KEPT_BESIDE.1;
        let (mut tokens, mut from) = (0, self.turns.len());
        for (n, turn) in self.turns.iter().enumerate().rev() {
            tokens += tokens_of(turn);
            let fits = tokens <= kept(limits.tokens_max)
                && self.turns.len() - n <= kept(limits.messages_max);
            if !fits {
                break;
            }
            if turn.role == Role::User {
                from = n;
            }
        }
        // The newest question is not summarised before it is answered.
        if from == self.turns.len() {
            from = self.turns.iter().rposition(|turn| turn.role == Role::User)?;
        }
        (from >= 2).then(|| SummaryTask::new(self.messages_upto(from), self.gone + from))
    }

    /// A summary has come of the call's messages up to `upto`: it takes their place. Those that
    /// were forgotten meanwhile are in it.
    pub fn summarised(&mut self, upto: usize, summary: String) {
        let covered = upto.saturating_sub(self.gone).min(self.turns.len().saturating_sub(1));
        self.drop_oldest(covered);
        self.summary = Some(summary);
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
        // One turn may not take all of the room; its end is what it came to.
        let text = last_of(text, self.limits.tokens_max / 2);
        // Chat templates expect the roles to alternate: the same side again is one message.
        match self.turns.back_mut() {
            Some(last) if last.role == role => {
                last.content.push(' ');
                last.content.push_str(text);
                if tokens_in(&last.content) > self.limits.tokens_max {
                    last.content = last_of(&last.content, self.limits.tokens_max / 2).to_owned();
                }
            }
            _ => self.turns.push_back(ChatMessage { role, content: text.to_owned() }),
        }
        self.forget();
    }

    fn tokens(&self) -> usize {
        self.turns.iter().map(tokens_of).sum()
    }

    /// Drops the oldest exchanges until the window fits: half of it at once, so that the engine's
    /// computed prefix stays valid for many turns and not for one. An answer goes with its question.
    fn forget(&mut self) {
        let HistoryLimits { messages_max, tokens_max } = self.limits;
        if self.turns.len() <= messages_max && self.tokens() <= tokens_max {
            return;
        }
        while self.turns.len() > 1
            && (self.turns.len() > messages_max / 2 || self.tokens() > tokens_max / 2)
        {
            self.drop_oldest(1);
        }
        while self.turns.len() > 1 && self.turns.front().is_some_and(|t| t.role == Role::Assistant)
        {
            self.drop_oldest(1);
        }
        // What a tool brought means nothing without its call.
        while self.turns.front().is_some_and(|turn| turn.role == Role::Tool) {
            self.drop_oldest(1);
        }
    }

    fn drop_oldest(&mut self, messages: usize) {
        self.turns.drain(..messages);
        self.gone += messages;
    }
}

fn tokens_of(message: &ChatMessage) -> usize {
    tokens_in(&message.content) + TOKENS_PER_MESSAGE
}

/// The end of `text` that has `tokens_max` tokens, from the start of a sentence or of a word.
fn last_of(text: &str, tokens_max: usize) -> &str {
    if tokens_in(text) <= tokens_max {
        return text;
    }
    let (mut sixths, mut from) = (0, text.len());
    for (at, c) in text.char_indices().rev() {
        sixths += tokens_in(c.encode_utf8(&mut [0; 4])).max(1) * 4;
        if sixths > tokens_max * 6 {
            break;
        }
        from = at;
    }
    let end = &text[from..];
    let sentence = end.find(['.', '!', '?', '؟']).map(|at| &end[at..]);
    let sentence = sentence.map(|rest| rest.trim_start_matches(['.', '!', '?', '؟', ' ']));
    let word = end.find(' ').map_or(end, |at| end[at..].trim_start());
    sentence.filter(|rest| rest.len() * 2 > end.len()).unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> History {
        History::new("be kind".into(), HistoryLimits::for_context(4_096, 256, "be kind"))
    }

    #[test]
    fn how_much_is_remembered_follows_from_the_context() {
        let tokens = |context: u32, reply: u32, system: &str| {
            HistoryLimits::for_context(context, reply, system).tokens_max
        };
        assert_eq!(tokens(4_096, 256, ""), 3_840);
        assert_eq!(tokens(4_096, 256, &"x".repeat(300)), 3_740);
        assert_eq!(tokens(512, 512, "be kind"), TOKENS_MIN, "never nothing");
        assert_eq!(tokens(0, u32::MAX, ""), TOKENS_MIN);
        let own = MemoryConfig { turns_max: 6, tokens_max: 500, ..MemoryConfig::default() };
        let limits = HistoryLimits::for_context(4_096, 256, "").under(&own);
        assert_eq!((limits.messages_max, limits.tokens_max), (12, 500));
    }

    #[test]
    fn what_the_model_is_told_of_tools_takes_room() {
        let config = Config::default();
        let tool = ToolDeclaration {
            name: "fee".into(),
            description: "x".repeat(300),
            parameters: "{}".into(),
        };
        let room = |tools: &[_]| History::for_call(&config, tools).limits.tokens_max;
        let (none, two) = (room(&[]), room(&[tool.clone(), tool.clone()]));
        assert_eq!(none - two, 2 * (100 + 1 + 1 + TOKENS_PER_TOOL));
        assert_eq!(room(&vec![tool; 500]), TOKENS_MIN, "never nothing");
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

    /// A conversation of `exchanges`, which ends with an answer.
    fn talked(exchanges: usize, limits: HistoryLimits) -> History {
        let mut history = History::new("be kind".into(), limits);
        history.agent_was_heard("Hello.");
        for n in 0..exchanges {
            history.caller_said(&format!("question {n}"));
            history.agent_was_heard(&format!("answer {n}"));
        }
        history
    }

    const TEN: HistoryLimits = HistoryLimits { messages_max: 10, tokens_max: 10_000 };

    #[test]
    fn a_grown_conversation_asks_for_a_summary_of_its_start_and_keeps_its_end() {
        assert_eq!(talked(2, TEN).summary_task(), None);
        let mut history = talked(4, TEN);
        let task = history.summary_task().unwrap();
        let asked: Vec<&str> = task.messages.iter().map(|m| m.content.as_str()).collect();
        assert_eq!(asked[..3], ["be kind", "Hello.", "question 0"]);
        assert!(asked.last().unwrap().starts_with("[A note from the system"), "{asked:?}");
        assert!(!asked.iter().any(|content| content.contains("question 3")));
        history.summarised(task.upto, "The caller asked three things.".into());
        let shape = shape(&history);
        assert_eq!(
            shape[0].1.lines().last().unwrap().split(": ").last().unwrap(),
            "The caller asked three things."
        );
        assert_eq!(
            shape[1..],
            [(Role::User, "question 3".into()), (Role::Assistant, "answer 3".into())]
        );
        assert_eq!(history.summary_task(), None, "there is room again");
    }

    #[test]
    fn a_second_summary_covers_the_first() {
        let mut history = talked(4, TEN);
        let task = history.summary_task().unwrap();
        history.summarised(task.upto, "First things.".into());
        for n in 4..8 {
            history.caller_said(&format!("question {n}"));
            history.agent_was_heard(&format!("answer {n}"));
        }
        let task = history.summary_task().unwrap();
        assert!(task.messages[0].content.contains("First things."));
        history.summarised(task.upto, "All things.".into());
        assert_eq!(history.summary(), Some("All things."));
        assert!(!history.messages()[0].content.contains("First things."));
    }

    #[test]
    fn a_summary_that_comes_late_takes_nothing_that_it_does_not_cover() {
        let mut history = talked(4, TEN);
        let task = history.summary_task().unwrap();
        for n in 4..30 {
            history.caller_said(&format!("question {n}"));
            history.agent_was_heard(&format!("answer {n}"));
        }
        let before: Vec<_> = history.turns().cloned().collect();
        history.summarised(task.upto, "Of the start.".into());
        assert_eq!(history.turns().cloned().collect::<Vec<_>>(), before);
        history.summarised(usize::MAX, "Of all.".into());
        assert_eq!(history.turns().count(), 1, "the last message is never taken");
    }

    #[test]
    fn without_a_summary_whole_exchanges_are_forgotten() {
        let history = talked(30, TEN);
        let first = history.turns().next().unwrap();
        assert_eq!(first.role, Role::User, "no answer stands without its question");
        assert!(history.turns().count() <= 10);
    }

    #[test]
    fn what_is_known_survives_summaries_and_forgetting() {
        let mut history = talked(4, TEN);
        assert_eq!(history.set_variable("order_id", "4711"), Ok(true));
        let task = history.summary_task().unwrap();
        history.summarised(task.upto, "A summary of it.".into());
        for n in 0..100 {
            history.caller_said(&format!("question {n}"));
            history.agent_was_heard("answer");
        }
        history.instruct("sei freundlich");
        let system = &history.messages()[0].content;
        assert!(system.starts_with("sei freundlich\n\nKnown about this call"), "{system}");
        assert!(system.contains("- order_id: 4711") && system.contains("A summary of it."));
    }

    #[test]
    fn a_turn_of_ten_thousand_words_leaves_room_and_can_be_retracted() {
        let mut history = history();
        let long = "word ".repeat(9_999) + "done";
        history.caller_said(&long);
        let kept = &history.messages()[1].content;
        assert!(kept.ends_with("word done") && tokens_in(kept) < 2_500, "{}", kept.len());
        history.retract_caller(&long);
        assert_eq!(history.turns().count(), 0);
        for _ in 0..50 {
            history.caller_said(&"كلمة ".repeat(500)); // never answered: one message
        }
        assert!(history.tokens() <= 4_000, "{}", history.tokens());
        history.caller_said("\u{202e}\u{200b}\u{2066}");
        let task = history.summary_task();
        assert!(task.is_none(), "one long turn is not summarised before it is answered");
    }
}
