//! How well the ears hear an operator's own callers: word and character error rates on labelled calls,
//! by dialect, in three forms of spelling, for any installed models. What is slow or dear about them,
//! `stt` measures.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use anyhow::Context as _;

use super::labels::{self, Labelled, Labels};
use super::stt::Ears;
use super::{Report, Table, bootstrap};
use crate::audio::{CALLER_RATE_HZ, pieces::pieces_of, wav};
use crate::config::Config;
use crate::engines::EngineError;
use crate::speech::guard::{Evidence, Guard, Verdict};
use crate::speech::normalise::{Edits, Form, REFERENCE_CHARS_MAX, edits, normalise};

/// Rows of the table of the worst, for each model.
const WORST: usize = 20;

/// One clip as one model heard it.
struct Result {
    heard: String,
    confidence: f32,
    /// Why the guard would not believe it, were it heard in a call.
    refused: Option<&'static str>,
    words: [Edits; 3],
    chars: [Edits; 3],
}

/// One model on all clips; `None` where it failed.
struct Model {
    name: String,
    results: Vec<Option<Result>>,
    failed: Vec<String>,
    cpu_s: f64,
}

/// Compares `models` on the labelled calls in `folder`. `progress` is told clips done and to do.
///
/// # Errors
/// When the folder is wrong, or a model does not run.
pub async fn run(
    config: &Config,
    folder: &Path,
    models: &[String],
    progress: &(dyn Fn(usize, usize) + Sync),
) -> anyhow::Result<Report> {
    let labels = labels::read(folder)?;
    let guard = Guard::new(&config.agent.languages, []);
    let todo = labels.clips.len() * models.len();
    let mut heard = Vec::new();
    for (nth, model) in models.iter().enumerate() {
        let ears = Ears::open(config, model).await?;
        let mut of =
            Model { name: ears.model.clone(), results: Vec::new(), failed: Vec::new(), cpu_s: 0.0 };
        let cpu_before = ears.cpu_seconds();
        for (number, clip) in labels.clips.iter().enumerate() {
            match hear(&ears, config, clip).await {
                Ok((text, evidence)) => {
                    of.results.push(Some(compare(&labels, &guard, clip, text, &evidence)))
                }
                Err(error) => {
                    of.failed.push(format!("{}: {error:#}", clip.name));
                    of.results.push(None);
                    // One clip may be bad; an engine that is gone is nobody's accuracy.
                    if of.failed.len() == labels.clips.len().clamp(1, 10) {
                        ears.stop().await;
                        return Err(
                            error.context(format!("model {model} fails on clip after clip"))
                        );
                    }
                }
            }
            progress(nth * labels.clips.len() + number + 1, todo);
        }
        of.cpu_s = ears.cpu_seconds() - cpu_before;
        ears.stop().await;
        heard.push(of);
    }
    Ok(report(&labels, &heard))
}

/// The words of a clip of any length, and the worst that is known of its pieces.
async fn hear(ears: &Ears, config: &Config, clip: &Labelled) -> anyhow::Result<(String, Evidence)> {
    let pcm = wav::read(&clip.path, CALLER_RATE_HZ).context("it could be read before")?;
    let languages = match &clip.language {
        Some(language) => vec![language.clone()],
        None => config.agent.languages.clone(),
    };
    let (mut words, mut confidence, mut no_speech, mut language) =
        (Vec::new(), 1.0_f32, 0.0_f32, 1.0_f32);
    for piece in pieces_of(&pcm) {
        let heard: std::result::Result<_, EngineError> =
            ears.transcribe(config, piece.to_vec(), languages.clone()).await;
        let heard = heard?;
        confidence = confidence.min(heard.confidence);
        no_speech = no_speech.max(heard.no_speech_probability);
        language = language.min(heard.language_probability);
        words.push(heard.text);
    }
    let text = words.join(" ").trim().to_owned();
    let evidence = Evidence {
        speech_ms: Some((clip.seconds * 1000.0) as u32),
        below_usual_db: None,
        confidence,
        no_speech_probability: no_speech,
        language_probability: language,
    };
    Ok((text, evidence))
}

