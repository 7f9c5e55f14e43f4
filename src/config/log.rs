//! What is logged, and how.

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

use super::{ConfigError, Environment};

#[derive(Deserialize)]
struct Raw {
    log: Option<String>,
    log_format: Option<String>,
}

/// What is logged, and how.
pub(crate) struct LogConfig {
    /// The directives of the filter; `None` when nobody asked for any.
    pub(crate) filter: Option<EnvFilter>,
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
    pub(crate) fn read(environment: &Environment) -> Result<Self, ConfigError> {
        let raw: Raw = environment.section()?;
        let malformed = |_| {
            ConfigError::variable(
                "LOG",
                "is not a level or filter, like info or central_oauth=debug",
            )
        };
        let filter = raw
            .log
            .map(EnvFilter::try_new)
            .transpose()
            .map_err(malformed)?;
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
