//! The log: text for people or JSON for machines, to stderr, because stdout belongs to commands.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::config::LogConfig;

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// `log.filter` is no filter.
    #[error(
        "log.filter {filter:?} is not a filter ({problem}); try \"info\" or \"info,sawt=debug\""
    )]
    Filter {
        /// As configured.
        filter: String,
        /// What the parser says.
        problem: String,
    },
    /// `log.format` is none of ours.
    #[error("log.format {0:?} is unknown; use \"text\" or \"json\"")]
    Format(String),
    /// `init` was called before.
    #[error("the log is already set up. This is a bug.")]
    Twice,
}

/// Sets up the log for the whole program; once, at the start.
///
/// # Errors
/// A setting that does not fit, or a second call.
pub fn init(config: &LogConfig) -> Result<(), LogError> {
    let filter = EnvFilter::try_new(&config.filter)
        .map_err(|e| LogError::Filter { filter: config.filter.clone(), problem: e.to_string() })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let result = match config.format.as_str() {
        "text" => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        "json" => builder.json().flatten_event(true).try_init(),
        other => return Err(LogError::Format(other.to_owned())),
    };
    result.map_err(|_| LogError::Twice)?;
    super::words::show(config.words);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_do_not_fit_say_what_would() {
        let config = LogConfig { format: "xml".into(), ..LogConfig::default() };
        let error = init(&config).unwrap_err().to_string();
        assert!(error.contains("\"json\""), "{error}");
        let config = LogConfig { filter: "sawt=loud".into(), ..LogConfig::default() };
        let error = init(&config).unwrap_err().to_string();
        assert!(error.contains("log.filter") && error.contains("try \"info\""), "{error}");
    }
}
