//! `table`, `by` and `tell` of a tool: the operator's tables, one for each language or one for all.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::file::File;
use super::super::finding::{did_you_mean, shown};
use super::super::section::{Placed, Section};
use super::heard::texts;
use crate::tools::{ByLanguage, Table, TableTool};

const TABLE_BYTES_MAX: u64 = 16 * 1024 * 1024;

impl File<'_> {
    pub(super) fn tables(
        &mut self,
        section: &Section<'_>,
        languages: &[String],
    ) -> ByLanguage<TableTool> {
        let files = texts(section, "table", languages, 300);
        if files.is_empty() {
            section.push(section.line, "table", "is not there; name a .csv or SQLite file");
        }
        let from = section.text("from", 100);
        let rows_max = section.whole("rows_max", 1..=50).unwrap_or(5);
        let (by, tell) = (lists(section, "by", languages), lists(section, "tell", languages));
        let mut tables = ByLanguage::new();
        for (tag, Placed { value: file, line }) in files {
            let table = match &from {
                None => self.table_csv(&file),
                Some(from) => self.table_sqlite(&file, &from.value),
            };
            let table = match table {
                Ok(table) => Arc::new(table),
                Err(problem) => {
                    section.push(line, "table", format!("{}: {problem}", shown(&file)));
                    continue;
                }
            };
            let known = || table.columns().join(", ");
            let here = |name| section.line_of(name).unwrap_or(section.line);
            let by = by.get(&tag).cloned().unwrap_or_default();
            if by.is_empty() {
                let what = if section.has("by") { "names no column" } else { "is not there" };
                let next = format!("{what}; name columns to ask for, of {}", known());
                section.push(here("by"), "by", next);
            }
            let tell = tell.get(&tag).cloned().unwrap_or_default();
            for (name, columns) in [("by", &by), ("tell", &tell)] {
                for column in columns.iter().filter(|c| !table.columns().contains(c)) {
                    let near = did_you_mean(column, table.columns().iter().map(String::as_str));
                    let next = near.map_or_else(
                        || format!("its columns are {}", known()),
                        |near| format!("did you mean {near:?}?"),
                    );
                    let message = format!("{file} has no column {}; {next}", shown(column));
                    section.push(here(name), name, message);
                }
            }
            let rows_max = usize::try_from(rows_max).unwrap_or(5);
            tables.insert(tag, TableTool { table, by, tell, rows_max });
        }
        tables
    }

    fn table_csv(&mut self, file: &str) -> Result<Table, String> {
        let bytes = self.folder.read_bytes(file, TABLE_BYTES_MAX).map_err(|e| e.to_string())?;
        self.digest_bytes(file, &bytes);
        Table::from_csv(&bytes).map_err(|e| e.to_string())
    }

    fn table_sqlite(&mut self, file: &str, from: &str) -> Result<Table, String> {
        let bytes = self.folder.read_bytes(file, TABLE_BYTES_MAX).map_err(|e| e.to_string())?;
        self.digest_bytes(file, &bytes);
        let path = self.folder.path_of(file);
        Table::from_sqlite(&path, from).map_err(|e| e.to_string())
    }
}

/// A list of names for each language.
fn lists(section: &Section<'_>, name: &str, languages: &[String]) -> ByLanguage<Vec<String>> {
    if !section.is_section(name) {
        let list = section.texts(name, 32, 100).map(|list| list.value).unwrap_or_default();
        return languages.iter().map(|tag| (tag.clone(), list.clone())).collect();
    }
    let Some(by_language) = section.section(name) else { return ByLanguage::new() };
    let of = |tag: &String| Some((tag.clone(), by_language.texts(tag, 32, 100)?.value));
    let lists = languages.iter().filter_map(of).collect();
    by_language.finish(&BTreeMap::new());
    lists
}
