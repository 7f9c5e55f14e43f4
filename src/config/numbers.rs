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
    let what = "a whole number of seconds";
    let seconds = read(environment, name, range, what)?;
    Ok(seconds.map_or(default, Duration::from_secs))
}

/// Reads a whole number, or returns the default.
pub(super) fn read_number(
    environment: &Environment,
    name: &str,
    range: RangeInclusive<u64>,
    default: u64,
) -> Result<u64, ConfigError> {
    let number = read(environment, name, range, "a whole number")?;
    Ok(number.unwrap_or(default))
}

fn read(
    environment: &Environment,
    name: &str,
    range: RangeInclusive<u64>,
    what: &str,
) -> Result<Option<u64>, ConfigError> {
    let Some(text) = environment.text(name) else {
        return Ok(None);
    };
    let number = text.parse().ok().filter(|number| range.contains(number));
    let (least, most) = (range.start(), range.end());
    let problem = || format!("must be {what} from {least} to {most}");
    let number = number.ok_or_else(|| ConfigError::variable(name, problem()));
    number.map(Some)
}
