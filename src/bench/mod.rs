//! Measures this machine with these models: `sawt bench`. Each file is one measurement and gives a
//! [`Report`], which is printed, kept as JSON, and drawn as a page with plots.
//!
//! Knows no targets: a number is compared with another of the same run, or with a person's wish.

pub mod accuracy;
mod bootstrap;
pub mod calls;
mod labels;
pub mod llm;
mod machine;
mod page;
mod process;
pub mod sentiment;
pub mod stt;
pub mod transport;
pub mod tts;
pub mod vad;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

pub use crate::caller::measure::percentile;
pub use machine::Machine;
pub use page::{PageError, page};

/// What a measurement found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Which measurement, e.g. `stt`.
    pub bench: &'static str,
    /// Version of Sawt.
    pub version: &'static str,
    /// Where it ran.
    pub machine: Machine,
    /// What was measured: models, counts, settings.
    pub setup: BTreeMap<&'static str, String>,
    /// The numbers.
    pub series: Vec<Series>,
    /// Words that say whether the numbers can be trusted: transcripts, answers.
    pub notes: Vec<String>,
    /// What is no series: rates with their intervals, words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<Table>,
    /// What the tables were made of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<serde_json::Value>,
}

/// Rows of words.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Table {
    /// What it shows.
    pub caption: &'static str,
    /// Of which model, where it is of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// Names of the columns.
    pub head: Vec<String>,
    /// As many as the head has.
    pub rows: Vec<Vec<String>>,
    /// Whether the rows are sentences, which no terminal aligns in two scripts.
    pub words: bool,
}

impl Table {
    fn print(&self, out: &mut String) {
        let of = self.of.as_ref().map(|of| format!(", {of}")).unwrap_or_default();
        let _ = writeln!(out, "\n{}{of}", self.caption);
        let rows = || std::iter::once(&self.head).chain(&self.rows);
        let columns = self.head.len();
        let width = |n: usize| rows().map(|row| row[n].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in rows() {
            let cells = row.iter().zip(&widths).map(|(cell, width)| match self.words {
                true => cell.clone(),
                false => format!("{cell:width$}"),
            });
            let cells: Vec<String> = cells.collect();
            let _ =
                writeln!(out, "{}", cells.join(if self.words { " | " } else { "  " }).trim_end());
        }
    }
}

/// Values of one kind.
#[derive(Debug, Clone, Serialize)]
pub struct Series {
    /// What was measured, e.g. `first audio, 12 words`.
    pub name: String,
    /// `ms`, `µs`, `CPU-s`, `tokens/s`, `MB`.
    pub unit: &'static str,
    /// As they came.
    pub values: Vec<f64>,
}

impl Report {
    pub(crate) fn new(bench: &'static str) -> Self {
        Self {
            bench,
            version: env!("CARGO_PKG_VERSION"),
            machine: Machine::here(),
            setup: BTreeMap::new(),
            series: Vec::new(),
            notes: Vec::new(),
            tables: Vec::new(),
            details: None,
        }
    }

    /// Adds a value to the series `name`, which begins with its first value.
    pub(crate) fn add(&mut self, name: &str, unit: &'static str, value: f64) {
        match self.series.iter_mut().find(|s| s.name == name) {
            Some(series) => series.values.push(value),
            None => self.series.push(Series { name: name.to_owned(), unit, values: vec![value] }),
        }
    }

    /// The table for a terminal.
    pub fn table(&self) -> String {
        let mut table = format!("{}\n", self.machine);
        for (name, value) in &self.setup {
            let _ = writeln!(table, "{name}: {value}");
        }
        self.tables.iter().for_each(|of| of.print(&mut table));
        if !self.series.is_empty() {
            self.print_series(&mut table);
        }
        for note in &self.notes {
            let _ = writeln!(table, "{note}");
        }
        table
    }

    fn print_series(&self, table: &mut String) {
        let width = self.series.iter().map(|s| s.name.chars().count()).max().unwrap_or(0);
        let _ = writeln!(
            table,
            "\n{:width$} {:>8} {:>5} {:>9} {:>9} {:>9}",
            "", "", "n", "p50", "p95", "max"
        );
        for series in &self.series {
            let at = |share| number(percentile(&series.values, share));
            let _ = writeln!(
                table,
                "{:width$} {:>8} {:>5} {:>9} {:>9} {:>9}",
                series.name,
                series.unit,
                series.values.len(),
                at(0.5),
                at(0.95),
                at(1.0)
            );
        }
    }
}

/// Three digits that mean something.
fn number(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value.abs() >= 100.0 => format!("{value:.0}"),
        Some(value) if value.abs() >= 10.0 => format!("{value:.1}"),
        Some(value) if value.abs() >= 1.0 => format!("{value:.2}"),
        Some(value) => format!("{value:.3}"),
    }
}

/// Measuring is what clocks are for; the one place of the benches that reads one.
#[allow(clippy::disallowed_methods)]
fn clock() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

fn ms_since(start: tokio::time::Instant) -> f64 {
    clock().duration_since(start).as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_table_json_and_a_page() {
        let mut report = Report::new("tts");
        report.setup.insert("voice", "<joe & co>".into());
        for value in [120.0, 95.5, 7.25, 0.125] {
            report.add("first audio, 12 words", "ms", value);
        }
        report.add("only one", "ms", 1.0);
        let table = report.table();
        assert!(table.contains("first audio, 12 words"), "{table}");
        assert!(table.contains("7.25") && table.contains("120"), "{table}");

        let page = page(&report).unwrap();
        assert!(page.contains("&lt;joe &amp; co&gt;"), "text is escaped");
        assert!(page.contains("<svg"), "it has plots");
        assert!(!page.contains("http:") || page.contains("www.w3.org"), "nothing is loaded");
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["series"][0]["values"][1], 95.5);
    }

    #[test]
    fn a_series_without_values_is_shown_as_none() {
        assert_eq!(number(percentile(&[], 0.5)), "–");
        assert_eq!(number(percentile(&[f64::NAN], 0.5)), "–");
    }
}
