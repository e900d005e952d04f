//! Nouns that are counted: plural after 3 to 10, accusative after 11 to 99, singular after hundreds
//! and thousands, dual for two.

use super::numbers::{Case, Gender, cardinal, dual_end};
use crate::speech::tokens::is_vowel_mark;
use Gender::{Feminine, Masculine};

/// A noun and its forms.
#[derive(Debug, PartialEq)]
pub(crate) struct Noun {
    pub(crate) singular: &'static str,
    /// The usual one first; others are kept where they are written.
    plurals: &'static [&'static str],
    pub(crate) gender: Gender,
}

const fn m(singular: &'static str, plurals: &'static [&'static str]) -> Noun {
    Noun { singular, plurals, gender: Masculine }
}

const fn f(singular: &'static str, plurals: &'static [&'static str]) -> Noun {
    Noun { singular, plurals, gender: Feminine }
}

const NOUNS: &[Noun] = &[
    // Money.
    m("ريال", &["ريالات"]),
    m("درهم", &["دراهم"]),
    m("جنيه", &["جنيهات"]),
    m("دينار", &["دنانير"]),
    m("دولار", &["دولارات"]),
    m("يورو", &[]),
    m("سنت", &["سنتات"]),
    f("هللة", &["هللات"]),
    m("فلس", &["فلوس"]),
    m("قرش", &["قروش"]),
    f("بيسة", &["بيسات"]),
    m("بنس", &["بنسات"]),
    // Time.
    f("ثانية", &["ثوانٍ", "ثواني"]),
    f("دقيقة", &["دقائق"]),
    f("ساعة", &["ساعات"]),
    m("يوم", &["أيام", "ايام"]),
    f("ليلة", &["ليالٍ", "ليالي"]),
    m("أسبوع", &["أسابيع"]),
    m("شهر", &["أشهر", "شهور"]),
    f("سنة", &["سنوات", "سنين"]),
    m("عام", &["أعوام"]),
    f("مرة", &["مرات"]),
    // Measures.
    m("ضعف", &["أضعاف"]),
    m("متر", &["أمتار"]),
    m("كيلومتر", &["كيلومترات"]),
    m("سنتيمتر", &["سنتيمترات"]),
    m("مليمتر", &["مليمترات"]),
    m("كيلوغرام", &["كيلوغرامات"]),
    m("غرام", &["غرامات"]),
    m("مليغرام", &["مليغرامات"]),
    m("كيلو", &[]),
    m("لتر", &["لترات"]),
    m("مليلتر", &["مليلترات"]),
    m("غيغابايت", &[]),
    m("ميغابايت", &[]),
    m("تيرابايت", &[]),
    m("ميغابت", &[]),
    m("غيغابت", &[]),
    m("كيلوواط", &[]),
    f("مللي ثانية", &[]),
    f("درجة", &["درجات"]),
    // Service desks, shops, clinics.
    m("طلب", &["طلبات"]),
    m("حساب", &["حسابات"]),
    f("بطاقة", &["بطاقات"]),
    f("رسالة", &["رسائل"]),
    f("مكالمة", &["مكالمات"]),
    m("موظف", &["موظفين", "موظفون"]),
    m("عميل", &["عملاء"]),
    m("مستخدم", &["مستخدمين", "مستخدمون"]),
    m("مشترك", &["مشتركين", "مشتركون"]),
    m("فرع", &["فروع"]),
    m("موعد", &["مواعيد"]),
    f("فاتورة", &["فواتير"]),
    f("خدمة", &["خدمات"]),
    f("عملية", &["عمليات"]),
    f("نقطة", &["نقاط"]),
    f("خطوة", &["خطوات"]),
    m("رقم", &["أرقام"]),
    m("حرف", &["أحرف", "حروف"]),
    m("شخص", &["أشخاص"]),
    m("فرد", &["أفراد"]),
    m("طفل", &["أطفال"]),
    m("ضيف", &["ضيوف"]),
    f("غرفة", &["غرف"]),
    m("منتج", &["منتجات"]),
    f("قطعة", &["قطع"]),
    m("طبيب", &["أطباء"]),
    f("عيادة", &["عيادات"]),
    f("جلسة", &["جلسات"]),
    f("جرعة", &["جرعات"]),
    f("حبة", &["حبات", "حبوب"]),
    f("محاولة", &["محاولات"]),
    m("قسط", &["أقساط"]),
    f("دفعة", &["دفعات"]),
    m("تحويل", &["تحويلات"]),
    m("جهاز", &["أجهزة"]),
    m("خط", &["خطوط"]),
    f("باقة", &["باقات"]),
    f("تذكرة", &["تذاكر"]),
    f("رحلة", &["رحلات"]),
    m("مقعد", &["مقاعد"]),
    m("عرض", &["عروض"]),
    m("مستند", &["مستندات"]),
    m("سؤال", &["أسئلة"]),
    m("خيار", &["خيارات"]),
    f("مشكلة", &["مشكلات", "مشاكل"]),
    f("شكوى", &["شكاوى"]),
    m("شيك", &["شيكات"]),
    f("كلمة", &["كلمات"]),
    f("صفحة", &["صفحات"]),
    m("ملف", &["ملفات"]),
    m("رمز", &["رموز"]),
    m("كتاب", &["كتب"]),
    f("سيارة", &["سيارات"]),
    m("بيت", &["بيوت"]),
    m("باب", &["أبواب"]),
    m("إشعار", &["إشعارات"]),
    f("شركة", &["شركات"]),
    f("مدينة", &["مدن"]),
    m("دور", &["أدوار"]),
    m("طابق", &["طوابق"]),
    f("نجمة", &["نجوم"]),
];

impl Noun {
    /// The form in which it is counted `n` times, as `written` where that is right as well. One and
    /// two are forms of their own: see [`counted`].
    fn form(&self, n: u64, written: &str) -> String {
        match n % 100 {
            3..=10 => {
                let kept = self.plurals.iter().find(|plural| same(plural, written));
                (*kept.or(self.plurals.first()).unwrap_or(&self.singular)).to_owned()
            }
            11.. => self.accusative(),
            _ => self.singular.to_owned(),
        }
    }

    /// With its tanwin where that is heard.
    fn accusative(&self) -> String {
        let changes = !self.plurals.is_empty() && self.gender == Masculine;
        if changes { format!("{}ًا", self.singular) } else { self.singular.to_owned() }
    }

    pub(crate) fn dual(&self, case: Case, leads: bool) -> String {
        let stem = match self.singular.strip_suffix('ة') {
            Some(stem) => format!("{stem}ت"),
            None => self.singular.to_owned(),
        };
        // شكوى: its ى is a ي before an ending.
        let stem = stem.strip_suffix('ى').map(|s| format!("{s}ي")).unwrap_or(stem);
        format!("{stem}{}", dual_end(case, leads))
    }
}

/// How a written form counts: as one, as two, as many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    Singular,
    Dual(Case),
    Plural,
}

/// The noun that `word`, without vowel marks, is a form of.
pub(crate) fn noun_of(word: &str) -> Option<(&'static Noun, Written)> {
    NOUNS.iter().find_map(|noun| Some((noun, noun.written_as(word)?)))
}

impl Noun {
    fn written_as(&self, word: &str) -> Option<Written> {
        let is_accusative =
            self.gender == Masculine && word.strip_suffix('ا') == Some(self.singular);
        if word == self.singular || is_accusative {
            Some(Written::Singular)
        } else if self.plurals.iter().any(|plural| same(plural, word)) {
            Some(Written::Plural)
        } else {
            let (stem, case) = match word.strip_suffix("ان") {
                Some(stem) => (stem, Case::Nominative),
                None => (word.strip_suffix("ين")?, Case::Oblique),
            };
            let is_stem = match (self.singular.strip_suffix('ة'), self.singular.strip_suffix('ى'))
            {
                (Some(base), _) => stem.strip_suffix('ت') == Some(base),
                (None, Some(base)) => stem.strip_suffix('ي') == Some(base),
                (None, None) => stem == self.singular,
            };
            is_stem.then_some(Written::Dual(case))
        }
    }
}

/// Whether two words are the same without vowel marks. Allocates nothing: it is asked for each noun.
fn same(one: &str, other: &str) -> bool {
    one.chars().filter(|c| !is_vowel_mark(*c)).eq(other.chars().filter(|c| !is_vowel_mark(*c)))
}

/// `n` of `noun` in words. `written` is its form in the text, empty where only a symbol stands there.
pub(crate) fn counted(n: u64, noun: &Noun, written: &str, case: Case, adjective: &str) -> String {
    let space = if adjective.is_empty() { "" } else { " " };
    let feminine = if noun.gender == Feminine { "ة" } else { "" };
    match n {
        1 => {
            let one = cardinal(1, noun.gender, case, false);
            match adjective {
                "" => format!("{} {one}", noun.singular),
                _ => format!("{} {adjective}{feminine} {one}", noun.singular),
            }
        }
        2 => {
            let end = dual_end(case, false);
            let adjective = if adjective.is_empty() {
                String::new()
            } else {
                format!("{adjective}{}{end}", if noun.gender == Feminine { "ت" } else { "" })
            };
            format!("{}{space}{adjective}", noun.dual(case, false))
        }
        _ => {
            let number = cardinal(n, noun.gender, case, true);
            let end = match n % 100 {
                3..=10 if !adjective.is_empty() => "ة",
                11.. if !adjective.is_empty() && noun.gender == Masculine => "ًا",
                _ if !adjective.is_empty() => feminine,
                _ => "",
            };
            format!("{number} {}{space}{adjective}{end}", noun.form(n, written))
        }
    }
}

/// Guesses the gender of a noun that is not listed, by its ending.
pub(crate) fn gender_of(word: &str) -> Gender {
    if word.ends_with(['ة', 'ى']) || word.ends_with("ات") { Feminine } else { Masculine }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(n: u64, noun: &str, case: Case, expected: &str) {
        let (noun, _) = noun_of(noun).unwrap();
        assert_eq!(counted(n, noun, "", case, ""), expected);
    }

    #[test]
    fn nouns_take_the_form_of_their_number() {
        let nominative = Case::Nominative;
        check(0, "ريال", nominative, "صفر ريال");
        check(1, "هللات", nominative, "هللة واحدة");
        check(2, "دقيقة", nominative, "دقيقتان");
        check(2, "ريالا", Case::Oblique, "ريالين");
        check(7, "دينار", nominative, "سبعة دنانير");
        check(15, "دقائق", nominative, "خمس عشرة دقيقة");
        check(25, "ريال", nominative, "خمسة وعشرون ريالًا");
        check(100, "ريال", nominative, "مئة ريال");
        check(200, "ريال", nominative, "مئتا ريال");
        check(103, "يوم", nominative, "مئة وثلاثة أيام");
        check(1500, "ريال", nominative, "ألف وخمسمئة ريال");
    }

    #[test]
    fn nationality_agrees() {
        let (dinar, _) = noun_of("دينار").unwrap();
        let said = |n| counted(n, dinar, "", Case::Nominative, "كويتي");
        assert_eq!(said(1), "دينار كويتي واحد");
        assert_eq!(said(2), "ديناران كويتيان");
        assert_eq!(said(5), "خمسة دنانير كويتية");
        assert_eq!(said(15), "خمسة عشر دينارًا كويتيًا");
        assert_eq!(said(100), "مئة دينار كويتي");
    }
}
