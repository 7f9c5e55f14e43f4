use super::Refusal;
use crate::time::Timestamp;

/// Checks that the time in this field of a request is in the future.
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
