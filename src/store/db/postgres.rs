//! PostgreSQL, over one connection that is made when it is wanted, and again when it broke.
//!
//! Lacks TLS: see [`address`].

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio_postgres::config::Host;
use tokio_postgres::types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked};
use tokio_postgres::{Client, Config, NoTls};

use super::{Row, Statement, StoreError, Value};

/// How long a connection may take.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// How long a request may take.
const REQUEST_MAX: Duration = Duration::from_secs(20);

#[derive(Clone)]
pub(in crate::store) struct Postgres {
    config: Arc<Config>,
    client: Arc<Mutex<Option<Client>>>,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres").field("hosts", &self.config.get_hosts()).finish_non_exhaustive()
    }
}

/// The database that `url` names. Without TLS it has to be on this machine, or the operator says
/// `sslmode=disable` and means it.
///
/// # Errors
/// What is wrong with the address.
pub(in crate::store) fn address(url: &str, password: &str) -> Result<Config, String> {
    let mut config: Config = url.parse().map_err(|error| format!("{error}"))?;
    if config.get_password().is_some() {
        return Err("it holds a password; give that as records.database_password".into());
    }
    if config.get_hosts().is_empty() {
        return Err("it names no host; write it like postgres://sawt@localhost/sawt".into());
    }
    let local = config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => ["localhost", "127.0.0.1", "::1"].contains(&name.as_str()),
        Host::Unix(_) => true,
    });
    if !local && !url.contains("sslmode=disable") {
        return Err("it is on another machine, and calls would travel there in the clear: let a \
                    tunnel or a proxy with TLS listen here, or add ?sslmode=disable where the \
                    network is yours"
            .into());
    }
    if !password.is_empty() {
        config.password(password);
    }
    config.connect_timeout(CONNECT_MAX).application_name("sawt");
    Ok(config)
}

impl Postgres {
    pub(in crate::store) fn new(config: Config) -> Self {
        Self { config: Arc::new(config), client: Arc::default() }
    }

    pub(super) async fn change(&self, all: Vec<Statement>) -> Result<u64, StoreError> {
        self.with(async |client: &mut Client| {
            let transaction = client.transaction().await?;
            let mut changed = 0;
            for Statement { sql, values } in &all {
                changed = transaction.execute(sql, &places(values)).await?;
            }
            transaction.commit().await?;
            Ok(changed)
        })
        .await
    }

    pub(super) async fn rows(&self, ask: Statement) -> Result<Vec<Row>, StoreError> {
        self.with(async |client: &mut Client| {
            let rows = client.query(&ask.sql, &places(&ask.values)).await?;
            rows.iter().map(row).collect()
        })
        .await
    }

    async fn with<T>(
        &self,
        act: impl AsyncFnOnce(&mut Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, StoreError> {
        let mut held = self.client.lock().await;
        if held.as_ref().is_none_or(Client::is_closed) {
            *held = Some(self.connect().await?);
        }
        let Some(client) = held.as_mut() else { return Err(failed("there is no connection")) };
        let done = tokio::time::timeout(REQUEST_MAX, act(client)).await;
        match done {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(failed(told(&error))),
            Err(_) => {
                *held = None; // its answer may still come, and would be taken for another's
                Err(failed(format!("no answer in {} s", REQUEST_MAX.as_secs())))
            }
        }
    }

    async fn connect(&self) -> Result<Client, StoreError> {
        let connected = tokio::time::timeout(CONNECT_MAX, self.config.connect(NoTls)).await;
        let connected = connected.map_err(|_| failed("no connection in 5 s"))?;
        let (client, connection) = connected.map_err(|error| failed(told(&error)))?;
        // Ends with the client.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!(error = told(&error), "The connection to PostgreSQL broke.");
            }
        });
        Ok(client)
    }
}

fn failed(problem: impl Into<String>) -> StoreError {
    StoreError::Postgres { problem: problem.into() }
}

/// With what the server said: the error alone says no more than "db error".
fn told(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(db), _) => db.message().to_owned(),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}

fn places(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

impl ToSql for Value {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(number) => number.to_sql_checked(ty, out),
            Self::Real(number) => number.to_sql_checked(ty, out),
            Self::Text(text) => text.to_sql_checked(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true // each value asks for itself
    }

    to_sql_checked!();
}

fn row(row: &tokio_postgres::Row) -> Result<Row, tokio_postgres::Error> {
    let columns = row.columns().iter().enumerate();
    let values = columns.map(|(n, column)| match *column.type_() {
        Type::INT8 => Ok(row.try_get::<_, Option<i64>>(n)?.map_or(Value::Null, Value::Int)),
        Type::FLOAT8 => Ok(row.try_get::<_, Option<f64>>(n)?.map_or(Value::Null, Value::Real)),
        _ => Ok(row.try_get::<_, Option<String>>(n)?.map_or(Value::Null, Value::Text)),
    });
    values.collect()
}
