//! Times of day: "10:30", "5 pm", "9:15 ص", "الساعة 7".

use super::{Fact, Found, is_one_of, is_tight};
use crate::speech::tokens::Token;

/// Which half of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    Morning,
    Afternoon,
}

/// A time on the clock of twelve hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time {
    /// 1 to 12.
    pub(crate) hour: u64,
    pub(crate) minute: u64,
    pub(crate) half: Option<Half>,
}

/// A time that starts at `at`.
pub(crate) fn time(tokens: &[Token], at: usize) -> Option<Found> {
    let hour: u64 = tokens[at].text.parse().ok().filter(|hour| *hour <= 24)?;
    if tokens[at].text.len() > 2 {
        return None;
    }
    let mut end = at + 1;
    let mut minute = 0;
    let has_minutes = is_tight(tokens, end, &[':'])
        && tokens.get(end + 1).is_some_and(|t| t.is_number() && t.text.len() == 2);
    if has_minutes {
        minute = tokens[end + 1].text.parse().ok().filter(|minute| *minute < 60)?;
        end += 2;
        if is_tight(tokens, end, &[':']) && tokens[end + 1].is_number() {
            return None; // a duration, or something else
        }
    }
    let after_clock =
        at > 0 && is_one_of(tokens, at - 1, &["الساعة", "والساعة", "للساعة", "بالساعة"]);
    // "الساعة 9 و10".
    let after_clock = after_clock
        || at > 2
            && is_one_of(tokens, at - 1, &["و", "إلى", "أو"])
            && tokens[at - 2].is_number()
            && is_one_of(tokens, at - 3, &["الساعة"]);
    let written = half(tokens, end, has_minutes || after_clock || follows_time(tokens, at));
    let is_counted =
        tokens.get(end).is_some_and(|t| t.is('%') || t.is('.') && is_tight(tokens, end, &['.']));
    if !has_minutes && (written.is_none() && !after_clock || is_counted) {
        return None;
    }
    let by_hour = match hour {
        _ if names_part_of_day(tokens, end) => None,
        0 | 24 => Some(Half::Morning),
        13.. => Some(Half::Afternoon),
        _ => None,
    };
    if let Some((_, after)) = written {
        end = after;
    }
    let half = by_hour.or(written.map(|(half, _)| half));
    let hour = match hour % 12 {
        0 => 12,
        hour => hour,
    };
    Some((Fact::Time(Time { hour, minute, half }), end))
}

/// ص, م, am, p.m. and the token after.
fn half(tokens: &[Token], at: usize, is_time: bool) -> Option<(Half, usize)> {
    let token = tokens.get(at)?;
    let half = match token.text.as_str() {
        "ص" => Half::Morning,
        // By itself it is also the metre.
        "م" if is_time => Half::Afternoon,
        "am" | "AM" | "Am" => Half::Morning,
        "pm" | "PM" | "Pm" => Half::Afternoon,
        "a" | "A" | "p" | "P" => {
            let is_dotted = is_tight(tokens, at + 1, &['.']) && is_one_of(tokens, at + 2, &["m"]);
            let half =
                if token.text.eq_ignore_ascii_case("a") { Half::Morning } else { Half::Afternoon };
            let stop = tokens.get(at + 3).is_some_and(|t| t.is('.') && !t.spaced);
            let goes_on = tokens.get(at + 4).is_some();
            return is_dotted.then_some((half, at + 3 + usize::from(stop && goes_on)));
        }
        _ => return None,
    };
    Some((half, at + 1))
}

/// "من 9 ص إلى 5 م": a time stands a few words before.
fn follows_time(tokens: &[Token], at: usize) -> bool {
    let from = at.saturating_sub(4);
    (from..at).any(|n| is_one_of(tokens, n, &["ص", "صباحا", "الساعة"]))
        || at > 0 && is_one_of(tokens, at - 1, &["حتى", "لغاية"])
}

/// Whether words say which part of the day it is.
fn names_part_of_day(tokens: &[Token], at: usize) -> bool {
    is_one_of(tokens, at, &["صباحا", "مساء", "ظهرا", "عصرا", "ليلا", "فجرا", "الصبح", "بالليل"])
}
