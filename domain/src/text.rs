//! Text that strangers supply and a page or a terminal shows.
//!
//! Callers can choose another name, so [`deceptive`] tells them which character is not accepted. What a provider says cannot be
//! sent back, so [`presentable`] takes such characters out.

use unicode_properties::{GeneralCategory, UnicodeEmoji as _, UnicodeGeneralCategory as _};

/// Marks on one character. Living languages need three; a tower of them covers the lines around it.
const MOST_MARKS: u32 = 3;

/// The longest name that pages show, in characters.
pub const LONGEST_NAME: usize = 100;

/// Why pages cannot show a text beside the service's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unpresentable {
    /// It contains a character that [`deceptive`] finds.
    #[error(
        "holds U+{:04X}, which is invisible or changes how other characters look",
        u32::from(*.0)
    )]
    Deceptive(char),
    /// It is longer than this number of characters.
    #[error("is longer than {0} characters")]
    TooLong(usize),
}

/// Checks that a text is short and contains nothing that could be mistaken for the service's own words.
///
/// # Errors
/// See [`Unpresentable`].
pub fn check_presentable(text: &str, longest: usize) -> Result<(), Unpresentable> {
    match deceptive(text) {
        Some(c) => Err(Unpresentable::Deceptive(c)),
        None if text.chars().count() > longest => Err(Unpresentable::TooLong(longest)),
        None => Ok(()),
    }
}

/// Returns the first character that is invisible, that changes how other characters look, or that passes for a space:
/// control and format characters (bidirectional controls, zero-width characters, tags), variation selectors, blank letters,
/// unusual spaces, and combining marks without a letter or stacked on one. What joins emoji or makes them pictures is accepted
/// where it does that.
#[must_use]
pub fn deceptive(text: &str) -> Option<char> {
    judged(text).find_map(|(c, shown)| (shown != Some(c)).then_some(c))
}

/// Whether the character is deceptive wherever it stands.
#[must_use]
pub fn is_deceptive(c: char) -> bool {
    shown(c) != Some(c)
}

/// Returns the text without such characters. Control characters and unusual spaces become spaces, the others go.
#[must_use]
pub fn presentable(text: &str) -> String {
    judged(text).filter_map(|(_, shown)| shown).collect()
}

/// Returns each character with what is shown in its place, which depends on its neighbours.
fn judged(text: &str) -> impl Iterator<Item = (char, Option<char>)> {
    // A mark at the beginning would sit on whatever stands before the text.
    let (mut marks, mut before) = (MOST_MARKS, None);
    let mut rest = text.chars().peekable();
    std::iter::from_fn(move || {
        let c = rest.next()?;
        let is_of_emoji = is_of_emoji(before, c, rest.peek().copied());
        let shown = if is_of_emoji { Some(c) } else { shown(c) };
        marks = if is_mark(c) { marks + 1 } else { 0 };
        let shown = shown.filter(|_| marks <= MOST_MARKS);
        before = shown.or(before);
        Some((c, shown))
    })
}

/// Whether an invisible character has a meaning between these neighbours (UTS 51 section 1.4): it makes an emoji a picture, or
/// joins it with another one. Joiners between letters, as in Persian, are not accepted: whether they show there depends on how
/// each letter joins, and a name reads without them.
fn is_of_emoji(before: Option<char>, c: char, after: Option<char>) -> bool {
    const AS_PICTURE: char = '\u{fe0f}';
    const JOINER: char = '\u{200d}';
    match c {
        AS_PICTURE => before.is_some_and(is_emoji),
        JOINER => {
            let follows = before.is_some_and(|c| is_emoji(c) || c == AS_PICTURE);
            follows && after.is_some_and(is_emoji)
        }
        _ => false,
    }
}

/// Digits count as emoji, too, as they begin keycaps. Here they are digits.
fn is_emoji(c: char) -> bool {
    !c.is_ascii() && c.is_emoji_char()
}

fn shown(c: char) -> Option<char> {
    use GeneralCategory::{
        Control, Format, LineSeparator, ParagraphSeparator, PrivateUse, SpaceSeparator,
    };
    match c.general_category() {
        _ if c.is_ascii_graphic() => Some(c),
        Control | LineSeparator | ParagraphSeparator | SpaceSeparator => Some(' '),
        Format | PrivateUse => None,
        _ if is_blank(c) => None,
        _ => Some(c),
    }
}