fn compare(
    labels: &Labels,
    guard: &Guard,
    clip: &Labelled,
    heard: String,
    evidence: &Evidence,
) -> Result {
    let forms = Form::ALL.map(|form| {
        let of = |text: &str| canonical(&normalise(text, form), form, &labels.variants);
        // Bounds the table of the alignment whatever a model writes.
        let bounded: String = heard.chars().take(2 * REFERENCE_CHARS_MAX).collect();
        (of(&clip.text), of(&bounded))
    });
    let words =
        |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
    let chars = |text: &str| -> Vec<char> { text.chars().filter(|c| *c != ' ').collect() };
    let refused = match guard.judge(&heard, evidence) {
        Verdict::Keep => None,
        Verdict::Trim(_, why) | Verdict::Drop(why) => Some(why.as_str()),
    };
    Result {
        confidence: evidence.confidence,
        refused,
        words: forms.each_ref().map(|(said, heard)| edits(&words(said), &words(heard))),
        chars: forms.each_ref().map(|(said, heard)| edits(&chars(said), &chars(heard))),
        heard,
    }
}

/// `text` with every spelling that the operator listed as the one that stands for it.
fn canonical(text: &str, form: Form, variants: &HashMap<String, String>) -> String {
    // A comparison with others' numbers takes no list of ours.
    if variants.is_empty() || form == Form::Leaderboard {
        return text.to_owned();
    }
    let one = |word: &str| {
        let folded = normalise(word, Form::Folded);
        variants.get(&folded).cloned().unwrap_or_else(|| word.to_owned())
    };
    text.split(' ').map(one).collect::<Vec<_>>().join(" ")
}

fn report(labels: &Labels, models: &[Model]) -> Report {
    let mut report = Report::new("stt");
    let seconds: f64 = labels.clips.iter().map(|clip| clip.seconds).sum();
    report.setup.insert("clips", format!("{}, {:.1} minutes", labels.clips.len(), seconds / 60.0));
    report
        .setup
        .insert("intervals", "95 %, bootstrap over clips; – where there are fewer than 5".into());
    report.tables.push(rates("Word error rate, %", labels, models, |result| &result.words));
    report.tables.push(rates("Character error rate, %", labels, models, |result| &result.chars));
    if models.len() > 1 {
        report.tables.push(differences(labels, models));
    }
    report.tables.push(whole(labels, models, seconds));
    for model in models {
        report.tables.push(worst(labels, model));
        for failed in model.failed.iter().take(WORST) {
            report.notes.push(format!("{} failed on {failed}", model.name));
        }
    }
    report.details = Some(details(labels, models));
    report
}

/// Each dialect, and all of them where there are several.
fn dialects(labels: &Labels) -> Vec<Option<&str>> {
    let names: BTreeSet<&str> = labels.clips.iter().map(|clip| clip.dialect.as_str()).collect();
    let all = (names.len() > 1).then_some(None);
    names.into_iter().map(Some).chain(all).collect()
}

/// The results of a model in a dialect, with their clips.
fn of_dialect<'a>(
    labels: &'a Labels,
    model: &'a Model,
    dialect: Option<&'a str>,
) -> impl Iterator<Item = (&'a Labelled, &'a Result)> {
    let all = labels.clips.iter().zip(&model.results);
    all.filter(move |(clip, _)| dialect.is_none_or(|dialect| clip.dialect == dialect))
        .filter_map(|(clip, result)| Some((clip, result.as_ref()?)))
}

type Pick = fn(&Result) -> &[Edits; 3];

fn rates(caption: &'static str, labels: &Labels, models: &[Model], pick: Pick) -> Table {
    let mut head = vec!["dialect".to_owned(), "model".into(), "clips".into(), "said".into()];
    head.extend(Form::ALL.map(|form| form.as_str().to_owned()));
    let mut rows = Vec::new();
    for dialect in dialects(labels) {
        for model in models {
            let edits: Vec<_> = of_dialect(labels, model, dialect).map(|(_, r)| pick(r)).collect();
            let said: usize = edits.iter().map(|edits| edits[2].of).sum();
            let mut row = vec![dialect.unwrap_or("all").to_owned(), model.name.clone()];
            row.extend([edits.len().to_string(), said.to_string()]);
            for form in 0..Form::ALL.len() {
                let clips: Vec<_> = edits.iter().map(|e| (e[form].errors(), e[form].of)).collect();
                let rate = bootstrap::rate(clips.iter().copied());
                row.push(with_interval(rate, bootstrap::interval(&clips)));
            }
            rows.push(row);
        }
    }
    Table { caption, of: None, head, rows, words: false }
}

