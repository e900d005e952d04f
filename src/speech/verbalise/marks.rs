//! Signs and punctuation: a pause, a word, or nothing.

use crate::speech::script::Script;
use crate::speech::tokens::Token;

/// Marks that a voice pauses at or changes its tune for.
pub(crate) const PAUSES: [char; 10] = ['.', ',', '!', '?', ';', ':', '؟', '،', '؛', '…'];

/// What becomes of a mark.
pub(crate) enum Said {
    Word(&'static str),
    Pause(char),
    /// As it is written.
    Writing,
    Nothing,
}

/// The mark at `at`.
pub(crate) fn say(tokens: &[Token], at: usize, script: Script) -> Said {
    let token = &tokens[at];
    let Some(c) = token.text.chars().next() else { return Said::Nothing };
    let is_number = |n: Option<usize>| n.and_then(|n| tokens.get(n)).is_some_and(Token::is_number);
    let (before, after) = (is_number(at.checked_sub(1)), is_number(Some(at + 1)));
    let by = |arabic, latin| Said::Word(if script == Script::Arabic { arabic } else { latin });
    let comma = if script == Script::Arabic { '،' } else { ',' };
    match c {
        '…' | '۔' | '。' => Said::Pause('.'),
        // Within something that no rule knew: "a.b", "1:2".
        '.' | ':'
            if tokens.get(at + 1).is_some_and(|next| !next.spaced && next.is_word())
                && !token.spaced =>
        {
            Said::Nothing
        }
        ',' | '،' => Said::Pause(comma),
        c if PAUSES.contains(&c) => Said::Pause(c),
        '-' | '–' | '—' | '−' | '~' if before && after => by("إلى", "to"),
        '–' | '—' => Said::Pause(comma),
        '-' if token.spaced && tokens.get(at + 1).is_some_and(|next| next.spaced) => {
            Said::Pause(comma)
        }
        '(' | ')' if at > 0 => Said::Pause(comma),
        '&' => by("و", "and"),
        '+' => by("زائد", "plus"),
        '=' => by("يساوي", "equals"),
        '%' | '٪' => by("بالمئة", "percent"),
        '@' => by("آت", "at"),
        '#' if after => by("رقم", "number"),
        '×' | '*' if before && after => by("في", "times"),
        '÷' if before && after => by("على", "divided by"),
        '/' if before && after => by("على", "over"),
        '<' if after => by("أقل من", "less than"),
        '>' if after => by("أكثر من", "more than"),
        '$' => by("دولار", "dollars"),
        '€' => by("يورو", "euros"),
        '£' => by("جنيه", "pounds"),
        '﷼' | '\u{20c1}' => by("ريال", "riyals"),
        '°' => by("درجة", "degrees"),
        '½' => by("نصف", "a half"),
        '¼' => by("ربع", "a quarter"),
        '¾' => by("ثلاثة أرباع", "three quarters"),
        '⅓' => by("ثلث", "a third"),
        '⅔' => by("ثلثان", "two thirds"),
        '²' => by("مربع", "squared"),
        '³' => by("مكعب", "cubed"),
        // A numeral of some other kind: a voice may know it, and it is not ours to leave out.
        c if c.is_alphanumeric() => Said::Writing,
        _ => Said::Nothing,
    }
}
