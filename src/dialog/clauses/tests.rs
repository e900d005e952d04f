//! Clause rules in English and Arabic, token by token. Needs no model.

use super::*;

/// Feeds the text character by character, the worst a model can do.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let mut splitter = ClauseSplitter::default();
    let mut clauses: Vec<String> =
        text.chars().flat_map(|c| splitter.push(&c.to_string())).collect();
    clauses.extend(splitter.finish());
    assert_eq!(clauses, expected, "{text}");
}

/// The text comes as one clause, however it is fed.
#[track_caller]
fn check_whole(text: &str) {
    check(text, &[text]);
}

#[test]
fn sentences_are_clauses() {
    check("Hello there. How are you?", &["Hello there.", "How are you?"]);
    check("Yes! \"It is done.\" He left.", &["Yes!", "\"It is done.\"", "He left."]);
    check("مرحبا بك. كيف أساعدك اليوم؟ أنا هنا", &["مرحبا بك.", "كيف أساعدك اليوم؟", "أنا هنا"]);
}

#[test]
fn the_first_clause_ends_at_an_early_comma_and_later_ones_do_not() {
    check(
        "Well of course, I can do that, my dear friend, with real pleasure today, yes.",
        &["Well of course,", "I can do that, my dear friend,", "with real pleasure today, yes."],
    );
    check("نعم بالطبع يا سيدي، يمكنني مساعدتك", &["نعم بالطبع يا سيدي،", "يمكنني مساعدتك"]);
    check("نعم بالطبع يا سيدي،يمكنني مساعدتك", &["نعم بالطبع يا سيدي،", "يمكنني مساعدتك"]);
    check("The order is here; it is yours.", &["The order is here;", "it is yours."]);
}

#[test]
fn fewer_than_three_words_are_not_cut_off_but_as_a_sentence() {
    check_whole("Yes, of course.");
    check_whole("نعم، بالطبع.");
    check_whole("Well; of course.");
    check("Yes. Of course.", &["Yes.", "Of course."]);
    check("Sure, one moment, I will look.", &["Sure, one moment,", "I will look."]);
}

#[test]
fn the_first_clause_ends_before_a_conjunction() {
    check(
        "We received your payment yesterday and the technician will come",
        &["We received your payment yesterday", "and the technician will come"],
    );
    check(
        "تم شحن طلبك هذا الصباح وسيصل إليك قبل نهاية الأسبوع",
        &["تم شحن طلبك هذا الصباح", "وسيصل إليك قبل نهاية الأسبوع"],
    );
    check(
        "يمكنك زيارة الفرع القريب منك لأن الموظف هناك سيساعدك",
        &["يمكنك زيارة الفرع القريب منك", "لأن الموظف هناك سيساعدك"],
    );
    // Not inside a longer word, and not after too little.
    check_whole("We sent your new order software today.");
    check_whole("Name and address please.");
}

#[test]
fn the_first_clause_ends_where_a_speakers_phrase_does() {
    check("The capital of France is Paris.", &["The capital of France", "is Paris."]);
    check("Your new card will arrive on Monday.", &["Your new card will arrive on Monday."]);
    check(
        "The new card for your account will arrive on Monday.",
        &["The new card for your account", "will arrive on Monday."],
    );
    check(
        "Our main office opens from nine to five.",
        &["Our main office opens", "from nine to five."],
    );
    check(
        "يفتح فرعنا الرئيسي أبوابه من التاسعة صباحا",
        &["يفتح فرعنا الرئيسي أبوابه", "من التاسعة صباحا"],
    );
    // Not before the last word, not after too little, and not after a word that leads on.
    check_whole("Please tell me what your name is.");
    check_whole("The sun is a star.");
    check_whole("Those are all that there are today.");
    check_whole("We are open all of it from nine.");
}

#[test]
fn a_long_first_clause_ends_where_its_words_need_not_stay_together() {
    check(
        "Our main office downtown opens every single weekday morning except public holidays",
        &["Our main office downtown opens every single weekday", "morning except public holidays"],
    );
    check(
        "Your new card arrived at our main branch in the city centre today",
        &["Your new card arrived at our main branch", "in the city centre today"],
    );
    check(
        "يفتح مكتبنا الرئيسي الكبير أبوابه صباح كل يوم عمل عدا العطل الرسمية",
        &["يفتح مكتبنا الرئيسي الكبير أبوابه صباح كل يوم", "عمل عدا العطل الرسمية"],
    );
    // Only the first: what plays covers the wait for the second.
    check(
        "Good morning. Our main office downtown opens every single weekday morning at eight",
        &["Good morning.", "Our main office downtown opens every single weekday morning at eight"],
    );
}

