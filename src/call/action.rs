//! What becomes of an [`Action`] in a call: who wants it and why, what it reaches for, what the record
//! has of it.
//!
//! An action is a wish; the call's driver carries it out (`driver/acting.rs`), in the order in which
//! they came, and what the caller is being told is never cut off for one. Lacks anything that
//! decides.

mod switchboard;

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

pub use switchboard::{Handset, Switchboard, SwitchboardError, TransferRequest};

use super::driver::Outcome;
use super::recording::WantedRecording;
use crate::assistants::Library;
use crate::engines::Lender;
use crate::policy::egress::HttpClient;
pub use crate::rules::{Action, LineText, TRANSFER_WAIT, Transfer, TransferTo};

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

/// Hears a mood in words.
pub trait Mood: fmt::Debug + Send + Sync {
    /// Of one turn, from -1 (angry) to 1 (happy).
    fn of_turn(&self, words: &str, language: &str) -> f64;
}

/// What is around a call that actions reach for. Empty: such actions fail, and the call goes on.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The other assistants, as they were when the call began.
    pub library: Option<Arc<Library>>,
    /// Who takes callers over.
    pub switchboard: Option<Arc<dyn Switchboard>>,
    /// Sends webhooks; without it none is sent.
    pub webhooks: Option<HttpClient>,
    /// Who hears a caller's mood in their words.
    pub mood: Option<Arc<dyn Mood>>,
    /// The queue that the call came through; empty where nobody says.
    pub queue: String,
    /// Lends the engines anew when another assistant takes over: it may let less leave.
    pub lender: Option<Lender>,
    /// The recording that is wanted of the call; none where nobody wants one.
    pub recording: Option<WantedRecording>,
}
