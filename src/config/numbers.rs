//! Variables with numbers.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::ConfigError;

/// Overrides a setting with a whole number of seconds, if set.
pub(super) fn read_seconds(
    name: &str,
    value: Option<String>,
    range: RangeInclusive<u64>,
    setting: &mut Duration,
) -> Result<(), ConfigError> {
    let mut seconds = setting.as_secs();
    read(
        name,
        value,
        range,
        "a whole number of seconds",
        &mut seconds,
    )?;
    *setting = Duration::from_secs(seconds);
    Ok(())
}

/// Overrides a setting with a whole number, if set.
pub(super) fn read_number(
    name: &str,
    value: Option<String>,
    range: RangeInclusive<u64>,
    setting: &mut u64,
) -> Result<(), ConfigError> {
    read(name, value, range, "a whole number", setting)
}

fn read(
    name: &str,
    value: Option<String>,
    range: RangeInclusive<u64>,
    what: &str,
    setting: &mut u64,
) -> Result<(), ConfigError> {
    let Some(value) = value else { return Ok(()) };
    match value.parse() {
        Ok(number) if range.contains(&number) => {
            *setting = number;
            Ok(())
        }
        _ => {
            let (least, most) = (range.start(), range.end());
            let problem = format!("must be {what} from {least} to {most}");
            Err(ConfigError::variable(name, problem))
        }
    }
}
