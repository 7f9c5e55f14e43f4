//! Names that callers choose.

use super::Refusal;

const MOST_CHARACTERS: usize = 100;

/// A name stands on pages beside our own words: short, and nothing in it that could pass for them.
pub(super) fn checked(field: &str, name: &str) -> Result<String, Refusal> {
    let name = name.trim();
    let changes_direction = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if name.chars().any(|c| c.is_control() || changes_direction(c)) {
        let detail = format!("{field} holds control characters");
        return Err(Refusal::Unprocessable(detail));
    }
    if name.chars().count() > MOST_CHARACTERS {
        let detail = format!("{field} is longer than {MOST_CHARACTERS} characters");
        return Err(Refusal::Unprocessable(detail));
    }
    Ok(name.to_owned())
}