#[test]
fn words_that_belong_together_are_not_parted() {
    check(
        "Please come and see us here tomorrow at the new office downtown",
        &["Please come and see us here tomorrow at the new", "office downtown"],
    );
    check(
        "The total for this long new order costs 25 dollars and change",
        &["The total for this long new order costs 25 dollars", "and change"],
    );
    check(
        "وصل طلبك الجديد إلى فرعنا الرئيسي الكبير بتلك المدينة الجميلة اليوم",
        &["وصل طلبك الجديد إلى فرعنا الرئيسي الكبير بتلك", "المدينة الجميلة اليوم"],
    );
}

#[test]
fn numbers_times_and_abbreviations_are_not_cut() {
    check_whole("It costs 3.50 dollars.");
    check_whole("Ask Dr. Smith about 1,500.50 SAR.");
    check_whole("Come at 10:30 or 11:00.");
    check_whole("The code is 1, 2, 3, 4.");
    check_whole("Our number is 555 123 456 789 012 345 678 901.");
    check_whole("The U.S. office is closed.");
    check_whole("قال د. أحمد نعم.");
    check_whole("السعر 3.5 دينار.");
    check_whole("بلغ الرصيد 1,500.50 ر.س. بحسابك");
    check_whole("بلغ الرصيد ١٬٥٠٠٫٥٠ ريال");
    check_whole("عنواننا ص.ب. 1234 الرياض");
    check_whole("مع أ.د. محمد");
    check_whole("الموعد 12:30 ظهرا");
    check_whole("Ask Acme Co. today.");
    check(
        "نفتح الساعة 9 ص. نغلق الساعة 5 م. أهلا",
        &["نفتح الساعة 9 ص.", "نغلق الساعة 5 م.", "أهلا"],
    );
    check("١. الأول\n٢. الثاني", &["١. الأول", "٢. الثاني"]);
    check("1. First one\n2. Second one", &["1. First one", "2. Second one"]);
    check("It was 5, then six.", &["It was 5,", "then six."]);
}

#[test]
fn addresses_stay_whole() {
    check_whole("Visit https://example.com/a,b;c?d=1.5 now.");
    check_whole("Write to first.last@example.com today.");
}

#[test]
fn nothing_speakable_is_no_clause() {
    check("... !!! 🙂", &[]);
    check("", &[]);
    check("   \n  ", &[]);
}

#[test]
fn an_endless_sentence_is_cut_at_a_space() {
    let text = "word ".repeat(200);
    let mut splitter = ClauseSplitter::default();
    let clauses = splitter.push(&text);
    assert!(clauses.len() >= 3, "{}", clauses.len());
    assert!(clauses.iter().all(|c| c.len() < CLAUSE_CHARS_MAX + 20));
}

proptest::proptest! {
    #[test]
    fn no_letter_is_lost(text in "[a-zA-Z0-9 .,!?،؟\n]{0,400}") {
        let letters = |s: &str| s.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
        let mut splitter = ClauseSplitter::default();
        let mut clauses = splitter.push(&text);
        clauses.extend(splitter.finish());
        proptest::prop_assert_eq!(letters(&clauses.concat()), letters(&text));
    }

    /// Words stay whole: every cut falls on white space, or after an Arabic mark.
    #[test]
    fn no_word_is_cut(text in "[a-z0-9وبال.,:/ ]{0,300}") {
        let mut splitter = ClauseSplitter::default();
        let mut clauses = splitter.push(&text);
        clauses.extend(splitter.finish());
        let words: Vec<&str> = text.split_whitespace().collect();
        for clause in &clauses {
            for word in clause.split_whitespace() {
                proptest::prop_assert!(words.contains(&word), "{word} of {text}");
            }
        }
    }

    /// However the tokens fall, the clauses are the same.
    #[test]
    fn tokens_do_not_matter(text in "[a-e0-9., \nو،]{0,200}", piece in 1_usize..9) {
        let mut by_piece = ClauseSplitter::default();
        let chars: Vec<char> = text.chars().collect();
        let mut clauses: Vec<String> = chars
            .chunks(piece)
            .flat_map(|chars| by_piece.push(&chars.iter().collect::<String>()))
            .collect();
        clauses.extend(by_piece.finish());
        let mut at_once = ClauseSplitter::default();
        let mut expected = at_once.push(&text);
        expected.extend(at_once.finish());
        proptest::prop_assert_eq!(clauses, expected);
    }
}
