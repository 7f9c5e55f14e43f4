//! Text that strangers supply and a page or a terminal shows.
//!
//! Callers can choose another name, so [`deceptive`] tells them which character is not accepted. What a provider says cannot be
//! sent back, so [`presentable`] takes such characters out.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

/// Marks on one character. Living languages need three; a tower of them covers the lines around it.
const MOST_MARKS: u32 = 3;

/// Returns the first character that is invisible, that changes how other characters look, or that passes for a space:
/// control and format characters (bidirectional controls, zero-width characters, tags), variation selectors, blank letters,
/// unusual spaces, and combining marks without a letter or stacked on one.
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

/// Returns each character with what is shown in its place, which depends on the marks before it.
fn judged(text: &str) -> impl Iterator<Item = (char, Option<char>)> {
    // A mark at the beginning would sit on whatever stands before the text.
    let mut marks = MOST_MARKS;
    text.chars().map(move |c| {
        let shown = shown(c);
        marks = if is_mark(c) { marks + 1 } else { 0 };
        (c, shown.filter(|_| marks <= MOST_MARKS))
    })
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
    fn marks_are_not_stacked() {
        let tower = format!("e{}x", "\u{301}".repeat(9));
        assert_eq!(deceptive(&tower), Some('\u{301}'));
        assert_eq!(presentable(&tower), "e\u{301}\u{301}\u{301}x");
        assert_eq!(deceptive("\u{20dd}backup"), Some('\u{20dd}'));
        assert_eq!(presentable("\u{20dd}backup"), "backup");
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
