//! Addresses on the web and of mail: what of them is worth hearing.

use super::{Fact, Found};
use crate::speech::tokens::{Kind, Token};

/// Tokens that one address may have; longer ones end there.
const TOKENS_MAX: usize = 256;

/// An address that starts at `at`. Only the host of a page is kept: nobody notes a path by ear.
pub(crate) fn address(tokens: &[Token], at: usize) -> Option<Found> {
    let token = &tokens[at];
    // Not in the middle of another one, which was looked at from its beginning.
    let starts = token.spaced || {
        let before = &tokens[at - 1];
        before.kind == Kind::Arabic || "(<\"'«“:،؛,".contains(&before.text)
    };
    if !starts || !token.text.is_ascii() {
        return None;
    }
    let run = tokens[at..].iter().enumerate().take(TOKENS_MAX);
    let mut run: Vec<&Token> = run
        .take_while(|(n, t)| (*n == 0 || !t.spaced) && t.text.is_ascii())
        .map(|(_, t)| t)
        .collect();
    // What closes a sentence is not part of the address.
    while run.last().is_some_and(|t| t.kind == Kind::Mark && !t.is('/')) {
        run.pop();
    }
    let end = at + run.len();
    let whole: String = run.iter().map(|t| t.text.as_str()).collect();
    if whole.len() < 4 {
        return None;
    }
    if let Some((name, host)) = whole.trim_start_matches("mailto:").split_once('@') {
        let is_mail = is_host(host) && !name.is_empty() && name.chars().all(is_name_char);
        return is_mail.then(|| (Fact::Email(whole.trim_start_matches("mailto:").to_owned()), end));
    }
    let has_scheme =
        ["http://", "https://", "HTTP://", "HTTPS://"].iter().find_map(|s| whole.strip_prefix(s));
    let rest = has_scheme.unwrap_or(&whole);
    let host = rest.split(['/', '?', '#', ':']).next().unwrap_or_default();
    let bare = host.strip_prefix("www.").unwrap_or(host);
    let is_page = match has_scheme {
        Some(_) => !bare.is_empty(),
        None => is_host(host) && (host.starts_with("www.") || has_known_end(host)),
    };
    is_page.then(|| (Fact::Web(bare.to_owned()), end))
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+')
}

fn is_host(host: &str) -> bool {
    let parts: Vec<&str> = host.split('.').collect();
    let part = |p: &&str| !p.is_empty() && p.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    parts.len() >= 2
        && parts.iter().all(part)
        && parts.last().is_some_and(|p| p.len() >= 2 && p.chars().all(|c| c.is_ascii_alphabetic()))
}

/// Ends that are no words: "done.Then" is a full stop that lacks its space.
fn has_known_end(host: &str) -> bool {
    const ENDS: &[&str] = &[
        "com", "net", "org", "sa", "ae", "eg", "kw", "qa", "bh", "om", "jo", "gov", "edu", "io",
        "app", "co", "info", "ai", "dev", "invalid",
    ];
    host.rsplit('.').next().is_some_and(|end| ENDS.contains(&end))
}
