//! What to log, and how.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::words::Words;
use super::{ConfigError, Effective, Environment};

/// What to log, and how.
pub(crate) struct LogConfig {
    pub(crate) filter: EnvFilter,
    /// The filter as the operator writes it.
    directives: String,
    pub(crate) format: LogFormat,
}

/// The format of log lines.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

const FORMATS: Words<LogFormat> = Words(
    "LOG_FORMAT",
    &[("text", LogFormat::Text), ("json", LogFormat::Json)],
);

impl LogConfig {
    /// Reads the section; this is the default level.
    pub(crate) fn read(environment: &Environment, level: &str) -> Result<Self, ConfigError> {
        let directives = environment.text("LOG").unwrap_or(level);
        Ok(Self {
            filter: filter(directives)?,
            directives: directives.to_owned(),
            format: FORMATS.read(environment, LogFormat::Text)?,
        })
    }

    /// Returns the values in force.
    pub(crate) fn effective(&self) -> Vec<Effective> {
        vec![
            ("LOG", self.directives.clone()),
            FORMATS.effective(self.format),
        ]
    }
}

/// Returns the directives after some of our own that silence libraries' events at `info`.
fn quieted(directives: &str) -> String {
    format!("poem=warn,sea_orm_migration=warn,sqlx=warn,{directives}")
}

fn filter(text: &str) -> Result<EnvFilter, ConfigError> {
    let malformed = || {
        let problem = "is not a level or filter such as info or central_oauth=debug";
        ConfigError::variable("LOG", problem)
    };
    if text.split(',').map(str::trim).any(is_unknown_level) {
        return Err(malformed());
    }
    EnvFilter::try_new(quieted(text)).map_err(|_| malformed())
}

/// A single unknown word would be taken for a module name and silence everything else.
fn is_unknown_level(directive: &str) -> bool {
    let is_word = directive.chars().all(|c| c.is_alphanumeric() || c == '_');
    is_word && directive.parse::<LevelFilter>().is_err()
}
