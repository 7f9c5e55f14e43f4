//! Reads TOML without showing its values, which may be secrets.

use std::fs::File;
use std::io::{ErrorKind, Read as _};

use serde::de::DeserializeOwned;

use super::ConfigError;

/// Reads the file at `path`, which `variable` names.
pub(super) fn read<T: DeserializeOwned>(
    variable: &'static str,
    path: &str,
) -> Result<T, ConfigError> {
    let wrong = |problem| ConfigError::variable(variable, problem);
    let text =
        text_of(path).map_err(|error| wrong(format!("the file {path} cannot be read: {error}")))?;
    parse(&text).map_err(|problem| wrong(format!("{path}, {problem}")))
}

fn text_of(path: &str) -> std::io::Result<String> {
    const LONGEST: u64 = 4 << 20;
    let mut text = String::new();
    let read = File::open(path)?
        .take(LONGEST + 1)
        .read_to_string(&mut text)?;
    if read as u64 > LONGEST {
        return Err(ErrorKind::FileTooLarge.into());
    }
    Ok(text)
}

/// Parses `text`. An error contains the line number, but not the line.
pub(super) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.unwrap_or_default().matches('\n').count() + 1;
        format!("line {line}: {}", harmless(error.message()))
    })
}

/// Describes a TOML error without the value. (`Display` would show the whole line.)
pub(super) fn harmless(message: &str) -> String {
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
