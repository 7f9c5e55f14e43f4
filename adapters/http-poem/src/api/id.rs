//! Numbers in addresses.

use std::str::FromStr;

/// What is no id names nothing. It is looked for all the same, as the id of `none`, so that a caller without a good key
/// learns nothing from the answer.
pub(super) fn read<Id: FromStr + ToString>(text: &str, none: Id) -> Id {
    let parsed = text.parse::<Id>().ok();
    // `+7` and `007` are numbers, not ids.
    parsed.filter(|id| id.to_string() == text).unwrap_or(none)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_in_one_way() {
        assert_eq!(read("7", -1), 7);
        for text in ["", "x", "+7", "007", " 7", "7.0", "99999999999999999999"] {
            assert_eq!(read(text, -1), -1, "{text:?}");
        }
    }
}
