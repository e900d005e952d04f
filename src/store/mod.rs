//! Calls that are over, in tables: found by time, assistant, language, rule, outcome, how long their callers waited, and
//! words. SQLite beside the records, or PostgreSQL.
//!
//! [`Records`](crate::records::Records) come first: a call is a file before it is a row, and what has no row yet gets it by a
//! [sweep](Store::sweep) at the start. So a database that is down loses nothing. Words are kept folded
//! (`speech::normalise`), one row for each turn, and found as parts of those. Lacks ranking, and anything of a call that runs.

mod db;
mod filter;
mod keeper;
mod row;
mod schema;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use db::{Database, Postgres, Sqlite, Statement, Value};
pub use filter::Filter;
pub use keeper::Keeper;
pub use row::{CallRow, TurnRow};

use crate::config::RecordsConfig;
use crate::records::Records;

/// Name of SQLite's file in the folder of records.
const SQLITE_FILE: &str = "calls.sqlite";

/// Most rows that are looked at in one request.
const ROWS_MAX: i64 = 100_000;

/// Why calls can not be kept in tables or found there.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing is kept at all.
    #[error("no calls are kept; set records.dir to a folder")]
    Off,
    /// `records.database` is no address of a database.
    #[error("records.database: {problem}")]
    Address {
        /// What is wrong with it.
        problem: String,
    },
    /// SQLite says no.
    #[error("{path}: {problem}; check the file, its folder and its disk (records.dir)")]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// What it said.
        problem: String,
    },
    /// PostgreSQL says no, or nothing.
    #[error("PostgreSQL: {problem}; check that it runs and lets us in (records.database)")]
    Postgres {
        /// What it said.
        problem: String,
    },
    /// Written by a newer version of us.
    #[error("the database has tables of a newer version ({found}, ours is {ours}); use that Sawt")]
    Newer {
        /// Steps that were taken there.
        found: i64,
        /// Steps that we know.
        ours: i64,
    },
}

/// Tables of calls.
#[derive(Debug, Clone)]
pub struct Store {
    database: Database,
}

fn postgres(config: &RecordsConfig) -> Result<Option<Postgres>, StoreError> {
    if config.database.is_empty() {
        return Ok(None);
    }
    let address = db::address(&config.database, &config.database_password);
    let address = address.map_err(|problem| StoreError::Address { problem })?;
    Ok(Some(Postgres::new(address)))
}

impl Store {
    /// The store that is configured, its tables brought to our form.
    ///
    /// # Errors
    /// No calls are kept, or the database does not work.
    pub async fn open(config: &RecordsConfig) -> Result<Self, StoreError> {
        let dir = config.dir.as_ref().ok_or(StoreError::Off)?;
        let database = match postgres(config)? {
            Some(database) => Database::Postgres(database),
            None => Database::Sqlite(Sqlite::open(&dir.join(SQLITE_FILE)).await?),
        };
        let store = Self { database };
        store.migrate().await?;
        Ok(store)
    }

    /// Whether `config` names a database; asks nobody.
    ///
    /// # Errors
    /// What is wrong with the address.
    pub fn check(config: &RecordsConfig) -> Result<(), StoreError> {
        postgres(config).map(|_| ())
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        if self.steps().await.is_err() {
            self.database.change(vec![Statement::new(schema::STEPS_TABLE, vec![])]).await?;
        }
        let ours = schema::STEPS.len() as i64;
        let found = self.steps().await?;
        if found > ours {
            return Err(StoreError::Newer { found, ours });
        }
        for (n, step) in (1..).zip(schema::STEPS).skip_while(|(n, _)| *n <= found) {
            // First the number: of two who start at once, one fails here, with nothing done.
            let sql = "INSERT INTO schema_steps (n) VALUES ($1)";
            let mark = Statement::new(sql, vec![Value::Int(n)]);
            let step = step.iter().map(|sql| Statement::new(*sql, vec![]));
            let taken = self.database.change(std::iter::once(mark).chain(step).collect()).await;
            if let Err(error) = taken
                && self.steps().await? < n
            {
                return Err(error);
            }
        }
        Ok(())
    }

    async fn steps(&self) -> Result<i64, StoreError> {
        let ask = Statement::new("SELECT COALESCE(MAX(n), 0) FROM schema_steps", vec![]);
        let rows = self.database.rows(ask).await?;
        Ok(rows.first().and_then(|row| row.first()).map_or(0, Value::int))
    }

