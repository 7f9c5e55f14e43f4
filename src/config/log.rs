//! What to log, and how.

use tracing_subscriber::filter::{LevelFilter, Targets};

use super::words::Words;
use super::{ConfigError, Environment};

pub(crate) struct LogConfig {
    pub(crate) filter: Targets,
    pub(crate) format: LogFormat,
}

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
    /// Reads the section. `level` is the default.
    pub(crate) fn read(environment: &Environment, level: &str) -> Result<Self, ConfigError> {
        let directives = environment.text("LOG").unwrap_or(level);
        environment.note("LOG", directives);
        Ok(Self {
            filter: filter(directives)?,
            format: FORMATS.read(environment, LogFormat::Text)?,
        })
    }
}

/// Our own directives, which silence the `info` events of libraries. The directives of the operator come later and
/// override these.
const QUIETED: [&str; 3] = ["poem=warn", "sea_orm_migration=warn", "sqlx=warn"];

fn filter(text: &str) -> Result<Targets, ConfigError> {
    let malformed = || {
        let problem = "is not a level or filter such as info or central_oauth=debug";
        ConfigError::variable("LOG", problem)
    };
    let directives = text.split(',').map(str::trim).filter(|it| !it.is_empty());
    let directives: Vec<_> = directives.collect();
    if directives.is_empty() || directives.iter().any(|it| is_misleading(it)) {
        return Err(malformed());
    }
    let directives = [&QUIETED[..], &directives].concat().join(",");
    directives.parse().map_err(|_| malformed())
}

/// Whether a directive would not filter as intended. A single unknown word would count as the name of a module, and
/// silence all other modules. Spans cannot be selected. No module has the name of the program, which contains a hyphen.
fn is_misleading(directive: &str) -> bool {
    let is_word = directive
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '"' | '\''));
    let is_program = directive.starts_with(env!("CARGO_PKG_NAME"));
    is_word && directive.parse::<LevelFilter>().is_err() || directive.contains('[') || is_program
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_silences_everything_is_a_mistake() {
        for wrong in [
            "central-oauth",
            "central-oauth=debug",
            "info,central-oauth=debug",
            "central-oauth-domain=debug",
            "opentelemetry-otlp",
            "\"info\"",
            "'info'",
            "\"info,central_oauth=debug\"",
        ] {
            assert!(filter(wrong).is_err(), "{wrong}");
        }
        // OpenTelemetry uses package names as targets, so a target with a hyphen is allowed if it has a level.
        for good in [
            "info",
            "info,central_oauth=debug",
            "info,opentelemetry-otlp=debug",
        ] {
            assert!(filter(good).is_ok(), "{good}");
        }
    }
}
