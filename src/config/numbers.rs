use std::ops::RangeInclusive;
use std::time::Duration;

use super::{ConfigError, Environment};

/// Reads a whole number of seconds, or returns the default.
pub(super) fn read_seconds(
    environment: &Environment,
    name: &str,
    range: RangeInclusive<u64>,
    default: Duration,
) -> Result<Duration, ConfigError> {
    let expected = "a whole number of seconds";
    let seconds = read_number(environment, name, range, default.as_secs(), expected)?;
    Ok(Duration::from_secs(seconds))
}

/// Reads a whole number, or returns the default. `expected` says in errors what the number is.
pub(super) fn read_number(
    environment: &Environment,
    name: &str,
    range: RangeInclusive<u64>,
    default: u64,
    expected: &str,
) -> Result<u64, ConfigError> {
    let (least, most) = (range.start(), range.end());
    let problem =
        || ConfigError::variable(name, format!("must be {expected} from {least} to {most}"));
    let number = match environment.text(name) {
        Some(text) => text.parse().ok().filter(|number| range.contains(number)),
        None => Some(default),
    };
    let number = number.ok_or_else(problem)?;
    environment.note(name, number);
    Ok(number)
}
