use std::fmt;

/// Eight consonants, shown as `BCDF-GHJK`. Without vowels a code cannot be a word, and no letter looks like a digit
/// (RFC 8628 section 6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UserCode(String);

impl UserCode {
    const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
    const LENGTH: usize = 8;

    /// Derives a code from a random number. 64 bits are enough to make all codes practically equally likely.
    pub(crate) fn from_number(mut number: u64) -> Self {
        let base = Self::ALPHABET.len() as u64;
        let letters = (0..Self::LENGTH).map(|_| {
            let letter = Self::ALPHABET[(number % base) as usize];
            number /= base;
            char::from(letter)
        });
        Self(letters.collect())
    }

    /// Parses a code as people type it: any case, with or without separators.
    pub(crate) fn parse(typed: &str) -> Option<Self> {
        let is_separator =
            |c: char| c.is_whitespace() || matches!(c, '-' | '\u{2010}'..='\u{2015}');
        let letters: String = typed
            .chars()
            .filter(|c| !is_separator(*c))
            .map(|c| c.to_ascii_uppercase())
            .collect();
        let good =
            letters.len() == Self::LENGTH && letters.bytes().all(|b| Self::ALPHABET.contains(&b));
        good.then_some(Self(letters))
    }
}

impl fmt::Display for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (left, right) = self.0.split_at(Self::LENGTH / 2);
        write!(f, "{left}-{right}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_shows_and_what_people_make_of_it() {
        let code = UserCode::from_number(0x0123_4567_89ab_cdef);
        let shown = code.to_string();
        let bare = shown.replace('-', "");
        for typed in [
            shown.clone(),
            bare.clone(),
            bare.to_lowercase(),
            format!(" {} ", shown.replace('-', " \u{2013} ")),
        ] {
            assert_eq!(UserCode::parse(&typed).as_ref(), Some(&code), "{typed:?}");
        }
    }

    #[test]
    fn numbers_spread_over_all_codes() {
        assert_eq!(UserCode::from_number(0).to_string(), "BBBB-BBBB");
        assert_eq!(UserCode::from_number(21).to_string(), "CCBB-BBBB");
        let last = 20_u64.pow(8) - 1;
        assert_eq!(UserCode::from_number(last).to_string(), "ZZZZ-ZZZZ");
    }

    #[test]
    fn refuses_everything_else() {
        for typed in [
            "",
            "BCDF-GHJ",
            "BCDF-GHJKL",
            "ABCD-EFGH",
            "1234-5678",
            "BCDF_GHJK",
        ] {
            assert_eq!(UserCode::parse(typed), None, "{typed:?}");
        }
    }
}
