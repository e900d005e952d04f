//! The caller's mood: labelled turns against the lexicon's reading, and on request against the language
//! model's. Words only; how they are said needs sound that nobody has labelled.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, bail};
use futures::StreamExt as _;

use super::{Report, Table, clock, ms_since};
use crate::config::Config;
use crate::engines::RunningEngines;
use crate::engines::llm::{ChatMessage, Generated, Generation, LanguageModel as _, LocalLlm, Role};
use crate::sentiment::labelled::{self, Labelled};
use crate::sentiment::{Feeling, read, verdict};
use crate::supervisor::EngineKind;

/// Mistakes that are shown of each reader.
const WRONG_MAX: usize = 60;

/// Reads the turns of `file`, or of our own set.
///
/// # Errors
/// A file that can not be read, or a model that does not run.
pub async fn run(config: &Config, file: Option<&Path>, with_llm: bool) -> anyhow::Result<Report> {
    let turns = match file {
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("can not read {}", file.display()))?;
            labelled::parse(&text).with_context(|| file.display().to_string())?
        }
        None => labelled::parse(labelled::OURS)?,
    };
    let mut report = Report::new("sentiment");
    let set = file.map_or_else(|| "our own".to_owned(), |file| file.display().to_string());
    report.setup.insert("set", set);
    report.setup.insert("turns", turns.len().to_string());

    let start = clock();
    let by_words: Vec<Feeling> =
        turns.iter().map(|turn| Feeling::of(read(&turn.text).value)).collect();
    report.add("lexicon, all turns", "ms", ms_since(start));
    add_tables(&mut report, "lexicon", &turns, &by_words);

    if with_llm {
        report.setup.insert("model", config.llm.model.clone());
        let answers = ask(config, &turns, &mut report).await?;
        // An answer that is none of the three words changes nothing: the turn stays neutral.
        let of = |answer: &Option<Feeling>| answer.unwrap_or(Feeling::Neutral);
        let by_model: Vec<Feeling> = answers.iter().map(of).collect();
        let unusable = answers.iter().filter(|answer| answer.is_none()).count();
        report.notes.push(format!("{unusable} of {} answers were none of the words", turns.len()));
        add_tables(&mut report, "model", &turns, &by_model);
        let both = turns.iter().zip(&answers).map(|(turn, answer)| {
            let words = read(&turn.text).value;
            Feeling::of(answer.map_or(words, |feeling| verdict::blend(words, feeling)))
        });
        let both: Vec<Feeling> = both.collect();
        add_tables(&mut report, "lexicon and model", &turns, &both);
    }
    Ok(report)
}

async fn ask(
    config: &Config,
    turns: &[Labelled],
    report: &mut Report,
) -> anyhow::Result<Vec<Option<Feeling>>> {
    let engines = RunningEngines::start(config, &[EngineKind::Llm])?;
    engines.ready().await?;
    let Some(llm) = engines.llm() else { bail!("the language model was not started") };
    let mut answers = Vec::new();
    for turn in turns {
        let start = clock();
        answers.push(verdict::parse(&answer(&llm, &turn.text).await?));
        report.add("model, one turn", "ms", ms_since(start));
    }
    engines.stop().await;
    Ok(answers)
}

async fn answer(llm: &LocalLlm, turn: &str) -> anyhow::Result<String> {
    let message = |role, content: String| ChatMessage { role, content };
    let mut pieces = llm.generate(Generation {
        conversation: "bench".into(),
        messages: vec![
            message(Role::System, verdict::INSTRUCTIONS.to_owned()),
            message(Role::User, verdict::question(turn)),
        ],
        max_tokens: verdict::TOKENS_MAX,
        ..Generation::default()
    });
    let mut answer = String::new();
    while let Some(piece) = pieces.next().await {
        if let Generated::Text(text) = piece? {
            answer.push_str(&text);
        }
    }
    Ok(answer)
}

/// How often which feeling was taken for which: rows are people's words, columns the reader's.
#[derive(Debug, Clone, Copy, Default)]
struct Confusion([[usize; 3]; 3]);

impl Confusion {
    fn count(&mut self, truth: Feeling, read: Feeling) {
        self.0[truth as usize][read as usize] += 1;
    }

    fn total(&self) -> usize {
        self.0.iter().flatten().sum()
    }

    fn right(&self) -> usize {
        (0..3).map(|n| self.0[n][n]).sum()
    }

    /// Of what was called this, how much is; of what is this, how much was called so; both.
    fn scores(&self, feeling: Feeling) -> [f64; 3] {
        let n = feeling as usize;
        let right = self.0[n][n] as f64;
        let called: usize = self.0.iter().map(|row| row[n]).sum();
        let is: usize = self.0[n].iter().sum();
        let share = |of: usize| if of == 0 { 0.0 } else { right / of as f64 };
        let (precision, recall) = (share(called), share(is));
        let sum = precision + recall;
        [precision, recall, if sum > 0.0 { 2.0 * precision * recall / sum } else { 0.0 }]
    }