/// Whether the character has no shape although its category does not say so: letters and marks that stand for nothing
/// (`Default_Ignorable_Code_Point` of the Unicode Character Database), and the empty Braille pattern.
fn is_blank(c: char) -> bool {
    matches!(
        c,
        '\u{34f}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{2065}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Whether the character sits on the one before it and takes no room of its own.
fn is_mark(c: char) -> bool {
    use GeneralCategory::{EnclosingMark, NonspacingMark};
    matches!(c.general_category(), NonspacingMark | EnclosingMark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_deceive_are_found_and_taken_out() {
        let invisible = [
            '\u{61c}',
            '\u{feff}',
            '\u{ad}',
            '\u{2060}',
            '\u{3164}',
            '\u{200b}',
            '\u{200d}',
            '\u{202e}',
            '\u{2066}',
            '\u{e0041}',
            '\u{e0100}',
            '\u{fe0f}',
            '\u{34f}',
            '\u{115f}',
            '\u{ffa0}',
            '\u{2800}',
            '\u{e000}',
            '\u{180e}',
            '\u{2065}',
        ];
        for c in invisible {
            let text = format!("ba{c}ckup");
            assert_eq!(deceptive(&text), Some(c), "{c:?}");
            assert_eq!(presentable(&text), "backup", "{c:?}");
        }
        for c in [
            '\0', '\n', '\u{1b}', '\u{9b}', '\u{7f}', '\u{2028}', '\u{a0}', '\u{2003}', '\u{3000}',
        ] {
            let text = format!("back{c}up");
            assert_eq!(deceptive(&text), Some(c), "{c:?}");
            assert_eq!(presentable(&text), "back up", "{c:?}");
        }
    }

    #[test]
    fn texts_that_pages_cannot_show_are_described() {
        let said = |text: &str| check_presentable(text, 5).map_err(|why| why.to_string());
        assert_eq!(said("Größe"), Ok(()));
        let long = "is longer than 5 characters".to_owned();
        assert_eq!(said("Größen"), Err(long));
        let hidden = "holds U+200B, which is invisible or changes how other characters look";
        assert_eq!(said("a\u{200b}"), Err(hidden.to_owned()));
    }

    #[test]
    fn marks_are_not_stacked() {
        let tower = format!("e{}x", "\u{301}".repeat(9));
        assert_eq!(deceptive(&tower), Some('\u{301}'));
        assert_eq!(presentable(&tower), "e\u{301}\u{301}\u{301}x");
        assert_eq!(deceptive("\u{20dd}backup"), Some('\u{20dd}'));
        assert_eq!(presentable("\u{20dd}backup"), "backup");
    }

    #[test]
    fn emoji_are_joined_and_nothing_else_is() {
        for text in [
            "👨\u{200d}👩\u{200d}👧",
            "❤\u{fe0f}\u{200d}🔥 backup",
            "👩🏽\u{200d}💻",
            "☁\u{fe0f}",
        ] {
            assert_eq!(deceptive(text), None, "{text:?}");
            assert_eq!(presentable(text), text);
        }
        for (text, shown) in [
            ("\u{200d}👩", "👩"),
            ("👩\u{200d}", "👩"),
            ("👩\u{200d}\u{200d}👧", "👩\u{200d}👧"),
            ("a\u{200d}👩", "a👩"),
            ("👩\u{200d}a", "👩a"),
            ("a\u{fe0f}\u{200d}👩", "a👩"),
            ("1\u{fe0f}", "1"),
            ("\u{fe0f}", ""),
            ("❤\u{fe0f}\u{fe0f}", "❤\u{fe0f}"),
            ("👩\u{200c}👧", "👩👧"),
            ("می\u{200c}خواهم", "میخواهم"),
        ] {
            assert!(deceptive(text).is_some(), "{text:?}");
            assert_eq!(presentable(text), shown, "{text:?}");
        }
    }

    #[test]
    fn languages_are_welcome() {
        for text in [
            "",
            "cron on web-1 (nightly)",
            "Größe, señor, Tiếng Việt",
            "Tie\u{302}\u{301}ng Vie\u{302}\u{323}t",
            "バックアップ",
            "नमस्ते",
            "ที่นี่",
            "שָׁלוֹם",
            "Резервное копирование",
            "🚀",
        ] {
            assert_eq!(deceptive(text), None, "{text:?}");
            assert_eq!(presentable(text), text);
        }
    }
}
