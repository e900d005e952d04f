//! What is believed of a model that says anything.

use proptest::prelude::*;

use super::*;

/// The reading of `sentence` by a model that says the signs of `model`, letter by letter.
fn read(sentence: &str, model: &str) -> Reading {
    read_given(sentence, model, &[])
}

fn read_given(sentence: &str, model: &str, as_given: &[String]) -> Reading {
    let draft = Draft::new(sentence, as_given, &GivenWords::ours());
    let mut signs = Vec::new();
    for word in words(model) {
        if !signs.is_empty() {
            signs.push(Marks::default());
        }
        signs.extend(
            word.letters.iter().map(|letter| Marks { hamza: letter.hamza, ..letter.marks(model) }),
        );
    }
    signs.resize(draft.input.len(), Marks::default());
    draft.read(&signs)
}

/// The signs of `text` in our order: most editors write shadda last.
fn ordered(text: &str) -> String {
    let (mut out, mut from) = (String::new(), 0);
    for letter in words(text).iter().flat_map(|word| &word.letters) {
        out.push_str(&text[from..letter.written.end]);
        letter.marks(text).write(&mut out);
        from = letter.signs.end;
    }
    out + &text[from..]
}

#[track_caller]
fn check(sentence: &str, model: &str, expected: &str) {
    assert_eq!(ordered(&read(sentence, model).text), ordered(expected));
}

#[test]
fn signs_are_added_and_the_last_case_is_not_spoken() {
    check("تم تحويل المبلغ", "تَمَّ تَحْوِيلُ المَبْلَغِ", "تَمَّ تَحْوِيلُ المَبْلَغْ");
    check("نعم، رصيدك كبير.", "نَعَمْ، رَصِيدُكَ كَبِيرٌ.", "نَعَمْ، رَصِيدُكَ كَبِيرْ.");
    check("أهلا بك", "أَهْلًا بِكَ", "أَهْلًا بِكْ");
    check("ريال سعودي واحد", "رِيَالٌ سُعُودِيٌّ وَاحِدٌ", "رِيَالٌ سُعُودِيّ وَاحِدْ");
    check("هذه بطاقة", "هَذِهِ بِطَاقَةٌ", "هٰذِهِ بِطَاقَة");
}

#[test]
fn a_word_read_with_other_letters_stays_plain() {
    let reading = read("أنا عايش في الرياض", "أَنَا عَائِشٌ فِي الرِّيَاضِ");
    assert_eq!(reading.text, ordered("أَنَا عايش فِي الرِّيَاضْ"));
    assert_eq!((reading.words, reading.refused), (4, 1));
}

#[test]
fn a_sentence_of_other_words_stays_plain() {
    let reading = read("عايط كاب رصيد", "عَائِطٌ كَأَبِّ رَصِيدٌ");
    assert_eq!(reading.text, "عايط كاب رصيد");
    assert_eq!((reading.words, reading.refused), (3, 3));
}

#[test]
fn the_hamza_of_a_first_alif_may_be_left_out() {
    check("الى احمد", "إِلَى أَحْمَدَ", "اِلَى اَحْمَدْ");
    check("والاسعار", "وَالأَسْعَارُ", "وَالاَسْعَارْ");
    // Not inside of a word, and not the other way round.
    check("سال", "سَأَلَ", "سال");
    check("كام", "كَأَمْ", "كَام");
    check("كاب", "كَأَبٍ", "كاب");
    check("إن", "أَنَّ", "إن");
}

#[test]
fn what_the_writer_vocalised_is_kept() {
    check("مُدَرِّس جديد", "مَدْرَسٌ جَدِيدٌ", "مُدَرِّس جَدِيدْ");
    // One sign of many: the rest is read, the sign is kept.
    check("ريالًا سعوديا", "رِيَالُا سُعُودِيًّا", "رِيَالًا سُعُودِيًّا");
}

#[test]
fn the_operators_words_are_kept() {
    let given = ["مدى".to_owned(), "سامبا".to_owned()];
    let reading = read_given("بطاقة «مدى» الآن", "بِطَاقَةُ «مُدًى» الآنَ", &given);
    assert_eq!(reading.text, "بِطَاقَةُ «مدى» الْآن");
}

#[test]
fn known_words_are_read_by_our_list() {
    check("مش كده؟", "مِشْ كَدِهِ؟", "مُشْ كِدَه؟");
    check("وهذا", "وَهَذَا", "وَهٰذَا");
    check("درجة الحرارة درجة", "دَرْجَةُ الحَرَارَةِ دَرْجَةٌ", "دَرَجَةُ الحَرَارَةِ دَرَجَة");
    check("إلغاء", "إلْغَاءُ", "إِلْغَاءْ");
}

#[test]
fn an_end_of_a_word_inside_of_it_is_not_believed() {
    check("مكتبنا", "مَكٌتَبُنَا", "مكتبنا");
}

#[test]
fn names_of_abd_are_read_as_two() {
    let draft = Draft::new("عبدالعزيز", &[], &GivenWords::ours());
    assert_eq!(draft.input.iter().collect::<String>(), "عبد العزيز");
    check("عبدالعزيز.", "عَبْدُ العَزِيزِ.", "عَبْدُالعَزِيزْ.");
}

#[test]
fn foreign_words_digits_and_marks_are_copied() {
    check("ok 12 😀 ـ", "", "ok 12 😀 ـ");
    assert_eq!(read("ok 12", "").words, 0);
    check("", "", "");
}

fn any_marks() -> impl Strategy<Value = Marks> {
    "[\u{64b}-\u{655}\u{670}\u{6e1}]{0,3}".prop_map(|signs| Marks::parse(&signs))
}

proptest! {
    #[test]
    fn no_model_can_change_a_letter(
        text in "([ءآأؤإئابةتدرسعلمنهوىيٱپک]{1,8}|[\u{64b}-\u{655}ـ\u{200c}\u{200f}\u{202e}]|[a-zA-Z0-9٣ .،؟\n-]|\\PC){0,40}",
        signs in proptest::collection::vec(any_marks(), 0..400),
    ) {
        let draft = Draft::new(&text, &[], &GivenWords::ours());
        let reading = draft.read(&signs);
        prop_assert!(same_letters(&reading.text, &text), "{} from {text}", reading.text);
        prop_assert!(reading.refused <= reading.words);
        prop_assert!(reading.text.chars().count() <= 4 * text.chars().count());
        prop_assert_eq!(reading.text.split_whitespace().count(), text.split_whitespace().count());
    }
}
