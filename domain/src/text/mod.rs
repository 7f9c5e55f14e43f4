//! Text that strangers supply and a page or a terminal shows.
//!
//! Callers can choose another name, so [`deceptive`] tells them which character is not accepted. What a provider says cannot be
//! sent back, so [`presentable`] takes such characters out.

#[cfg(test)]
mod tests;

use icu_properties::props::{
    CanonicalCombiningClass, DefaultIgnorableCodePoint, Emoji, EnumeratedProperty, GeneralCategory,
    JoiningType, Script,
};
use icu_properties::{CodePointMapData, CodePointSetData};

/// Maximum number of marks on one character. Living languages need three; more would cover the lines around it.
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
    /// [`lookalike`] has found a letter.
    #[error(
        "holds U+{:04X}, a letter of another alphabet than the rest of its word",
        u32::from(*.0)
    )]
    Lookalike(char),
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

/// Checks a text that a stranger has chosen: also that it does not imitate another one.
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

/// Returns the first character that is invisible, that changes how other characters look, or that passes for a space:
/// control and format characters (bidirectional controls, zero-width characters, tags), variation selectors, blank
/// letters, unusual spaces, and combining marks without a letter or stacked on one. Joiners and variation selectors are
/// accepted in emoji. Joiners are also accepted between letters whose shapes they change, as in Persian and Hindi.
pub fn deceptive(text: &str) -> Option<char> {
    judged(text).find_map(|(c, shown)| (shown != Some(c)).then_some(c))
}

/// Whether the character is deceptive wherever it stands.
pub fn is_deceptive(c: char) -> bool {
    shown(c) != Some(c)
}

/// Returns the text without such characters. Control characters and unusual spaces become spaces, the others are
/// removed.
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

/// The characters before the present one.
struct Before {
    last: Option<char>,
    /// Number of marks on the last letter. At the beginning and after a space no mark is accepted.
    marks: u32,
    /// Whether the last letter, marks aside, joins the next one.
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
    /// Whether an invisible character has a meaning here: it makes an emoji a picture, joins it with another one (UTS 51
    /// section 1.4), or changes the shapes of the letters around it (RFC 5892 appendix A.1 and A.2).
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

/// Digits count as emoji, too, as they begin keycaps. Here they are digits.
fn is_emoji(c: char) -> bool {
    !c.is_ascii() && CodePointSetData::new::<Emoji>().contains(c)
}

/// Whether the character takes the vowel from the letter before it, as in Hindi.
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

/// Whether the character has no shape although its category does not say so: letters and marks that stand for nothing, the
/// empty Braille pattern, the head of a note that has none, and the filler of the Khitan small script.
fn is_blank(c: char) -> bool {
    let is_ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c);
    is_ignorable || matches!(c, '\u{2800}' | '\u{1d159}' | '\u{16fe4}')
}

/// Whether the character is drawn on the one before it.
fn is_mark(c: char) -> bool {
    use GeneralCategory::{EnclosingMark, NonspacingMark};
    matches!(property(c), NonspacingMark | EnclosingMark)
}

/// Returns the first letter of another alphabet than the rest of its word, where letters of both look alike: a Cyrillic
/// `а` in a Latin word, for example. A word that consists of such letters alone is not found.
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
