//! What the words around a number say about its case. No parser: a list of words that govern the
//! genitive, the pattern "تم" with its verbal noun, and verbs that take an object; all else is
//! nominative, as people count.

use super::numbers::Case;
use crate::speech::tokens::{Kind, Token};

/// Prepositions and nouns after which a number is oblique.
const GOVERNING: &[&str] = &[
    "تحويل",
    "خصم",
    "دفع",
    "سحب",
    "إيداع",
    "سداد",
    "تسديد",
    "استرداد",
    "حجز",
    "إضافة",
    "شحن",
    "من",
    "إلى",
    "الى",
    "على",
    "في",
    "عن",
    "مع",
    "حتى",
    "منذ",
    "خلال",
    "بعد",
    "قبل",
    "حوالي",
    "نحو",
    "كل",
    "لمدة",
    "مدة",
    "بقيمة",
    "قيمة",
    "بمبلغ",
    "مبلغ",
    "بنسبة",
    "نسبة",
    "بسعر",
    "سعر",
    "فوق",
    "تحت",
    "دون",
    "غير",
    "لكل",
    "بين",
    "أقصاه",
    "بواقع",
    "بحدود",
    "زهاء",
    "قرابة",
    "طوال",
    "أول",
    "آخر",
    "تكلفة",
    "بتكلفة",
    "رسوم",
    "برسوم",
    "رصيد",
    "برصيد",
    "عمر",
    "سوى",
    "بعمر",
];

/// Verbs whose object is often an amount.
const VERBS: &[&str] = &[
    "دفعت",
    "دفع",
    "ادفع",
    "تدفع",
    "حولت",
    "حوّلت",
    "سحبت",
    "أودعت",
    "استلمت",
    "خصمنا",
    "أضفنا",
    "أرسلنا",
    "اشتريت",
    "أريد",
    "تحتاج",
    "أحتاج",
    "نحتاج",
    "خذ",
    "تناول",
    "خذي",
    "وجدت",
    "وجدنا",
    "انتظر",
    "يستغرق",
    "تستغرق",
    "سيستغرق",
    "ستستغرق",
    "يبلغ",
    "تبلغ",
    "بلغ",
    "بلغت",
    "يساوي",
    "تساوي",
    "يضم",
];

/// The case of the number at `at`. `before` is the case of a number that "و" joins it to.
pub(crate) fn case_at(tokens: &[Token], at: usize, before: Option<Case>) -> Case {
    // An article stands between: "خلال الـ24".
    let at = at - usize::from(at > 0 && tokens[at - 1].text == "ال");
    let Some(last) = at.checked_sub(1).and_then(|n| tokens.get(n)) else { return Case::Nominative };
    if last.kind != Kind::Arabic {
        return Case::Nominative;
    }
    let word = last.text.as_str();
    if matches!(word, "ب" | "ل" | "ك" | "فب" | "وب" | "ول" | "لل" | "بال") {
        return Case::Oblique;
    }
    if matches!(word, "و" | "أو" | "ف") {
        return before.unwrap_or(Case::Nominative);
    }
    let bare = word.strip_prefix('و').filter(|rest| rest.chars().count() > 1).unwrap_or(word);
    if GOVERNING.contains(&word) || GOVERNING.contains(&bare) {
        return Case::Oblique;
    }
    // "يستغرق ذلك 20 دقيقة": the subject may stand between the verb and its object.
    let further = at.checked_sub(2).map_or("", |n| tokens[n].text.as_str());
    if [word, bare, further].iter().any(|word| VERBS.contains(word)) {
        return Case::Oblique;
    }
    // "تم تحويل 25": the verbal noun governs.
    let is_done = at
        .checked_sub(2)
        .and_then(|n| tokens.get(n))
        .is_some_and(|t| ["تم", "يتم", "سيتم", "تمت", "لم يتم", "وتم"].contains(&t.text.as_str()));
    if is_done { Case::Oblique } else { Case::Nominative }
}

/// Whether the word at `at` can be what a number counts.
pub(crate) fn counts(tokens: &[Token], at: usize) -> bool {
    const NOT_NOUNS: &[&str] = &[
        "في",
        "من",
        "إلى",
        "على",
        "عن",
        "مع",
        "أو",
        "ثم",
        "هو",
        "هي",
        "هل",
        "لا",
        "ما",
        "لم",
        "لن",
        "قد",
        "فقط",
        "أيضا",
        "تقريبا",
        "بعد",
        "قبل",
        "حتى",
        "لكن",
        "أن",
        "إن",
        "كان",
        "كانت",
        "تم",
        "يوميا",
        "شهريا",
        "سنويا",
        "صباحا",
        "مساء",
        "ظهرا",
        "و",
        "إذا",
        "لأن",
        "حيث",
        "الآن",
        "لكل",
        "بالمئة",
        "أكثر",
        "أقل",
        "منها",
        "منهم",
        "غير",
        "كل",
    ];
    // "الغرفة 305 جاهزة": the number names what stands before it.
    let is_label = at.checked_sub(2).is_some_and(|n| tokens[n].text.starts_with("ال"));
    let Some(token) = tokens.get(at).filter(|token| token.kind == Kind::Arabic) else {
        return false;
    };
    let word = token.text.as_str();
    if super::nouns::noun_of(word).is_some() {
        return true;
    }
    let is_other = NOT_NOUNS.contains(&word)
        || GOVERNING.contains(&word)
        || word.starts_with("ال")
        || word.starts_with('و')
        || ["ب", "ل", "ك"].contains(&word);
    !is_other && !is_label
}
