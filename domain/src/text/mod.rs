//! Text from strangers, before it is shown on a page or a terminal.
//!
//! [`deceptive`] finds the character for which a caller's text is rejected. The caller can then choose another text.
//! [`presentable`] removes such characters from a provider's text, because the provider cannot be asked for another
//! text.

#[cfg(test)]
mod tests;

use icu_properties::props::{
    CanonicalCombiningClass, DefaultIgnorableCodePoint, Emoji, EnumeratedProperty, GeneralCategory,
    JoiningType, Script,
};
use icu_properties::{CodePointMapData, CodePointSetData};

/// Maximum number of combining marks on one character. Living languages need three. More marks would cover the lines
/// above and below.
const MOST_MARKS: u32 = 3;

/// Maximum length of a name on pages, in characters.
pub const LONGEST_NAME: usize = 100;

/// Why a text may not be shown beside the service's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unpresentable {
    /// The text contains a character that [`deceptive`] finds.
    #[error(
        "holds U+{:04X}, which is invisible or changes how other characters look",
        u32::from(*.0)
    )]
    Deceptive(char),
    /// The text is longer than this number of characters.
    #[error("is longer than {0} characters")]
    TooLong(usize),
    /// The text contains a letter that [`lookalike`] finds.
    #[error(
        "holds U+{:04X}, a letter of another alphabet than the rest of its word",
        u32::from(*.0)
    )]
    Lookalike(char),
}

/// Checks that a text is not too long and contains no character that [`deceptive`] finds.
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

/// Checks a text that a stranger has chosen. In addition to [`check_presentable`], rejects letters that [`lookalike`]
/// finds.
///
/// # Errors
/// See [`Unpresentable`].
pub fn check_chosen(text: &str, longest: usize) -> Result<(), Unpresentable> {
    check_presentable(text, longest)?;
    match lookalike(text) {
        Some(letter) => Err(Unpresentable::Lookalike(letter)),
        None => Ok(()),
    }
}

/// Returns the first character that is invisible, looks like a space, or changes how other characters look:
/// - control, format and private-use characters (bidirectional controls, zero-width characters, tags)
/// - variation selectors, blank letters and unusual spaces
/// - a combining mark at the beginning or after a space
/// - the fourth combining mark on one letter
///
/// Emoji may contain joiners and the variation selector U+FE0F. Letters whose shapes depend on joiners, as in Persian
/// and Hindi, may have joiners between them.
pub fn deceptive(text: &str) -> Option<char> {
    judged(text).find_map(|(c, shown)| (shown != Some(c)).then_some(c))
}

/// Whether the character is deceptive by itself. Unlike [`deceptive`], ignores the characters around it.
pub fn is_deceptive(c: char) -> bool {
    shown(c) != Some(c)
}

/// Returns the text without the characters that [`deceptive`] finds. Control characters and unusual spaces become
/// spaces. The other characters are removed.
pub fn presentable(text: &str) -> String {
    judged(text).filter_map(|(_, shown)| shown).collect()
}

/// Returns each character and its replacement, which depends on the characters around it.
fn judged(text: &str) -> impl Iterator<Item = (char, Option<char>)> {
    let mut before = Before::default();
    let mut rest = text.chars();
    std::iter::from_fn(move || {
        let c = rest.next()?;
        let has_meaning = before.gives_meaning_to(c, rest.clone());
        let shown = if has_meaning { Some(c) } else { shown(c) };
        let shown = shown.filter(|c| !is_mark(*c) || before.marks < MOST_MARKS);
        if let Some(c) = shown {
            before.go_on(c);
        }
        Some((c, shown))
    })
}

const AS_PICTURE: char = '\u{fe0f}';
const JOINER: char = '\u{200d}';
const NON_JOINER: char = '\u{200c}';

/// What is known about the characters before the current one.
struct Before {
    last: Option<char>,
    /// The number of marks on the last letter. It is [`MOST_MARKS`] at the beginning and after a space, so that the
    /// next mark is rejected.
    marks: u32,
    /// Whether the last letter joins the next letter, regardless of marks in between.
    joins: bool,
}

impl Default for Before {
    fn default() -> Self {
        Self {
            last: None,
            marks: MOST_MARKS,
            joins: false,
        }
    }
}

