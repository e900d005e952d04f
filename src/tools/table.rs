//! Tables that an operator keeps: CSV, or a table of a SQLite file. Read whole into memory when the
//! assistant is read, so that a model's arguments never come near a query language.
//!
//! Text is compared folded: vowel signs, the seats of alif, ة and ه, Eastern digits and the article
//! make no difference.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::Brought;
use crate::speech::normalise::{Form, normalise};

const ROWS_MAX: usize = 20_000;
const COLUMNS_MAX: usize = 64;
const CELL_CHARS_MAX: usize = 1_000;

/// Values of a column that are told to the model as the only ones.
const CHOICES_MAX: usize = 40;

/// A table in memory.
#[derive(Debug, PartialEq)]
pub struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// Why a table can not be read.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The first line names the columns.
    #[error("line {line}: {problem}; the first line names the columns, each other line is a row")]
    Csv {
        /// Of the file.
        line: u64,
        /// What the reader said.
        problem: String,
    },
    /// SQLite said no.
    #[error("{0}; `from` names the table of a SQLite file")]
    Sqlite(String),
    /// More than memory should hold.
    #[error("{0}; a table has at most {ROWS_MAX} rows and {COLUMNS_MAX} columns")]
    TooLarge(String),
    /// Nothing at all.
    #[error("the file is empty; write a line with the names of the columns, and a row below")]
    Nothing,
    /// No rows.
    #[error("the table has columns and no rows; write some below")]
    Empty,
    /// Columns that can not be told apart, or be asked for.
    #[error("the first line {0}; give each column a name of its own")]
    Columns(String),
}

impl Table {
    /// Reads CSV in UTF-8. Columns are separated by commas, or by what the first line has in their place:
    /// spreadsheets write semicolons or tabs in many countries.
    ///
    /// # Errors
    /// It is none, or too large.
    pub fn from_csv(text: &[u8]) -> Result<Self, TableError> {
        let text = plain(text)?;
        // Spreadsheets tell each other.
        let (text, told) = match text.strip_prefix(b"sep=") {
            Some([separator, rest @ ..]) => (rest.trim_ascii_start(), Some(*separator)),
            _ => (text.as_slice(), None),
        };
        if text.trim_ascii().is_empty() {
            return Err(TableError::Nothing);
        }
        let separator = told.unwrap_or_else(|| separator(text));
        if let Some(line) = open_quote(text, separator) {
            let problem = "a quote \" is opened here and never closed".to_owned();
            return Err(TableError::Csv { line, problem });
        }
        let mut reader = csv::ReaderBuilder::new();
        let mut reader = reader.delimiter(separator).trim(csv::Trim::All).from_reader(text);
        let wrong = |e: &csv::Error| {
            let at = e.position().map_or(0, |at| usize::try_from(at.byte()).unwrap_or(usize::MAX));
            let problem = match e.kind() {
                csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                    format!("{len} cells, where the first line has {expected_len}")
                }
                _ => e.to_string(),
            };
            TableError::Csv { line: line_of(text, at), problem }
        };
        let columns = reader.headers().map_err(|e| wrong(&e))?.iter().map(cell).collect();
        let mut rows = Vec::new();
        for row in reader.records() {
            rows.push(row.map_err(|e| wrong(&e))?.iter().map(cell).collect());
            bounded_rows(rows.len())?;
        }
        Self::new(columns, rows)
    }

    /// Reads the table `name` of the SQLite file at `path`, which is opened for reading only.
    ///
    /// # Errors
    /// It is none, or too large.
    pub fn from_sqlite(path: &Path, name: &str) -> Result<Self, TableError> {
        use rusqlite::OpenFlags;
        if !is_sqlite(path) {
            let next = "the file is no SQLite database; leave `from` out where it is a CSV";
            return Err(TableError::Sqlite(next.into()));
        }
        let sqlite = |e: rusqlite::Error| TableError::Sqlite(e.to_string());
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = rusqlite::Connection::open_with_flags(path, flags).map_err(sqlite)?;
        // The name is the operator's; quoted, it is a name whatever is in it.
        let query =
            format!("SELECT * FROM \"{}\" LIMIT {}", name.replace('"', "\"\""), ROWS_MAX + 1);
        let mut statement = connection.prepare(&query).map_err(sqlite)?;
        let columns: Vec<String> = statement.column_names().into_iter().map(cell).collect();
        let width = columns.len();
        let mut found = statement.query([]).map_err(sqlite)?;
        let mut rows = Vec::new();
        while let Some(row) = found.next().map_err(sqlite)? {
            let value = |n| -> Result<String, rusqlite::Error> {
                use rusqlite::types::ValueRef;
                Ok(match row.get_ref(n)? {
                    ValueRef::Null | ValueRef::Blob(_) => String::new(),
                    ValueRef::Integer(n) => n.to_string(),
                    ValueRef::Real(n) => n.to_string(),
                    ValueRef::Text(text) => cell(&String::from_utf8_lossy(text)),
                })
            };
            rows.push((0..width).map(value).collect::<Result<_, _>>().map_err(sqlite)?);
            bounded_rows(rows.len())?;
        }
        Self::new(columns, rows)
    }

    fn new(columns: Vec<String>, rows: Vec<Vec<String>>) -> Result<Self, TableError> {
        if columns.len() > COLUMNS_MAX {
            return Err(TableError::TooLarge(format!("{} columns", columns.len())));
        }
        if columns.iter().any(String::is_empty) {
            return Err(TableError::Columns("has a column without a name".into()));
        }
        let written: Vec<String> = columns.iter().map(|name| super::say::writable(name)).collect();
        let alike = (1..columns.len()).find_map(|n| {
            let other = (0..n).find(|m| written[*m] == written[n] && columns[*m] != columns[n])?;
            Some(format!(
                "has {:?} and {:?}, both {{{{ {} }}}} for a template",
                columns[other], columns[n], written[n]
            ))
        });
        if let Some(alike) = alike {
            return Err(TableError::Columns(alike));
        }
        let twice = columns.iter().enumerate().find(|(n, name)| columns[..*n].contains(name));
        if let Some((_, name)) = twice {
            return Err(TableError::Columns(format!("names {name:?} twice")));
        }
        if rows.is_empty() {
            return Err(TableError::Empty);
        }
        Ok(Self { columns, rows })
    }

    /// Its columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The different values of a column, where there are few enough to name them all.
    pub fn choices(&self, column: &str) -> Vec<String> {
        let Some(at) = self.columns.iter().position(|c| c == column) else { return Vec::new() };
        let mut choices: Vec<String> = Vec::new();
        for row in &self.rows {
            if !row[at].is_empty() && !choices.contains(&row[at]) {
                choices.push(row[at].clone());
                if choices.len() > CHOICES_MAX {
                    return Vec::new();
                }
            }
        }
        choices
    }
}

