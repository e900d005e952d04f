//! What may be done in a call beside talking: the one list that rules and tools choose from.
//!
//! An [`Action`] is a wish in words; the call's driver carries it out (`driver/acting.rs`), in the
//! order in which they came, and what the caller is being told is never cut off for one. Who
//! wishes says why ([`Reason`]), and the call's record has both. Lacks anything that decides.

mod switchboard;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

pub use switchboard::{Handset, Switchboard, SwitchboardError, TransferRequest};

use super::driver::Outcome;
use crate::assistants::Library;

/// Longest time that a caller is kept waiting for somebody to take them over.
pub const TRANSFER_WAIT: Duration = Duration::from_secs(60);

/// Something to be done in a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Say this when what is being said is over.
    Say(LineText),
    /// Keep a value for the rest of the call.
    SetVariable {
        /// a word of letters, digits and _
        name: String,
        /// text, a number, or true and false
        value: serde_json::Value,
    },
    /// End the call when what is being said is over.
    EndCall {
        /// said in place of the goodbye
        say: Option<LineText>,
    },
    /// Another assistant answers from now on.
    HandOver {
        /// its name
        assistant: String,
        /// whether it knows what was said before
        with_history: bool,
    },
    /// Somebody else takes the caller over, and the agent leaves.
    Transfer(Transfer),
    /// Tell another program, where the egress policy lets us.
    Webhook {
        /// where
        url: String,
        /// sent as JSON, with the call's name
        payload: serde_json::Value,
    },
    /// Mark the call for people who watch it.
    Escalate {
        /// for them
        note: String,
    },
    /// Press keys of the telephone.
    SendDtmf {
        /// 0-9, *, #, A-D
        digits: String,
    },
}

/// Where a caller is taken, and what they are told.
#[derive(Debug, Clone, PartialEq)]
pub struct Transfer {
    /// where
    pub to: TransferTo,
    /// said before
    pub say: Option<LineText>,
    /// said when nobody takes the call; the call then goes on
    pub sorry: Option<LineText>,
    /// how long the caller waits for somebody
    pub wait: Duration,
}

impl Transfer {
    /// To `to`, without a word before.
    pub fn to(to: TransferTo) -> Self {
        Self { to, say: None, sorry: None, wait: TRANSFER_WAIT }
    }
}

/// Where a caller is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransferTo {
    /// A queue of people: the LiveKit agent of this name is asked into the caller's room.
    Queue(String),
    /// A telephone: `tel:+966…` or `sip:user@host`. The caller's own line is moved (REFER).
    Sip(String),
}

impl fmt::Display for TransferTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue(name) => write!(f, "queue {name}"),
            Self::Sip(address) => f.write_str(address),
        }
    }
}

impl Action {
    /// As rule files, records and logs name it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Say(_) => "say",
            Self::SetVariable { .. } => "set",
            Self::EndCall { .. } => "end_call",
            Self::HandOver { .. } => "hand_over",
            Self::Transfer(_) => "transfer",
            Self::Webhook { .. } => "webhook",
            Self::Escalate { .. } => "escalate",
            Self::SendDtmf { .. } => "send_dtmf",
        }
    }

    /// What the record says of it beside its kind: nothing that the caller said.
    pub(crate) fn detail(&self) -> String {
        match self {
            Self::Say(_) | Self::EndCall { .. } => String::new(),
            Self::SetVariable { name, .. } => name.clone(),
            Self::HandOver { assistant, with_history: true } => format!("{assistant} with history"),
            Self::HandOver { assistant, with_history: false } => assistant.clone(),
            Self::Transfer(transfer) => transfer.to.to_string(),
            // A query may hold a secret.
            Self::Webhook { url, .. } => url.split(['?', '#']).next().unwrap_or_default().into(),
            Self::Escalate { note } => note.clone(),
            Self::SendDtmf { digits } => format!("{} keys", digits.len()),
        }
    }

    /// Whether it takes the place of the model's answer to the caller's words.
    pub const fn answers(&self) -> bool {
        match self {
            Self::Say(_) | Self::EndCall { .. } | Self::Transfer(_) => true,
            Self::HandOver { .. }
            | Self::SetVariable { .. }
            | Self::Webhook { .. }
            | Self::Escalate { .. }
            | Self::SendDtmf { .. } => false,
        }
    }
}

