//! The file of providers.

use std::collections::BTreeMap;

use super::super::ConfigError;
use super::table::Table;

/// Reads the tables of a file by name.
pub(super) fn read(path: &str) -> Result<BTreeMap<String, Table>, ConfigError> {
    let wrong = |problem| ConfigError::variable("PROVIDERS", problem);
    let text = std::fs::read_to_string(path)
        .map_err(|error| wrong(format!("the file {path} cannot be read: {error}")))?;
    toml::from_str(&text).map_err(|error: toml::de::Error| {
        let place = error.span().and_then(|span| text.get(..span.start));
        let line = place.unwrap_or_default().matches('\n').count() + 1;
        wrong(format!(
            "{path}, line {line}: {}",
            harmless(error.message())
        ))
    })
}

/// Describes a TOML error without the value, which may be a secret. (`Display` would show the whole line.)
pub(in crate::config) fn harmless(message: &str) -> String {
    let message = message.lines().next().unwrap_or_default();
    let about_a_value = [
        "invalid type: ",
        "invalid value: ",
        "invalid length: ",
        "unknown variant ",
    ];
    match message.rsplit_once(", expected ") {
        Some((_, expected)) if about_a_value.iter().any(|how| message.starts_with(how)) => {
            format!("expected {expected}")
        }
        _ => message.to_owned(),
    }
}
