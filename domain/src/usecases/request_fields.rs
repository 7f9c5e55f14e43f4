//! Checks fields of requests.

use super::Refusal;
use crate::text::{LONGEST_NAME, check_chosen};
use crate::time::Timestamp;

/// Trims and checks a name that a client has chosen, because pages show it beside the service's own text.
pub(super) fn checked_name(field: &str, name: &str) -> Result<String, Refusal> {
    let name = name.trim();
    let checked = check_chosen(name, LONGEST_NAME);
    checked.map_err(|why| Refusal::Unprocessable(format!("{field} {why}")))?;
    Ok(name.to_owned())
}

/// Checks that the time in a field of a request is in the future, if there is one.
///
/// # Errors
/// [`Refusal::Unprocessable`].
pub(super) fn in_the_future(
    field: &str,
    at: Option<Timestamp>,
    now: Timestamp,
) -> Result<Option<Timestamp>, Refusal> {
    if at.is_some_and(|at| at <= now) {
        let detail = format!("{field} is in the past");
        return Err(Refusal::Unprocessable(detail));
    }
    Ok(at)
}
