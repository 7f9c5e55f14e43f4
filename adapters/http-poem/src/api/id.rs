//! Ids in paths and queries.

use std::str::FromStr;

/// Parses an id. Any other text becomes `none`, an id that does not exist, so that an unauthenticated caller learns
/// nothing from the response.
pub(super) fn read<Id: FromStr + ToString>(text: &str, none: Id) -> Id {
    let parsed = text.parse::<Id>().ok();
    // `+7` and `007` are numbers but not ids.
    parsed.filter(|id| id.to_string() == text).unwrap_or(none)
}

/// Returns the account id for the examples in the OpenAPI document.
pub(super) fn example() -> String {
    "42".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_one_spelling() {
        assert_eq!(read("7", -1), 7);
        for text in ["", "x", "+7", "007", " 7", "7.0", "99999999999999999999"] {
            assert_eq!(read(text, -1), -1, "{text:?}");
        }
    }
}
