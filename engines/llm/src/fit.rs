//! Makes a long conversation fit the context: the oldest turns go, the instructions and the last
//! words stay. Pure. It forgets rather than summarises, and knows tokens only by their number.

use crate::template::{Message, Role};

/// A reply may count on at least this share of the context, so that a long history does not leave
/// room for three words.
const REPLY_SHARE: usize = 4;

/// A prompt that fits, as far as forgetting can help.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fitted<T> {
    pub(crate) prompt: Vec<T>,
    /// Messages that the model does not see.
    pub(crate) forgotten: usize,
}

/// Turns that are dropped at once. Whole blocks from the start, so that the same cut serves the
/// next turns too, and with it the prefix that was computed after it.
const BLOCK: usize = 8;

/// Drops the oldest turns until prompt and reply fit `context` tokens. The last message is always
/// kept, so a prompt that is still too long is the caller's to refuse.
pub(crate) fn fit<T, E>(
    mut messages: Vec<Message>,
    context: usize,
    max_tokens: usize,
    tokenize: impl Fn(&[Message]) -> Result<Vec<T>, E>,
) -> Result<Fitted<T>, E> {
    let room = context - max_tokens.min(context / REPLY_SHARE);
    let all = messages.len();
    let mut block = BLOCK;
    loop {
        let prompt = tokenize(&messages)?;
        let instructions = messages.iter().take_while(|m| m.role == Role::System).count();
        let turns = messages.len() - instructions;
        if prompt.len() <= room || turns <= 1 {
            return Ok(Fitted { prompt, forgotten: all - messages.len() });
        }
        // Most chat templates want the caller to speak first; an opening the agent spoke goes too.
        let mut keep_from = instructions + block.min(turns - 1);
        while keep_from + 1 < messages.len() && messages[keep_from].role != Role::User {
            keep_from += 1;
        }
        messages.drain(instructions..keep_from);
        // Far too long: tokenizing it once for every few turns would take seconds.
        if prompt.len() > 4 * room {
            block *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(role: Role, words: usize) -> Message {
        Message { role, content: "word ".repeat(words), call: None }
    }

    /// One token a word.
    fn tokenize(messages: &[Message]) -> Result<Vec<u8>, std::convert::Infallible> {
        let words = messages.iter().map(|m| m.content.split_whitespace().count()).sum();
        Ok(vec![0; words])
    }

    fn conversation(turns: usize) -> Vec<Message> {
        let turn = |n| message(if n % 2 == 0 { Role::User } else { Role::Assistant }, 10);
        std::iter::once(message(Role::System, 10)).chain((0..turns).map(turn)).collect()
    }

    #[test]
    fn what_fits_is_left_alone() {
        let Ok(fitted) = fit(conversation(5), 100, 40, tokenize);
        assert_eq!((fitted.prompt.len(), fitted.forgotten), (60, 0));
    }

    #[test]
    fn the_oldest_turns_go_and_the_instructions_stay() {
        let seen = std::cell::RefCell::new(Vec::new());
        let Ok(fitted) = fit(conversation(11), 100, 500, |messages| {
            seen.replace(messages.iter().map(|m| m.role).collect());
            tokenize(messages)
        });
        assert_eq!((fitted.prompt.len(), fitted.forgotten), (40, 8), "a quarter is for the reply");
        let kept = seen.into_inner();
        assert_eq!(kept, [Role::System, Role::User, Role::Assistant, Role::User]);
    }

    #[test]
    fn the_cut_stays_where_it_is_while_the_conversation_grows() {
        let forgotten = |turns| fit(conversation(turns), 120, 20, tokenize).map(|f| f.forgotten);
        let cuts: Vec<_> = [9, 11, 13, 15, 17, 19].map(|turns| forgotten(turns).unwrap()).to_vec();
        assert_eq!(cuts, [0, 8, 8, 8, 8, 16]);
    }

    #[test]
    fn the_last_words_are_never_forgotten() {
        let messages =
            vec![message(Role::System, 5), message(Role::User, 5), message(Role::User, 500)];
        let Ok(fitted) = fit(messages, 100, 10, tokenize);
        assert_eq!((fitted.prompt.len(), fitted.forgotten), (505, 1));
    }
}
