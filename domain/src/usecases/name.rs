//! Names that callers choose.

use super::Refusal;
use crate::text::deceptive;

const MOST_CHARACTERS: usize = 100;

/// Checks a name. Pages show it beside the service's own words, so it must be short and contain nothing that could be
/// mistaken for them.
pub(super) fn checked(field: &str, name: &str) -> Result<String, Refusal> {
    let name = name.trim();
    if let Some(c) = deceptive(name) {
        let number = u32::from(c);
        let detail = format!(
            "{field} holds U+{number:04X}, which is invisible or changes how other characters look"
        );
        return Err(Refusal::Unprocessable(detail));
    }
    if name.chars().count() > MOST_CHARACTERS {
        let detail = format!("{field} is longer than {MOST_CHARACTERS} characters");
        return Err(Refusal::Unprocessable(detail));
    }
    Ok(name.to_owned())
}
