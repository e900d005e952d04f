//! Whether a caller has said yes, in Arabic, its dialects, and English.
//!
//! A yes is an utterance of which every word belongs to a yes. "Yes, but on Monday" is none: what was
//! asked is then not what the caller wants.

use crate::speech::normalise::{Form, normalise};

/// What the caller's words mean as an answer to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Do it.
    Yes,
    /// Do not.
    No,
    /// Something else.
    Neither,
}

/// Longest yes.
const WORDS_MAX: usize = 10;

const YES: &str = "نعم اي ايه ايوه ايوا ايوة اجل بلي اكيد طبعا موافق موافقه تمام صح صحيح مزبوط مضبوط اوكي \
    اوكيه اوك ماشي زين طيب يلا تفضل تفضلي اكد اكدي اكده كمل كملي احجز احجزه احجزي سجل سجله حول حولني \
    yes yeah yep yup sure ok okay correct right absolutely definitely confirm confirmed affirmative \
    proceed go do book";

/// Beside a yes, never alone.
const BESIDE: &str = "من فضلك لو سمحت شكرا شكرا لك الموعد موعد الحجز لي هذا هو ذلك كذا والله ان شاء الله بالله \
    سوي سو اعمل خلاص الطلب it that this is the a an thanks thank you ahead me for appointment request fine \
    please i agree of course";

const NO: &str = "لا لأ لاء كلا مو مب مش موب ما بلاش الغ الغي الغيه الغاء وقف توقف انتظر استني خليه غلط خطا ليس \
    no nope nah not dont don't never cancel stop wait wrong incorrect";

/// What `words` mean as an answer.
pub fn answer_of(words: &str) -> Answer {
    let words = normalise(words, Form::Folded);
    let words: Vec<&str> = words.split(' ').filter(|word| !word.is_empty()).collect();
    let of = |list: &str, word: &str| {
        list.split_whitespace().any(|listed| normalise(listed, Form::Folded) == word)
    };
    if words.iter().any(|word| of(NO, word)) {
        return Answer::No;
    }
    let yes = words.iter().any(|word| of(YES, word));
    let nothing_else = words.iter().all(|word| of(YES, word) || of(BESIDE, word));
    if yes && nothing_else && words.len() <= WORDS_MAX { Answer::Yes } else { Answer::Neither }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_yes_is_nothing_but_a_yes() {
        for yes in [
            "نعم",
            "إيه.",
            "أيوه",
            "ايوا، تمام",
            "أكيد، احجز الموعد",
            "نعم من فضلك",
            "صحّ",
            "أجل، أوكي",
            "Yes.",
            "Yes, please go ahead",
            "OK, book it",
            "That is correct",
            "Sure, thank you",
            "ايوة ماشي",
            "نَعَم",
            "زين، تمام",
        ] {
            assert_eq!(answer_of(yes), Answer::Yes, "{yes}");
        }
        for no in
            ["لا", "لأ، مو كذا", "نعم، لا، انتظر", "No.", "Yes, no, wait", "don't", "مش عايز", "ألغِ"]
        {
            assert_eq!(answer_of(no), Answer::No, "{no}");
        }
        for neither in [
            "نعم، لكن يوم الاثنين",
            "Yes, but on Monday",
            "كم الرسوم؟",
            "",
            "…",
            "شكرا",
            "هل قلت نعم وأنا أسأل عن الفرع",
            "thank you",
        ] {
            assert_eq!(answer_of(neither), Answer::Neither, "{neither}");
        }
    }
}
