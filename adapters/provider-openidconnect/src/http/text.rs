//! Decodes the characters of a body.

use std::borrow::Cow;

/// Returns the text, and whether the body is UTF-8 (RFC 8259 section 8.1).
///
/// Replaces bytes that are not UTF-8. Servers that send ISO-8859-1 have such bytes in names and descriptions, not in
/// tokens.
pub(super) fn decode(body: &[u8]) -> (Cow<'_, str>, bool) {
    if let Some(text) = utf16(body) {
        return (text.into(), false);
    }
    let text = String::from_utf8_lossy(body);
    let is_utf8 = matches!(text, Cow::Borrowed(_));
    (text, is_utf8)
}

/// Removes whitespace, byte order marks and NULs around a text. RFC 8259 section 8.1 allows parsers to ignore a byte
/// order mark. Servers written in C append a NUL.
pub(super) fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\0' | '\u{feff}'))
}

/// Decodes UTF-16, recognised by a byte order mark or by a NUL in every other byte.
fn utf16(body: &[u8]) -> Option<String> {
    let unit = match body {
        [0xff, 0xfe, ..] | [1..=255, 0, 1..=255, 0, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] | [0, 1..=255, 0, 1..=255, ..] => u16::from_be_bytes,
        _ => return None,
    };
    let (pairs, _) = body.as_chunks::<2>();
    let units = pairs.iter().map(|pair| unit(*pair));
    let characters = char::decode_utf16(units);
    Some(
        characters
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf16_is_recognised() {
        let text = r#"{"user":"José 𝄞"}"#;
        let units: Vec<u16> = text.encode_utf16().collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        for body in [
            big.clone(),
            little.clone(),
            [b"\xfe\xff", big.as_slice()].concat(),
            [b"\xff\xfe", little.as_slice()].concat(),
        ] {
            let (decoded, is_utf8) = decode(&body);
            assert_eq!(trimmed(&decoded), text);
            assert!(!is_utf8);
        }
        assert_eq!(decode(b"a\0"), ("a\0".into(), true));
        assert_eq!(decode(b"Jos\xe9"), ("Jos\u{fffd}".into(), false));
    }
}
