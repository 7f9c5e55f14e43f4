//! The short numeric code.

use crate::entropy::Entropy;

/// Eight decimal digits that name a link. A code guards nothing by itself; all the same it is neither printed nor
/// stored in the clear.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkCode(String);

/// The text is not eight digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a link code has eight digits, like 1234 5678")]
pub struct MalformedLinkCode;

impl LinkCode {
    const DIGITS: usize = 8;

    /// A code from the random source, every one of the hundred million equally likely.
    #[must_use]
    pub fn generate(entropy: &Entropy) -> Self {
        Self(format!("{:08}", entropy.below(100_000_000)))
    }

    /// Reads a code as people type it: `12345678`, `1234 5678`, `1234-5678`.
    ///
    /// # Errors
    /// When something other than eight digits, white space and hyphens or dashes is in it.
    pub fn parse(text: &str) -> Result<Self, MalformedLinkCode> {
        let is_separator =
            |c: char| c.is_whitespace() || matches!(c, '-' | '\u{2010}'..='\u{2015}');
        let digits: String = text.chars().filter(|c| !is_separator(*c)).collect();
        if digits.len() == Self::DIGITS && digits.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(digits))
        } else {
            Err(MalformedLinkCode)
        }
    }

    /// The eight digits.
    #[must_use]
    pub fn digits(&self) -> &str {
        &self.0
    }

    /// The code as people read it: `1234 5678`.
    #[must_use]
    pub fn grouped(&self) -> String {
        let (left, right) = self.0.split_at(Self::DIGITS / 2);
        format!("{left} {right}")
    }
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
        ] {
            let code = LinkCode::parse(typed).ok().map(|c| c.digits().to_owned());
            assert_eq!(code.as_deref(), Some("12345678"), "{typed:?}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for typed in [
            "",
            "1234567",
            "123456789",
            "1234567a",
            "１２３４５６７８",
            "+1234567",
            "1234_5678",
        ] {
            assert!(LinkCode::parse(typed).is_err(), "{typed:?}");
        }
    }
}