impl Before {
    /// Whether an invisible character has a meaning here. It may show an emoji as a picture, join two emoji (UTS 51
    /// section 1.4), or change the shapes of the letters around it (RFC 5892 appendix A.1 and A.2).
    fn gives_meaning_to(&self, c: char, mut rest: impl Iterator<Item = char>) -> bool {
        let follows = |is: fn(char) -> bool| self.last.is_some_and(is);
        match c {
            AS_PICTURE => follows(is_emoji),
            JOINER if follows(is_virama) => true,
            JOINER => {
                follows(|c| is_emoji(c) || c == AS_PICTURE) && rest.next().is_some_and(is_emoji)
            }
            NON_JOINER if follows(is_virama) => true,
            NON_JOINER => {
                let next = rest.map(property::<JoiningType>);
                let next = next
                    .into_iter()
                    .find(|next| *next != JoiningType::Transparent);
                let joins = [JoiningType::RightJoining, JoiningType::DualJoining];
                self.joins && next.is_some_and(|next| joins.contains(&next))
            }
            _ => false,
        }
    }

    fn go_on(&mut self, shown: char) {
        self.marks = match shown {
            ' ' => MOST_MARKS,
            JOINER | NON_JOINER => self.marks,
            c if is_mark(c) => self.marks + 1,
            _ => 0,
        };
        let joins = [JoiningType::LeftJoining, JoiningType::DualJoining];
        match property(shown) {
            JoiningType::Transparent => {}
            other => self.joins = joins.contains(&other),
        }
        self.last = Some(shown);
    }
}

/// Whether the character is an emoji. Unicode counts ASCII digits as emoji, because keycaps begin with them. This
/// function does not count them.
fn is_emoji(c: char) -> bool {
    !c.is_ascii() && CodePointSetData::new::<Emoji>().contains(c)
}

/// Whether the character removes the vowel of the letter before it, as in Hindi.
fn is_virama(c: char) -> bool {
    property::<CanonicalCombiningClass>(c) == CanonicalCombiningClass::Virama
}

fn property<P: EnumeratedProperty>(c: char) -> P {
    CodePointMapData::<P>::new().get(c)
}

fn shown(c: char) -> Option<char> {
    use GeneralCategory::{
        Control, Format, LineSeparator, ParagraphSeparator, PrivateUse, SpaceSeparator,
    };
    match property(c) {
        _ if c.is_ascii_graphic() => Some(c),
        Control | LineSeparator | ParagraphSeparator | SpaceSeparator => Some(' '),
        Format | PrivateUse => None,
        _ if is_blank(c) => None,
        _ => Some(c),
    }
}

/// Whether the character is invisible although its general category does not say so: default-ignorable code points, the
/// empty Braille pattern, the musical null notehead, and the filler of the Khitan small script.
fn is_blank(c: char) -> bool {
    let is_ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c);
    is_ignorable || matches!(c, '\u{2800}' | '\u{1d159}' | '\u{16fe4}')
}

/// Whether the character is drawn on the previous character.
fn is_mark(c: char) -> bool {
    use GeneralCategory::{EnclosingMark, NonspacingMark};
    matches!(property(c), NonspacingMark | EnclosingMark)
}

/// Returns the first letter that belongs to a different alphabet from an earlier letter of the same word, if the two
/// alphabets have letters that look alike. An example is a Cyrillic `а` in a Latin word. Does not detect a word whose
/// letters all belong to one alphabet.
pub fn lookalike(text: &str) -> Option<char> {
    let words = text.split(|c: char| !c.is_alphanumeric() && !is_mark(c));
    words.into_iter().find_map(|word| {
        let of_alphabets = word.chars().map(|c| (c, property::<Script>(c)));
        let mut letters = of_alphabets.filter(|(_, script)| LOOKALIKE.contains(script));
        let (_, first) = letters.next()?;
        let (letter, _) = letters.find(|(_, script)| *script != first)?;
        Some(letter)
    })
}

/// Alphabets with letters that look alike (UTS 39 section 4).
const LOOKALIKE: [Script; 7] = [
    Script::Armenian,
    Script::Cherokee,
    Script::Coptic,
    Script::Cyrillic,
    Script::Greek,
    Script::Latin,
    Script::Lisu,
];
