//! What is logged, and how.

use serde::Deserialize;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::{ConfigError, Environment};

#[derive(Deserialize)]
struct Raw {
    log: Option<String>,
    log_format: Option<String>,
}

/// What is logged, and how.
pub(crate) struct LogConfig {
    /// Which events.
    pub(crate) filter: EnvFilter,
    /// The shape of a line.
    pub(crate) format: LogFormat,
}

/// The shape of a log line.
#[derive(Clone, Copy)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogConfig {
    /// Reads the section; without a filter in it, this level counts.
    pub(crate) fn read(environment: &Environment, level: &str) -> Result<Self, ConfigError> {
        let raw: Raw = environment.section()?;
        let filter = filter(raw.log.as_deref().unwrap_or(level))?;
        let format = match raw.log_format.as_deref() {
            None | Some("text") => LogFormat::Text,
            Some("json") => LogFormat::Json,
            Some(_) => {
                return Err(ConfigError::variable(
                    "LOG_FORMAT",
                    "is neither text nor json",
                ));
            }
        };
        Ok(Self { filter, format })
    }
}

/// The directives with those in front that keep libraries from telling at `info` what an operator has no use for.
fn quieted(directives: &str) -> String {
    format!("poem=warn,sea_orm_migration=warn,sqlx=warn,{directives}")
}

fn filter(text: &str) -> Result<EnvFilter, ConfigError> {
    let malformed = || {
        let problem = "is not a level or filter, like info or central_oauth=debug";
        ConfigError::variable("LOG", problem)
    };
    if text.split(',').map(str::trim).any(is_no_level) {
        return Err(malformed());
    }
    EnvFilter::try_new(quieted(text)).map_err(|_| malformed())
}

/// A lone word that names no level would be taken for a module of that name, and silence everything else.
fn is_no_level(directive: &str) -> bool {
    let is_word = directive.chars().all(|c| c.is_alphanumeric() || c == '_');
    is_word && directive.parse::<LevelFilter>().is_err()
}