    /// Keeps a call, in place of what was kept of it before. When this returns, it is kept.
    ///
    /// # Errors
    /// The database's.
    pub async fn keep(&self, call: &CallRow) -> Result<(), StoreError> {
        let mut all = vec![
            Statement::new("DELETE FROM turns WHERE call_id = $1", vec![call.id.as_str().into()]),
            call.upsert(),
        ];
        all.extend((0..).zip(&call.turns).map(|(n, turn)| turn.insert(&call.id, n)));
        self.database.change(all).await.map(|_| ())
    }

    /// The calls that fit, newest first, without their turns and reports.
    ///
    /// # Errors
    /// The database's.
    pub async fn list(&self, filter: &Filter) -> Result<Vec<CallRow>, StoreError> {
        let rows = self.database.rows(filter.select()).await?;
        Ok(rows.into_iter().map(CallRow::of_row).collect())
    }

    /// A call with its turns and its report.
    ///
    /// # Errors
    /// The database's.
    pub async fn get(&self, id: &str) -> Result<Option<CallRow>, StoreError> {
        let values = || vec![id.into()];
        let sql = format!("SELECT {}, report FROM calls WHERE id = $1", row::COLUMNS);
        let mut rows = self.database.rows(Statement::new(sql, values())).await?;
        let Some(row) = rows.pop() else { return Ok(None) };
        let sql = "SELECT caller, agent FROM turns WHERE call_id = $1 ORDER BY n";
        let turns = self.database.rows(Statement::new(sql, values())).await?;
        let mut call = CallRow::of_row(row);
        call.turns = turns.into_iter().map(TurnRow::of_row).collect();
        Ok(Some(call))
    }

    /// Takes a call out; false where there was none.
    ///
    /// # Errors
    /// The database's.
    pub async fn erase(&self, id: &str) -> Result<bool, StoreError> {
        let values = || vec![id.into()];
        let all = vec![
            Statement::new("DELETE FROM turns WHERE call_id = $1", values()),
            Statement::new("DELETE FROM calls WHERE id = $1", values()),
        ];
        Ok(self.database.change(all).await? > 0)
    }

    /// Takes out calls that ended longer ago than `keep`, and the oldest beyond `keep_max`.
    ///
    /// # Errors
    /// The database's.
    pub async fn prune(
        &self,
        now: SystemTime,
        keep: Duration,
        keep_max: usize,
    ) -> Result<(), StoreError> {
        let keep_ms = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
        let keep_max = i64::try_from(keep_max).unwrap_or(i64::MAX);
        let before = row::unix_ms(now).saturating_sub(keep_ms);
        let old = "ended_ms < $1 OR id IN (SELECT id FROM calls ORDER BY ended_ms DESC, id DESC \
                   LIMIT $2 OFFSET $3)";
        let values = vec![Value::Int(before), Value::Int(ROWS_MAX), Value::Int(keep_max)];
        let turns =
            format!("DELETE FROM turns WHERE call_id IN (SELECT id FROM calls WHERE {old})");
        let all = vec![
            Statement::new(turns, values.clone()),
            Statement::new(format!("DELETE FROM calls WHERE {old}"), values),
        ];
        self.database.change(all).await.map(|_| ())
    }

    /// Gives every record that has no row one; returns how many had none. A record that can not be read is passed
    /// over, with a word in the log.
    ///
    /// # Errors
    /// The database's.
    pub async fn sweep(&self, records: &Records) -> Result<usize, StoreError> {
        let ask = Statement::new("SELECT id FROM calls LIMIT $1", vec![Value::Int(ROWS_MAX)]);
        let rows = self.database.rows(ask).await?;
        let known: HashSet<String> = rows.into_iter().flatten().map(Value::text).collect();
        let records = records.clone();
        let unknown = tokio::task::spawn_blocking(move || {
            let files = records.all().into_iter();
            let files = files.filter(|path| {
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                !known.contains(name.as_ref())
            });
            let read = files.filter_map(|path| {
                let read = CallRow::read(&path);
                read.inspect_err(|error| tracing::warn!(%error, "A record is no row.")).ok()
            });
            // A call's id may hold more than its file's name can.
            read.filter(|call| !known.contains(&call.id)).collect::<Vec<_>>()
        });
        let unknown = unknown.await.unwrap_or_default();
        let mut added = 0;
        for call in &unknown {
            match self.keep(call).await {
                Ok(()) => added += 1,
                // A database that works and does not take this one must not keep the others out.
                Err(error) if self.steps().await.is_ok() => {
                    tracing::warn!(call_id = %call.id, %error, "A record is no row.");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(added)
    }
}