    fn macro_f1(&self) -> f64 {
        Feeling::ALL.iter().map(|feeling| self.scores(*feeling)[2]).sum::<f64>() / 3.0
    }
}

fn add_tables(report: &mut Report, reader: &'static str, turns: &[Labelled], read: &[Feeling]) {
    let mut groups: BTreeMap<(String, String), Confusion> = BTreeMap::new();
    let mut dialects: BTreeMap<(String, String), Confusion> = BTreeMap::new();
    for (turn, read) in turns.iter().zip(read) {
        let half = turn.half.clone();
        let mut count = |language: String| {
            groups.entry((half.clone(), language)).or_default().count(turn.feeling, *read);
        };
        count(turn.language.clone());
        count("all".to_owned());
        let dialect = (turn.half.clone(), turn.dialect.clone());
        dialects.entry(dialect).or_default().count(turn.feeling, *read);
    }
    let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let mut scores = Table {
        caption: "Precision, recall, F1",
        of: Some(reader.to_owned()),
        head: words(&["half", "language", "class", "n", "precision", "recall", "F1"]),
        ..Table::default()
    };
    let mut confusion = Table {
        caption: "Confusion: rows are people's words",
        of: Some(reader.to_owned()),
        head: words(&["half", "language", "is", "angry", "neutral", "pleased"]),
        ..Table::default()
    };
    for ((half, language), counted) in &groups {
        for feeling in Feeling::ALL {
            let row = counted.0[feeling as usize];
            let start = [half.clone(), language.clone(), feeling.as_str().to_owned()];
            let mut line = start.to_vec();
            line.push(row.iter().sum::<usize>().to_string());
            line.extend(counted.scores(feeling).map(|score| format!("{score:.2}")));
            scores.rows.push(line);
            let mut line = start.to_vec();
            line.extend(row.map(|n| n.to_string()));
            confusion.rows.push(line);
        }
        let mut line = vec![half.clone(), language.clone(), "macro".to_owned()];
        line.push(counted.total().to_string());
        line.extend([String::new(), String::new(), format!("{:.2}", counted.macro_f1())]);
        scores.rows.push(line);
    }
    let mut accuracy = Table {
        caption: "Right, by dialect",
        of: Some(reader.to_owned()),
        head: words(&["half", "dialect", "right", "of"]),
        ..Table::default()
    };
    for ((half, dialect), counted) in &dialects {
        let (right, total) = (counted.right().to_string(), counted.total().to_string());
        accuracy.rows.push(vec![half.clone(), dialect.clone(), right, total]);
    }
    let mut wrong = Table {
        caption: "Mistakes",
        of: Some(reader.to_owned()),
        head: words(&["half", "dialect", "is", "read as", "words"]),
        words: true,
        ..Table::default()
    };
    let mistakes = turns.iter().zip(read).filter(|(turn, read)| turn.feeling != **read);
    for (turn, read) in mistakes.take(WRONG_MAX) {
        wrong.rows.push(vec![
            turn.half.clone(),
            turn.dialect.clone(),
            turn.feeling.as_str().to_owned(),
            read.as_str().to_owned(),
            // Nobody's words may steer the terminal.
            turn.text.replace(|c: char| c.is_control(), " "),
        ]);
    }
    report.tables.extend([scores, confusion, accuracy, wrong]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_follow_from_the_confusion() {
        let mut counted = Confusion::default();
        for (truth, read) in [
            (Feeling::Angry, Feeling::Angry),
            (Feeling::Angry, Feeling::Neutral),
            (Feeling::Neutral, Feeling::Neutral),
            (Feeling::Pleased, Feeling::Angry),
        ] {
            counted.count(truth, read);
        }
        assert_eq!(counted.scores(Feeling::Angry), [0.5, 0.5, 0.5]);
        assert_eq!(counted.scores(Feeling::Pleased), [0.0, 0.0, 0.0]);
        assert_eq!((counted.right(), counted.total()), (2, 4));
    }

    /// A floor against mistakes in the code, not a claim: BENCHMARKS.md has the numbers.
    #[tokio::test]
    async fn our_own_set_is_read_better_than_by_chance() {
        let report = run(&Config::default(), None, false).await.unwrap();
        let f1 = |half: &str, language: &str| {
            let row = report.tables[0]
                .rows
                .iter()
                .find(|row| row[0] == half && row[1] == language && row[2] == "macro");
            row.unwrap()[6].parse::<f64>().unwrap()
        };
        for language in ["ar", "en"] {
            assert!(f1("tune", language) > 0.8, "{}", report.table());
            assert!(f1("held-out", language) > 0.6, "{}", report.table());
        }
    }
}