/// UTF-8 with single line ends, without a mark in front.
fn plain(bytes: &[u8]) -> Result<Vec<u8>, TableError> {
    let save = |what: &str| TableError::Csv {
        line: 1,
        problem: format!("the file is {what}; save it as \"CSV UTF-8 (comma delimited)\""),
    };
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Err(save("in UTF-16")),
        [b'P', b'K', 3, 4, ..] | [0xd0, 0xcf, 0x11, 0xe0, ..] => {
            return Err(save("a spreadsheet's workbook"));
        }
        _ if bytes.starts_with(b"SQLite format 3\0") => {
            let problem = "the file is a SQLite database; name its table with `from`".to_owned();
            return Err(TableError::Csv { line: 1, problem });
        }
        _ => {}
    }
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    if let Err(error) = std::str::from_utf8(bytes) {
        let line = line_of(bytes, error.valid_up_to());
        let problem =
            "this is not UTF-8 (Windows-1256?); save the file as \"CSV UTF-8 (comma delimited)\""
                .to_owned();
        return Err(TableError::Csv { line, problem });
    }
    let mut plain = Vec::with_capacity(bytes.len());
    let ends_line = |at: usize| bytes.get(at + 1) == Some(&b'\n');
    plain.extend(
        bytes.iter().enumerate().filter(|(at, b)| **b != b'\r' || !ends_line(*at)).map(|(_, b)| b),
    );
    Ok(plain)
}

fn line_of(text: &[u8], at: usize) -> u64 {
    1 + text.iter().take(at).filter(|b| **b == b'\n').count() as u64
}

/// The line of a quote that opens a cell and is never closed: the reader would take all that follows for
/// that cell.
fn open_quote(text: &[u8], separator: u8) -> Option<u64> {
    let (mut opened, mut cell_begins) = (None, true);
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match (opened, byte) {
            (None, b'"') if cell_begins => opened = Some(at),
            (Some(_), b'"') if text.get(at + 1) == Some(&b'"') => at += 1,
            (Some(_), b'"') => (opened, cell_begins) = (None, false),
            (None, byte) => {
                cell_begins = byte == separator || byte == b'\n' || (cell_begins && byte == b' ');
            }
            (Some(_), _) => {}
        }
        at += 1;
    }
    opened.map(|at| line_of(text, at))
}

