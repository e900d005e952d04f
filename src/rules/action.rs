//! What may be done in a call beside talking, as data: the one list that rules and tools choose from.
//! Nothing here does any of it; the call's driver does.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

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
    pub fn detail(&self) -> String {
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

/// What is wrong with the address of a telephone.
pub fn address_problem(address: &str) -> Option<String> {
    let right = match address.split_once(':') {
        // Digits with what people write between them.
        Some(("tel", number)) => {
            let written =
                |b: u8| b.is_ascii_digit() || b"+-.()*#;=".contains(&b) || b.is_ascii_lowercase();
            let number = number.strip_prefix('+').unwrap_or(number);
            number.starts_with(|c: char| c.is_ascii_digit() || "(*#".contains(c))
                && number.bytes().all(written)
        }
        Some(("sip", place)) => !place.is_empty() && place.chars().all(|c| c.is_ascii_graphic()),
        _ => false,
    };
    let shown: String = address.chars().take(60).collect();
    (!right).then(|| format!("{shown:?}: write tel:+966112345678 or sip:desk@pbx.example"))
}
