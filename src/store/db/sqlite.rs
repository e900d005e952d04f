//! SQLite: a file for its owner only, with a write-ahead log.

use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ToSql};

use super::{Row, Statement, StoreError, Value};

/// How long a writer waits for another program's.
const BUSY_MAX: Duration = Duration::from_secs(10);

#[derive(Debug, Clone)]
pub(in crate::store) struct Sqlite {
    connection: Arc<Mutex<Connection>>,
    path: PathBuf,
}

impl Sqlite {
    pub(in crate::store) async fn open(path: &Path) -> Result<Self, StoreError> {
        let owned = path.to_owned();
        let opened = blocking(move || open(&owned)).await;
        let failed = |problem| StoreError::Sqlite { path: path.to_owned(), problem };
        let connection = opened.map_err(failed)?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)), path: path.to_owned() })
    }

    pub(super) async fn change(&self, all: Vec<Statement>) -> Result<u64, StoreError> {
        self.with(move |connection| {
            let transaction =
                connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let mut changed = 0;
            for Statement { sql, values } in &all {
                let mut statement = transaction.prepare_cached(&places(sql))?;
                changed = statement.execute(rusqlite::params_from_iter(values))? as u64;
            }
            transaction.commit()?;
            Ok(changed)
        })
        .await
    }

    pub(super) async fn rows(&self, ask: Statement) -> Result<Vec<Row>, StoreError> {
        self.with(move |connection| {
            let mut statement = connection.prepare_cached(&places(&ask.sql))?;
            let columns = statement.column_count();
            let rows = statement.query_map(rusqlite::params_from_iter(&ask.values), |row| {
                (0..columns).map(|n| Ok(value(row.get_ref(n)?))).collect()
            })?;
            rows.collect()
        })
        .await
    }

    async fn with<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let connection = Arc::clone(&self.connection);
        let done = blocking(move || {
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            act(&mut connection).map_err(|error| error.to_string())
        });
        let failed = |problem| StoreError::Sqlite { path: self.path.clone(), problem };
        done.await.map_err(failed)
    }
}

async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(act).await.unwrap_or_else(|error| Err(error.to_string()))
}

fn open(path: &Path) -> Result<Connection, String> {
    if let Some(dir) = path.parent() {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(|error| error.to_string())?;
    }
    // SQLite would make it for everybody to read; its log takes the file's own mode.
    let made = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    made.map_err(|error| error.to_string())?;
    let set_up = || -> rusqlite::Result<Connection> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_MAX)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // FULL: what was acknowledged outlives a power cut as well.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        Ok(connection)
    };
    set_up().map_err(|error| error.to_string())
}

/// SQLite counts `?1` where PostgreSQL has `$1`. No statement of ours holds a dollar otherwise.
fn places(sql: &str) -> String {
    sql.replace('$', "?")
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        let value = match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Real(number) => ValueRef::Real(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        };
        Ok(rusqlite::types::ToSqlOutput::Borrowed(value))
    }
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            Value::Text(String::from_utf8_lossy(bytes).into_owned())
        }
    }
}