fn is_sqlite(path: &Path) -> bool {
    use std::io::Read as _;
    let mut head = [0; 16];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head == *b"SQLite format 3\0"
}

/// What stands between the columns of the first line.
fn separator(text: &[u8]) -> u8 {
    let first = text.split(|b| *b == b'\n').next().unwrap_or_default();
    [b',', b';', b'\t'].into_iter().find(|b| first.contains(b)).unwrap_or(b',')
}

fn bounded_rows(rows: usize) -> Result<(), TableError> {
    let more = || TableError::TooLarge(format!("more than {ROWS_MAX} rows"));
    if rows > ROWS_MAX { Err(more()) } else { Ok(()) }
}

fn cell(text: &str) -> String {
    text.trim_start_matches('\u{feff}').trim().chars().take(CELL_CHARS_MAX).collect()
}

/// Looks up rows of a table.
#[derive(Debug)]
pub struct TableTool {
    /// Where.
    pub table: Arc<Table>,
    /// Columns that are asked for, which are the arguments.
    pub by: Vec<String>,
    /// Columns that are told; none: all.
    pub tell: Vec<String>,
    /// Most rows that are told.
    pub rows_max: usize,
}

impl TableTool {
    /// The rows that these arguments mean: those that are equal, else those that hold the words.
    pub fn run(&self, arguments: &Map<String, Value>) -> Brought {
        let columns = &self.table.columns;
        let asked: Vec<(usize, String)> = self
            .by
            .iter()
            .filter_map(|name| {
                let at = columns.iter().position(|column| column == name)?;
                let text = arguments.get(name)?;
                let text = text.as_str().map_or_else(|| text.to_string(), str::to_owned);
                Some((at, fold(&text))).filter(|(_, text)| !text.is_empty())
            })
            .collect();
        if asked.is_empty() {
            return Brought::failure("say what to look for");
        }
        let matching = |same: fn(&str, &str) -> bool| -> Vec<&Vec<String>> {
            let fits =
                |row: &&Vec<String>| asked.iter().all(|(at, text)| same(&fold(&row[*at]), text));
            self.table.rows.iter().filter(fits).take(self.rows_max + 1).collect()
        };
        let mut found = matching(|cell, text| cell == text);
        if found.is_empty() {
            found =
                matching(|cell, text| !cell.is_empty() && (holds(cell, text) || holds(text, cell)));
        }
        if found.is_empty() {
            let known = self.by.iter().map(|name| (name.clone(), json!(self.table.choices(name))));
            let known: Map<String, Value> = known.collect();
            return Brought::json(&json!({ "found": "nothing", "known": known }));
        }
        let more = found.len() > self.rows_max;
        found.truncate(self.rows_max);
        let rows = found.into_iter().map(|row| {
            let cells = columns.iter().zip(row);
            let told = |name: &String| self.tell.is_empty() || self.tell.contains(name);
            let cells = cells.filter(|(name, cell)| told(name) && !cell.is_empty());
            Value::Object(cells.map(|(name, cell)| (name.clone(), json!(cell))).collect())
        });
        let rows: Vec<Value> = rows.collect();
        match (rows.as_slice(), more) {
            ([one], false) => Brought::json(one),
            (_, false) => Brought::json(&json!(rows)),
            (_, true) => Brought::json(&json!({ "rows": rows, "more": "ask more exactly" })),
        }
    }
}

/// Whether the words of `part` stand in `whole`, one after the other.
fn holds(whole: &str, part: &str) -> bool {
    format!(" {whole} ").contains(&format!(" {part} "))
}

