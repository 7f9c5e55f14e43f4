use super::Refusal;
use crate::text::{LONGEST_NAME, check_chosen};

/// Checks a name, which pages show beside the service's own words.
pub(super) fn checked(field: &str, name: &str) -> Result<String, Refusal> {
    let name = name.trim();
    let checked = check_chosen(name, LONGEST_NAME);
    checked.map_err(|why| Refusal::Unprocessable(format!("{field} {why}")))?;
    Ok(name.to_owned())
}
