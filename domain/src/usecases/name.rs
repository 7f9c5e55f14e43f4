//! Names that callers choose.

use super::Refusal;
use crate::text::{LONGEST_NAME, check_presentable};

/// Checks a name, which pages show beside the service's own words.
pub(super) fn checked(field: &str, name: &str) -> Result<String, Refusal> {
    let name = name.trim();
    match check_presentable(name, LONGEST_NAME) {
        Ok(()) => Ok(name.to_owned()),
        Err(why) => Err(Refusal::Unprocessable(format!("{field} {why}"))),
    }
}
