//! The return code. After the consent, the person reads this code on the service's page and types it into the program.
//! This proves that this program requested the link.

use std::fmt;
use std::time::Duration;

use super::is_separator;
use crate::fault::{Fault, FaultCode};

/// A return code: six letters of the alphabet that RFC 8628 section 6.1 recommends. Without vowels, no code spells a
/// word.
#[derive(Clone, PartialEq, Eq)]
pub struct ReturnCode(String);

impl ReturnCode {
    /// How many return codes the link's key may try.
    pub const TRIES: u32 = 3;
    /// How long a link waits for its return code.
    pub const LIFETIME: Duration = Duration::from_secs(180);

    const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
    const LENGTH: u32 = 6;
    /// Maximum length of a typed code in characters, separators included.
    const LONGEST_TEXT: usize = 64;

    /// Derives a code from random bytes or a keyed hash. The modulo bias of 128 bits over 20^6 codes is negligible.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        let mut number = u128::from_be_bytes(bytes);
        let base = Self::LETTERS.len() as u128;
        let letter = |_| {
            let letter = Self::LETTERS[(number % base) as usize];
            number /= base;
            char::from(letter)
        };
        Self((0..Self::LENGTH).map(letter).collect())
    }

    /// Whether this text is the code as a person may type or copy it: `BCD-FGH`, `bcd fgh`, `"BCDFGH".`, `ＢＣＤＦＧＨ`.
    pub fn is_typed(&self, text: &str) -> bool {
        let typed = text.chars().filter(|c| !is_separator(*c));
        text.chars().count() <= Self::LONGEST_TEXT && typed.map(ascii_letter).eq(self.0.chars())
    }

    /// Returns the code as displayed: `BCD-FGH`.
    pub fn grouped(&self) -> String {
        let (first, second) = self.0.split_at(self.0.len() / 2);
        format!("{first}-{second}")
    }

    /// Returns the fault of a link that ended without the right return code.
    pub fn not_confirmed() -> Fault {
        Fault::new(
            FaultCode::NotConfirmed,
            "the return code was not sent in time, or it was wrong too often; nothing was linked",
        )
    }
}

impl fmt::Debug for ReturnCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReturnCode(…)")
    }
}

/// Converts an ASCII or full-width letter to an upper-case ASCII letter. Returns other characters unchanged.
fn ascii_letter(c: char) -> char {
    let ascii = match c {
        'Ａ'..='Ｚ' | 'ａ'..='ｚ' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        _ => c,
    };
    ascii.to_ascii_uppercase()
}

/// Whether requests for links may or must ask for a return code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReturnCodePolicy {
    /// No request may ask for a return code.
    Off,
    /// Every request may ask for a return code.
    #[default]
    Offered,
    /// Every request must ask for a return code.
    Required,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_six_letters() {
        let zero = ReturnCode::from_random([0; 16]);
        assert_eq!(zero.grouped(), "BBB-BBB");
        let mut bytes = [0; 16];
        bytes[15] = 19;
        let code = ReturnCode::from_random(bytes);
        assert_eq!(code.grouped(), "ZBB-BBB");
        for typed in [
            "ZBBBBB",
            "zbb-bbb",
            " zbb bbb ",
            "ZBB_BBB\r\n",
            "\u{201c}ZBB\u{2013}BBB\u{201d}.",
            "ＺＢＢーｂｂｂ",
        ] {
            assert!(code.is_typed(typed), "{typed:?}");
        }
        for typed in ["", "ZBBBB", "ZBBBBBB", "BZBBBB", "ZBB1BBB"] {
            assert!(!code.is_typed(typed), "{typed:?}");
        }
        assert!(!format!("{code:?}").contains("BBB"));
    }
}
