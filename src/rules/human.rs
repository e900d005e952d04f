//! Whether a caller asks for a person. A list of phrases, in Arabic with its dialects and English:
//! believed without a model, whatever the spelling of the letters.

use crate::speech::normalise::{Form, normalise};

/// Who is asked for. One of these words, close behind one of [`WANT`].
const PEOPLE: &[&str] = &[
    "human",
    "person",
    "agent",
    "operator",
    "representative",
    "rep",
    "someone",
    "somebody",
    "supervisor",
    "manager",
    "employee",
    "colleague",
    "موظف",
    "موظفة",
    "الموظف",
    "انسان",
    "إنسان",
    "بشر",
    "شخص",
    "حد",
    "احد",
    "أحد",
    "مسؤول",
    "مسئول",
    "المسؤول",
    "مدير",
    "بالمدير",
    "بالموظف",
    "بموظف",
    "لموظف",
    "لمدير",
    "بمدير",
    "بالمسؤول",
    "المدير",
    "مندوب",
    "ممثل",
    "خدمة العملاء",
    "زميلك",
];

/// What is wanted of them.
const WANT: &[&str] = &[
    "speak to",
    "speak with",
    "talk to",
    "talk with",
    "connect me",
    "transfer me",
    "put me through",
    "give me",
    "get me",
    "i want",
    "i need",
    "can i have",
    "let me have",
    "اكلم",
    "أكلم",
    "اتكلم مع",
    "أتكلم مع",
    "اتحدث مع",
    "أتحدث مع",
    "اتحدث الى",
    "التحدث مع",
    "التحدث الى",
    "احكي مع",
    "أحكي مع",
    "حولني",
    "حوليني",
    "وصلني",
    "وصليني",
    "عطني",
    "اعطني",
    "أعطني",
    "ابغى",
    "أبغى",
    "ابي",
    "أبي",
    "عايز",
    "عاوز",
    "عايزة",
    "بدي",
    "اريد",
    "أريد",
    "ممكن اكلم",
];

/// Said alone, or within anything.
const ALWAYS: &[&str] = &[
    "real person",
    "live agent",
    "human being",
    "customer service please",
    "agent please",
    "operator please",
    "representative please",
    "موظف لو سمحت",
    "ابي موظف",
    "ابغى موظف",
    "كلمني مع موظف",
    "مش عايز اكلم مكنة",
    "مو روبوت",
    "لا اريد روبوت",
];

/// Words between the wish and whom it is for.
const WORDS_BETWEEN: usize = 4;

/// Words close before a wish that turn it into its opposite. Not "no" and "لا", for who is refused
/// says "no, I want a person".
const NOT: &[&str] = &["not", "don't", "dont", "never", "ما", "مش", "مو"];

/// Whether `words` ask for a person.
pub fn asks_for_human(words: &str) -> bool {
    let said = padded(words);
    if ALWAYS.iter().any(|phrase| said.contains(&padded(phrase))) {
        return true;
    }
    let alone = said.trim();
    if ["agent", "operator", "human", "representative", "موظف", "خدمه العملاء"].contains(&alone)
    {
        return true;
    }
    WANT.iter().any(|wish| {
        let wish = padded(wish);
        said.match_indices(&wish).any(|(at, _)| {
            let before: Vec<&str> = said[..at].split_whitespace().rev().take(3).collect();
            let before: Vec<&str> = before.into_iter().rev().collect();
            let before = format!(" {} ", before.join(" "));
            let refused = NOT.iter().any(|not| before.contains(&padded(not)));
            let after = &said[at + wish.len() - 1..];
            let near: Vec<&str> = after.split_whitespace().take(WORDS_BETWEEN + 2).collect();
            let near = format!(" {} ", near.join(" "));
            !refused && PEOPLE.iter().any(|who| near.contains(&padded(who)))
        })
    })
}

/// Folded, with a space on each side: a phrase is found as whole words only.
pub(super) fn padded(text: &str) -> String {
    format!(" {} ", normalise(text, Form::Folded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_who_ask_for_a_person_are_understood() {
        for words in [
            "I want to speak to a human please",
            "can I talk to someone in the cards department",
            "Agent!",
            "transfer me to your manager",
            "أبغى أكلم موظف",
            "ابغي اكلم موظف خدمه العملاء",
            "عايز أتكلم مع حد من خدمة العملاء",
            "حولني على موظف لو سمحت",
            "بدي احكي مع المسؤول",
            "وصلني بالمدير",
            "أريد التحدث مع شخص حقيقي",
        ] {
            assert!(asks_for_human(words), "{words}");
        }
    }

    #[test]
    fn others_are_not_sent_away() {
        for words in [
            "I want to open an account",
            "what does the agent fee cost",
            "كم رسوم التحويل",
            "أبغى إلغاء الاشتراك",
            "I don't want to talk to a person",
            "is there a person limit for the joint account",
            "شكرا",
            "",
        ] {
            assert!(!asks_for_human(words), "{words}");
        }
    }
}