/// Words to say, in each language that somebody wrote them in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineText(BTreeMap<String, String>);

impl LineText {
    /// By BCP 47 primary tag.
    pub fn by_language(texts: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(texts.into_iter().collect())
    }

    /// The same words whatever the language.
    pub fn same(text: impl Into<String>) -> Self {
        Self([(String::new(), text.into())].into())
    }

    /// In `language`, or else in any that there is.
    pub fn words(&self, language: &str) -> &str {
        let text = self.0.get(language).or_else(|| self.0.values().next());
        text.map_or("", String::as_str)
    }
}

/// Who wished for an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The rule of this name.
    Rule(String),
    /// The tool of this name, which the model called.
    Tool(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(name) => write!(f, "rule {name}"),
            Self::Tool(name) => write!(f, "tool {name}"),
        }
    }
}

/// Why an action is not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// Nobody of that name.
    #[error("there is no assistant {0:?}; `sawt assistants list` has them all")]
    NoAssistant(String),
    /// A call in a file, or at the machine's own microphone.
    #[error(
        "this call can not be transferred; only calls in a LiveKit room under `sawt serve` can"
    )]
    NoSwitchboard,
    /// One at a time.
    #[error("the caller is being transferred already; wait for that")]
    Transferring,
    /// Too many wait.
    #[error("{0} actions wait already; fewer at once")]
    TooMany(usize),
    /// Too many, or too long.
    #[error("the call keeps no more than {0} variables of 2000 characters; keep fewer")]
    TooManyVariables(usize),
    /// The transport has no keys to press.
    #[error("this call has no telephone keys; only LiveKit calls have")]
    NoKeypad,
    /// Where the egress policy lets nothing out, or nobody set one up.
    #[error("the webhook was not called: {0}")]
    Webhook(String),
    /// Nobody took the caller.
    #[error(transparent)]
    Transfer(#[from] SwitchboardError),
    /// There is nobody left to do it for.
    #[error("the call is over")]
    CallOver,
}

/// What became of an action, for the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActionReport {
    /// When, in milliseconds of the call.
    pub at_ms: u64,
    /// Its kind, such as `transfer`.
    pub action: &'static str,
    /// Where to, which name: nothing that the caller said.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// `rule NAME` or `tool NAME`.
    pub reason: String,
    /// Why it failed; nothing where it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// An action on its way to the call.
#[derive(Debug)]
pub(crate) struct Ordered {
    pub(crate) action: Action,
    pub(crate) reason: Reason,
    /// Told whether the call takes it on, where somebody wants to know.
    pub(crate) taken: Option<oneshot::Sender<Result<(), ActionError>>>,
}

/// Orders actions from a task of the call, such as a tool.
#[derive(Debug, Clone)]
#[allow(dead_code)] // tools are about to order through it
pub(crate) struct Orders(mpsc::Sender<Outcome>);

#[allow(dead_code)] // as above
impl Orders {
    pub(crate) const fn new(outcomes: mpsc::Sender<Outcome>) -> Self {
        Self(outcomes)
    }

    /// Asks for `action`; returns as soon as the call has taken it on, which is before it is done.
    ///
    /// # Errors
    /// The call can not do it.
    pub(crate) async fn order(&self, action: Action, reason: Reason) -> Result<(), ActionError> {
        let (taken, answer) = oneshot::channel();
        let ordered = Ordered { action, reason, taken: Some(taken) };
        let sent = self.0.send(Outcome::Ordered(Box::new(ordered))).await;
        sent.map_err(|_| ActionError::CallOver)?;
        answer.await.unwrap_or(Err(ActionError::CallOver))
    }
}

/// What is around a call that actions reach for. Empty: such actions fail, and the call goes on.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The other assistants, as they were when the call began.
    pub library: Option<Arc<Library>>,
    /// Who takes callers over.
    pub switchboard: Option<Arc<dyn Switchboard>>,
}