/// Each model against the first, on the clips that both heard.
fn differences(labels: &Labels, models: &[Model]) -> Table {
    let head = ["dialect", "model, less the first", "WER folded", "CER folded"].map(str::to_owned);
    let mut rows = Vec::new();
    for dialect in dialects(labels) {
        for model in &models[1..] {
            let mut row = vec![dialect.unwrap_or("all").to_owned(), model.name.clone()];
            let picks: [Pick; 2] = [|r| &r.words, |r| &r.chars];
            for pick in picks {
                let (mut first, mut second) = (Vec::new(), Vec::new());
                let pairs = models[0].results.iter().zip(&model.results).zip(&labels.clips);
                for ((one, other), clip) in pairs {
                    let wanted = dialect.is_none_or(|dialect| clip.dialect == dialect);
                    if let (Some(one), Some(other), true) = (one, other, wanted) {
                        let clip = |r: &Result| (pick(r)[2].errors(), pick(r)[2].of);
                        first.push(clip(one));
                        second.push(clip(other));
                    }
                }
                let rate = |clips: &[bootstrap::Clip]| bootstrap::rate(clips.iter().copied());
                let by = rate(&second) - rate(&first);
                row.push(with_interval(by, bootstrap::difference(&first, &second)));
            }
            rows.push(row);
        }
    }
    let caption = "Difference, percentage points";
    Table { caption, of: None, head: head.into(), rows, words: false }
}

/// What rates do not say.
fn whole(labels: &Labels, models: &[Model], seconds: f64) -> Table {
    let head = [
        "model",
        "heard nothing of words",
        "heard words in silence",
        "guard would refuse",
        "failed",
        "CPU-s a second of sound",
    ];
    let rows = models
        .iter()
        .map(|model| {
            let all: Vec<_> = of_dialect(labels, model, None).collect();
            let count = |is: fn(&Labelled, &Result) -> bool| {
                all.iter().filter(|(clip, result)| is(clip, result)).count().to_string()
            };
            vec![
                model.name.clone(),
                count(|clip, result| !clip.text.is_empty() && result.heard.is_empty()),
                count(|clip, result| clip.text.is_empty() && !result.heard.is_empty()),
                count(|_, result| result.refused.is_some()),
                model.failed.len().to_string(),
                format!("{:.3}", model.cpu_s / seconds.max(0.001)),
            ]
        })
        .collect();
    let head = head.map(str::to_owned).into();
    Table { caption: "What rates do not say", of: None, head, rows, words: false }
}

fn worst(labels: &Labels, model: &Model) -> Table {
    let mut all: Vec<_> =
        of_dialect(labels, model, None).filter(|(_, r)| r.words[2].errors() > 0).collect();
    all.sort_by(|(_, a), (_, b)| {
        let worse = b.words[2].rate().total_cmp(&a.words[2].rate());
        worse.then(b.words[2].errors().cmp(&a.words[2].errors()))
    });
    let rows = all
        .into_iter()
        .take(WORST)
        .map(|(clip, result)| {
            let Edits { of: _, substituted, deleted, inserted } = result.words[2];
            vec![
                format!("{:.0}", 100.0 * result.words[2].rate()),
                format!("{substituted}/{deleted}/{inserted}"),
                clip.dialect.clone(),
                clip.name.clone(),
                clip.text.clone(),
                match result.refused {
                    Some(why) => format!("{} (refused: {why})", result.heard),
                    None => result.heard.clone(),
                },
            ]
        })
        .collect();
    let head = ["WER folded, %", "other/missed/invented", "dialect", "file", "said", "heard"];
    Table {
        caption: "The worst utterances",
        head: head.map(str::to_owned).into(),
        rows,
        words: true,
        of: Some(model.name.clone()),
    }
}

fn with_interval(rate: f64, interval: Option<(f64, f64)>) -> String {
    match interval {
        Some((low, high)) => {
            format!("{:.1} [{:.1}, {:.1}]", 100.0 * rate, 100.0 * low, 100.0 * high)
        }
        None => format!("{:.1} [–]", 100.0 * rate),
    }
}

