//! Names that callers choose.

use std::fmt::Display;

use super::Refusal;
use crate::text::{LONGEST_NAME, check_presentable, lookalike};

/// Checks a name, which pages show beside the service's own words.
pub(super) fn checked(field: &str, name: &str) -> Result<String, Refusal> {
    let name = name.trim();
    let refuse = |why: &dyn Display| Refusal::Unprocessable(format!("{field} {why}"));
    check_presentable(name, LONGEST_NAME).map_err(|why| refuse(&why))?;
    match lookalike(name).map(u32::from) {
        Some(letter) => Err(refuse(&format_args!(
            "holds U+{letter:04X}, a letter of another alphabet than the rest of its word"
        ))),
        None => Ok(name.to_owned()),
    }
}