fn fold(text: &str) -> String {
    let folded = normalise(text, Form::Folded);
    let words = folded.split(' ').map(|word| match word.strip_prefix("ال") {
        Some(rest) if rest.chars().count() >= 2 => rest,
        _ => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const BRANCHES: &str =
        "city,district,hours\nالرياض,العُليا,9-16\nالرياض,الملز,9-14\nجدّة,الحمراء,10-17\n";

    fn tool(by: &[&str]) -> TableTool {
        let table = Arc::new(Table::from_csv(BRANCHES.as_bytes()).unwrap());
        let by = by.iter().map(|&name| name.to_owned()).collect();
        TableTool { table, by, tell: vec!["district".into(), "hours".into()], rows_max: 5 }
    }

    fn ask(tool: &TableTool, arguments: &Value) -> String {
        tool.run(arguments.as_object().unwrap()).text
    }

    #[test]
    fn spelling_and_the_article_make_no_difference() {
        let by_city = tool(&["city"]);
        assert_eq!(
            ask(&by_city, &json!({"city": "جده"})),
            r#"{"district":"الحمراء","hours":"10-17"}"#
        );
        assert!(ask(&by_city, &json!({"city": "مدينة الرياض"})).contains("الملز"));
        let both = tool(&["city", "district"]);
        let asked = json!({"city": "الرياض", "district": "عليا"});
        assert_eq!(ask(&both, &asked), r#"{"district":"العُليا","hours":"9-16"}"#);
    }

    #[test]
    fn what_is_not_there_is_answered_with_what_is() {
        let known = ask(&tool(&["city"]), &json!({"city": "أبها"}));
        assert_eq!(known, r#"{"found":"nothing","known":{"city":["الرياض","جدّة"]}}"#);
        assert!(tool(&["city"]).run(&Map::new()).failed);
    }

    #[test]
    fn sqlite_is_read_like_csv_and_names_are_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bank.db");
        let connection = rusqlite::Connection::open(&path).unwrap();
        let create = "CREATE TABLE \"fees \"\"x\" (of TEXT, sar REAL); \
                      INSERT INTO \"fees \"\"x\" VALUES ('transfer', 5), ('card', 30.5)";
        connection.execute_batch(create).unwrap();
        let table = Table::from_sqlite(&path, "fees \"x").unwrap();
        assert_eq!(table.columns(), ["of", "sar"]);
        assert_eq!(table.choices("of"), ["transfer", "card"]);
        let injected = Table::from_sqlite(&path, "x\"; DROP TABLE fees; --");
        assert!(matches!(injected, Err(TableError::Sqlite(_))));
        std::fs::write(&path, b"no database at all").unwrap();
        assert!(Table::from_sqlite(&path, "fees").is_err());
    }

    #[test]
    fn broken_tables_say_where() {
        let error = Table::from_csv(b"a,b\n1,2\n1,2,3\n").unwrap_err().to_string();
        assert!(error.starts_with("line 3"), "{error}");
        assert!(matches!(Table::from_csv(b"a,b\n"), Err(TableError::Empty)));
        let wrong = |text: &[u8]| Table::from_csv(text).unwrap_err().to_string();
        assert!(wrong(b"\xff\xfea\0,\0").contains("UTF-16"));
        assert!(wrong(b"a,b\n\xff,1\n").starts_with("line 2"), "{}", wrong(b"a,b\n\xff,1\n"));
        assert!(wrong("\u{feff}\n".as_bytes()).starts_with("the file is empty"));
        assert!(wrong(b"a,b,a\n1,2,3\n").contains("names \"a\" twice"));
        assert!(wrong(b"a,,c\n1,2,3\n").contains("without a name"));
        assert!(wrong(b"a b,a-b\n1,2\n").contains("both {{ a_b }}"));
        assert!(wrong(b"a,b\r\n1,2\r\n3\r\n").starts_with("line 3: 1 cells, where"));
        let open = "dentist;day\nLayla;\"Sunday\nSamir;Monday\n".as_bytes();
        assert!(wrong(open).starts_with("line 2: a quote"), "{}", wrong(open));
        assert!(wrong(b"PK\x03\x04zip").contains("workbook"));
        assert!(wrong(b"a,b\n\xc7\xe1,1\n").starts_with("line 2: this is not UTF-8"));
        assert!(wrong(b"SQLite format 3\0..").contains("`from`"));
        let quoted = Table::from_csv(b"a,b\n\"x \"\"y\"\"\nz\",5\"\n").unwrap();
        assert_eq!(quoted.rows, [["x \"y\"\nz", "5\""]]);
        assert_eq!(Table::from_csv(b"sep=;\r\na;b\r\n1;2\r\n").unwrap().columns(), ["a", "b"]);
    }

    #[test]
    fn spreadsheets_of_other_countries_are_read() {
        for text in ["\u{feff}city;hours\nجدة;9,5\n", "city\thours\r\nجدة\t9,5\r\n"] {
            let table = Table::from_csv(text.as_bytes()).unwrap();
            assert_eq!(table.columns(), ["city", "hours"]);
            assert_eq!(table.rows, [["جدة", "9,5"]]);
        }
    }
}
