//! One way to ask either database: numbered places (`$1`), plain values, rows of plain values.
//!
//! SQLite runs on the blocking pool behind one lock, for it has one writer anyway; PostgreSQL over one connection
//! that is made anew when it broke.

mod postgres;
mod sqlite;

pub(super) use postgres::{Postgres, address};
pub(super) use sqlite::Sqlite;

use super::StoreError;

/// What is put in and comes out.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
}

impl Value {
    pub(super) fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Int(number) => number.to_string(),
            Self::Real(number) => number.to_string(),
            Self::Null => String::new(),
        }
    }

    pub(super) fn int(&self) -> i64 {
        if let Self::Int(number) = self { *number } else { 0 }
    }

    pub(super) fn real(&self) -> Option<f64> {
        if let Self::Real(number) = self { Some(*number) } else { None }
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        // PostgreSQL keeps no such character, and nobody says it.
        Self::Text(text.replace('\0', ""))
    }
}

impl From<Option<f64>> for Value {
    fn from(number: Option<f64>) -> Self {
        number.map_or(Self::Null, Self::Real)
    }
}

/// A statement and what goes into its places.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

impl Statement {
    pub(super) fn new(sql: impl Into<String>, values: Vec<Value>) -> Self {
        Self { sql: sql.into(), values }
    }
}

pub(super) type Row = Vec<Value>;

/// Either database.
#[derive(Debug, Clone)]
pub(super) enum Database {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

impl Database {
    /// Does all of it, or nothing; returns how many rows the last statement changed.
    pub(super) async fn change(&self, all: Vec<Statement>) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(database) => database.change(all).await,
            Self::Postgres(database) => database.change(all).await,
        }
    }

    pub(super) async fn rows(&self, ask: Statement) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(database) => database.rows(ask).await,
            Self::Postgres(database) => database.rows(ask).await,
        }
    }
}
