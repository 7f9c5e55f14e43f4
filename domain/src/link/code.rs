use std::ops::RangeInclusive;

use super::is_separator;
use crate::entropy::Entropy;

/// A link code: eight to twelve decimal digits that identify a link. The code gives no access by itself, but the
/// service neither logs it nor stores it in plain text.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkCode(String);

/// The error for a text that is not a link code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a link code has 8 to 12 digits, like 1234 5678")]
pub struct MalformedLinkCode;

impl LinkCode {
    /// The allowed numbers of digits.
    pub const DIGITS: RangeInclusive<usize> = 8..=12;
    /// Maximum length of a typed code in characters, separators included.
    const LONGEST_TEXT: usize = 64;
    /// The number of digits in one group, as displayed.
    const GROUP: usize = 4;

    /// Generates a code of `digits` digits, limited to [`Self::DIGITS`]. All codes of that length are equally likely.
    pub fn generate(entropy: &Entropy, digits: usize) -> Self {
        let digits = digits.clamp(*Self::DIGITS.start(), *Self::DIGITS.end());
        let digit = |_| char::from_digit(entropy.below(10), 10);
        Self((0..digits).filter_map(digit).collect())
    }

    /// Parses a code that a person typed or copied: `12345678`, `1234 5678`, `1234-5678`, `"1234 5678".`, `１２３４５６７８`.
    ///
    /// # Errors
    /// The text does not have eight to twelve digits, is too long, or has characters other than digits, white space,
    /// punctuation and invisible characters.
    pub fn parse(text: &str) -> Result<Self, MalformedLinkCode> {
        if text.chars().count() > Self::LONGEST_TEXT {
            return Err(MalformedLinkCode);
        }
        let typed = text.chars().filter(|c| !is_separator(*c));
        let digits: String = typed.map(ascii_digit).collect();
        if Self::DIGITS.contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(digits))
        } else {
            Err(MalformedLinkCode)
        }
    }

    /// Returns the digits without spaces.
    pub fn digits(&self) -> &str {
        &self.0
    }

    /// Returns the code in groups of four digits: `1234 5678`.
    pub fn grouped(&self) -> String {
        let mut grouped = String::new();
        for (place, digit) in self.0.chars().enumerate() {
            if place > 0 && place.is_multiple_of(Self::GROUP) {
                grouped.push(' ');
            }
            grouped.push(digit);
        }
        grouped
    }
}

/// Converts a full-width, Arabic-Indic or extended Arabic-Indic digit to ASCII. Returns other characters unchanged.
fn ascii_digit(c: char) -> char {
    const ZEROS: [char; 3] = ['\u{ff10}', '\u{660}', '\u{6f0}'];
    let value = |zero: &char| u32::from(c).checked_sub(u32::from(*zero));
    let digit = ZEROS.iter().filter_map(value).find(|value| *value < 10);
    digit
        .and_then(|digit| char::from_digit(digit, 10))
        .unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_type() {
        for typed in [
            "12345678",
            "1234 5678",
            " 1234-5678\n",
            "1234\u{2013}5678",
            "1234\u{a0}5678",
            "1234\u{2212}5678",
            "1234_5678",
            "`1234 5678`.",
            "\u{201c}1234 5678\u{201d}",
            "\u{feff}1234\u{200b}5678",
            "１２３４　５６７８",
            "１２３４ー５６７８",
            "１２３４－５６７８",
            "1234\u{ff70}5678",
            "1234\u{fe63}5678",
            "（１２３４　５６７８）",
            "١٢٣٤٥٦٧٨",
            "۱۲۳۴۵۶۷۸",
        ] {
            let code = LinkCode::parse(typed).ok().map(|c| c.digits().to_owned());
            assert_eq!(code.as_deref(), Some("12345678"), "{typed:?}");
        }
    }

    #[test]
    fn has_eight_to_twelve_digits() {
        let entropy = crate::testing::seeded_entropy(1);
        for (asked, digits) in [(0, 8), (8, 8), (9, 9), (12, 12), (99, 12)] {
            let code = LinkCode::generate(&entropy, asked);
            assert_eq!(code.digits().len(), digits);
            assert!(LinkCode::parse(&code.grouped()).is_ok_and(|read| read == code));
        }
        let grouped = |text| LinkCode::parse(text).ok().map(|code| code.grouped());
        assert_eq!(grouped("12345678").as_deref(), Some("1234 5678"));
        assert_eq!(grouped("1234567890").as_deref(), Some("1234 5678 90"));
    }

    #[test]
    fn refuses_everything_else() {
        for typed in [
            "",
            "1234567",
            "1234567890123",
            "1234567a",
            "१२३४५६७८",
            "+1234567",
            "12345678a",
        ] {
            assert!(LinkCode::parse(typed).is_err(), "{typed:?}");
        }
    }
}