/// Every utterance, for who wants to compute more.
fn details(labels: &Labels, models: &[Model]) -> serde_json::Value {
    let clips = labels.clips.iter().enumerate().map(|(n, clip)| {
        let heard = models.iter().map(|model| {
            let result = model.results[n].as_ref();
            let rates = |pick: Pick| {
                result.map(|r| {
                    let pairs = Form::ALL.iter().zip(pick(r));
                    pairs.map(|(form, edits)| (form.as_str(), *edits)).collect::<HashMap<_, _>>()
                })
            };
            serde_json::json!({
                "model": model.name,
                "heard": result.map(|r| &r.heard),
                "confidence": result.map(|r| r.confidence),
                "refused": result.and_then(|r| r.refused),
                "words": rates(|r| &r.words),
                "characters": rates(|r| &r.chars),
            })
        });
        serde_json::json!({
            "file": clip.name, "dialect": clip.dialect, "seconds": clip.seconds, "said": clip.text,
            "models": heard.collect::<Vec<_>>(),
        })
    });
    serde_json::Value::Array(clips.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(name: &str, dialect: &str, text: &str) -> Labelled {
        Labelled {
            name: name.into(),
            path: name.into(),
            text: text.into(),
            dialect: dialect.into(),
            language: None,
            seconds: 2.0,
        }
    }

    fn model(labels: &Labels, name: &str, heard: &[&str]) -> Model {
        let guard = Guard::new(&["ar".into()], []);
        let evidence = Evidence {
            speech_ms: Some(2_000),
            below_usual_db: None,
            confidence: 0.8,
            no_speech_probability: 0.0,
            language_probability: 1.0,
        };
        let results = labels.clips.iter().zip(heard).map(|(clip, heard)| {
            Some(compare(labels, &guard, clip, (*heard).to_owned(), &evidence))
        });
        Model { name: name.into(), results: results.collect(), failed: Vec::new(), cpu_s: 0.4 }
    }

    #[test]
    fn a_comparison_shows_dialects_forms_differences_and_the_worst() {
        let labels = Labels {
            clips: vec![
                clip("a.wav", "gulf", "أبغى إلغاء الاشتراك"),
                clip("b.wav", "egyptian", "افتح الapp على مدرسة"),
                clip("c.wav", "egyptian", ""),
            ],
            variants: [("ابلكيشن".to_owned(), "app".to_owned())].into(),
        };
        let models = [
            model(
                &labels,
                "one",
                &["ابغى الغاء الاشتراك", "افتح الapp علي مدرسه", "ترجمة نانسي قنقر"],
            ),
            model(&labels, "two", &["أبغى إلغاء", "", ""]),
        ];
        let report = report(&labels, &models);
        let words = &report.tables[0];
        let row = |dialect: &str, model: &str| {
            words.rows.iter().find(|r| r[0] == dialect && r[1] == model).unwrap()[2..].join(" ")
        };
        // Leaderboard, light, folded: each forgives more.
        assert_eq!(row("gulf", "one"), "1 3 66.7 [–] 0.0 [–] 0.0 [–]");
        assert_eq!(row("gulf", "two"), "1 3 33.3 [–] 33.3 [–] 33.3 [–]");
        assert_eq!(row("egyptian", "one"), "2 4 125.0 [–] 125.0 [–] 75.0 [–]");
        assert_eq!(row("all", "two"), "3 7 71.4 [–] 71.4 [–] 71.4 [–]");
        let difference =
            report.tables.iter().find(|t| t.caption.starts_with("Difference")).unwrap();
        assert_eq!(difference.rows.last().unwrap()[2], "28.6 [–]");
        let one = report.tables.iter().find(|t| t.of.as_deref() == Some("one")).unwrap();
        assert_eq!(one.rows[0][5], "ترجمة نانسي قنقر (refused: credit)");
        let table = report.table();
        assert!(table.contains("Word error rate, %") && table.contains("c.wav"), "{table}");
        let page = super::super::page(&report).unwrap();
        assert!(page.contains("dir=\"auto\""), "{page}");
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["details"][1]["models"][1]["words"]["folded"]["deleted"], 4);
    }

    #[test]
    fn listed_spellings_count_as_one() {
        let variants = [("ابلكيشن".to_owned(), "app".to_owned())].into();
        assert_eq!(canonical("افتح أبلكيشن", Form::Light, &variants), "افتح app");
        assert_eq!(canonical("افتح أبلكيشن", Form::Leaderboard, &variants), "افتح أبلكيشن");
    }
}
