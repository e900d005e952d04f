//! The call's side of tools: what replies are given to work with, and what becomes of it.

use std::sync::{Arc, Mutex, PoisonError};

use super::Call;
use crate::call::hands::{Hands, Used};
use crate::engines::llm::ToolDeclaration;
use crate::tools::Ledger;
use crate::turn::ReplyId;

/// What a call knows of its tools.
#[derive(Debug, Default)]
pub(super) struct Tooling {
    ledger: Arc<Mutex<Ledger>>,
    /// Nothing of the last answer was heard.
    unheard: bool,
}

impl Tooling {
    /// The caller's turn is over.
    pub(super) fn turn_begins(&mut self, words: &str) {
        let goes_on = std::mem::replace(&mut self.unheard, true);
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.turn_begins(words, goes_on);
    }

    /// No more comes of `reply`.
    pub(super) fn heard(&mut self, reply: ReplyId, heard: &str) {
        self.unheard &= heard.trim().is_empty();
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.heard(u64::from(reply.0), heard);
    }
}

impl Call {
    /// What a reply works with; nothing, where the assistant has no tools.
    pub(super) fn hands(&self) -> Option<Hands> {
        let toolbox = self.assistant.as_ref()?.toolbox();
        let wanted = !toolbox.is_empty() || toolbox.documents().is_some();
        wanted.then(|| Hands {
            toolbox: Arc::clone(toolbox),
            ledger: Arc::clone(&self.tooling.ledger),
            call_id: self.conversation.clone(),
            outcomes: self.outcomes.clone(),
        })
    }

    /// What the model is told of tools, which stands before the conversation.
    pub(super) fn declarations(&self) -> Arc<[ToolDeclaration]> {
        self.hands().map(|hands| hands.declarations(&self.config)).unwrap_or_default()
    }

    /// Connects to the servers of tools while the caller is greeted.
    pub(super) fn connect_tools(&self) {
        if let Some(hands) = self.hands() {
            tokio::spawn(async move { hands.toolbox.connect().await });
        }
    }

    pub(super) fn tool_used(&mut self, used: &Used) {
        let Used { call, brought } = used;
        self.history.tool_used(call, &brought.message(&call.name));
        self.reporter.tool_used(&call.name, brought.failed);
    }
}
