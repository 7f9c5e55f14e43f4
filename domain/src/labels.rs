use std::collections::BTreeMap;
use std::collections::btree_map::{IntoIter, Iter};

use crate::text::{Unpresentable, check_chosen};

/// The names and values that a client sent when it requested its link, such as `team` and `billing`. They are
/// unverified and grant no rights.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Labels(BTreeMap<String, String>);

/// One label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// Why a label is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadLabel {
    /// There are more than [`Labels::MOST`] labels.
    #[error("labels: more than {} labels", Labels::MOST)]
    TooMany,
    /// The name is empty, too long or contains a character that is not allowed.
    #[error(
        "labels: a name must have 1 to {} characters of a-z, 0-9, `.`, `_`, `/` and `-`",
        Label::LONGEST_NAME
    )]
    Name,
    /// The value is too long, or contains characters that may deceive a reader.
    #[error("labels: the value of {name} {why}")]
    Value {
        /// The name of the label.
        name: String,
        /// What is wrong with the value.
        why: Unpresentable,
    },
}

impl Label {
    /// Maximum length of a name.
    pub const LONGEST_NAME: usize = 63;
    /// Maximum length of a value in characters.
    pub const LONGEST_VALUE: usize = 255;

    /// Reads a label as `NAME:VALUE`. The value may contain colons.
    ///
    /// # Errors
    /// [`BadLabel::Name`] for a text without a colon; otherwise as [`Label::new`].
    pub fn parse(text: &str) -> Result<Self, BadLabel> {
        let (name, value) = text.split_once(':').ok_or(BadLabel::Name)?;
        Self::new(name.to_owned(), value.to_owned())
    }

    /// Checks a label for a search. Accepts some values that [`Labels::new`] rejects, because earlier versions stored
    /// such values.
    ///
    /// # Errors
    /// [`BadLabel::Name`] and [`BadLabel::Value`].
    pub fn new(name: String, value: String) -> Result<Self, BadLabel> {
        let is_of_name = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'/' | b'-');
        if !(1..=Self::LONGEST_NAME).contains(&name.len()) || !name.bytes().all(is_of_name) {
            return Err(BadLabel::Name);
        }
        let why = match value.chars().find(|c| c.is_control()) {
            Some(control) => Unpresentable::Deceptive(control),
            None if value.chars().count() > Self::LONGEST_VALUE => {
                Unpresentable::TooLong(Self::LONGEST_VALUE)
            }
            None => return Ok(Self { name, value }),
        };
        Err(BadLabel::Value { name, why })
    }

    /// Checks a label of a new link.
    fn chosen(name: String, value: String) -> Result<(String, String), BadLabel> {
        let Self { name, value } = Self::new(name, value)?;
        match check_chosen(&value, Self::LONGEST_VALUE) {
            Ok(()) => Ok((name, value)),
            Err(why) => Err(BadLabel::Value { name, why }),
        }
    }
}

impl Labels {
    /// Maximum number of labels of an account.
    pub const MOST: usize = 16;

    /// Checks the labels of a new link.
    ///
    /// # Errors
    /// [`BadLabel`].
    pub fn new(labels: impl IntoIterator<Item = (String, String)>) -> Result<Self, BadLabel> {
        let checked = |(name, value)| Label::chosen(name, value);
        let labels: BTreeMap<_, _> = labels.into_iter().map(checked).collect::<Result<_, _>>()?;
        if labels.len() > Self::MOST {
            return Err(BadLabel::TooMany);
        }
        Ok(Self(labels))
    }

    /// Wraps labels from the store without a check, because they were checked before they were stored.
    pub fn stored(labels: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(labels.into_iter().collect())
    }

    /// Returns the labels in `later` that are added to these labels. Only labels with new names are added, up to a
    /// total of [`Self::MOST`]. Stored labels are never overwritten.
    #[must_use]
    pub fn added_by(&self, later: &Self) -> Self {
        let room = Self::MOST.saturating_sub(self.0.len());
        let new = later.iter().filter(|(name, _)| !self.0.contains_key(*name));
        Self::stored(
            new.take(room)
                .map(|(name, value)| (name.clone(), value.clone())),
        )
    }

    /// Returns the labels in the order of their names.
    pub fn iter(&self) -> Iter<'_, String, String> {
        self.0.iter()
    }

    /// Whether there are no labels.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether these labels contain `label`.
    pub fn contains(&self, label: &Label) -> bool {
        self.0.get(&label.name) == Some(&label.value)
    }
}

impl IntoIterator for Labels {
    type Item = (String, String);
    type IntoIter = IntoIter<String, String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Result<Labels, BadLabel> {
        Labels::new(
            pairs
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned())),
        )
    }

    #[test]
    fn labels_are_bounded() {
        let (longest, value) = ("a".repeat(63), "🌙".repeat(255));
        assert!(labels(&[(&longest, &value), ("a.b_c/d-9", "")]).is_ok());
        let too_long = format!("{longest}a");
        for name in ["", "Team", "a b", "a:b", "é", &too_long] {
            assert_eq!(labels(&[(name, "x")]), Err(BadLabel::Name), "{name:?}");
        }
        for (value, why) in [
            (format!("{value}x"), Unpresentable::TooLong(255)),
            ("a\nb".to_owned(), Unpresentable::Deceptive('\n')),
            (
                "bill\u{200b}ing".to_owned(),
                Unpresentable::Deceptive('\u{200b}'),
            ),
            // A Cyrillic letter.
            (
                "b\u{456}lling".to_owned(),
                Unpresentable::Lookalike('\u{456}'),
            ),
            (
                "\u{202e}gnillib".to_owned(),
                Unpresentable::Deceptive('\u{202e}'),
            ),
        ] {
            let refused = labels(&[("team", &value)]);
            let name = "team".to_owned();
            assert_eq!(refused, Err(BadLabel::Value { name, why }));
        }
        let many = |count: usize| Labels::new((0..count).map(|n| (n.to_string(), String::new())));
        assert!(many(16).is_ok());
        assert_eq!(many(17), Err(BadLabel::TooMany));
    }

    #[test]
    fn a_label_is_written_with_a_colon() {
        let label = Label::parse("url:https://x").unwrap();
        assert_eq!((&*label.name, &*label.value), ("url", "https://x"));
        for text in ["", "team", ":x", "Team:x"] {
            assert_eq!(Label::parse(text), Err(BadLabel::Name), "{text:?}");
        }
    }

    #[test]
    fn labels_of_earlier_versions_are_found() {
        for value in ["bill\u{200b}ing", "b\u{456}lling"] {
            let found = Label::parse(&format!("team:{value}")).unwrap();
            assert!(Labels::stored([("team".to_owned(), value.to_owned())]).contains(&found));
        }
        for value in ["a\0b".to_owned(), "x".repeat(256)] {
            assert!(Label::parse(&format!("team:{value}")).is_err());
        }
    }

    #[test]
    fn later_labels_overwrite_nothing_and_find_no_room_beyond_the_limit() {
        let add = |kept: Labels, later: Result<Labels, BadLabel>| {
            let added = kept.added_by(&later.unwrap()).into_iter();
            Labels::stored(added.chain(kept))
        };
        let kept = labels(&[("team", "a")]).unwrap();
        let kept = add(kept, labels(&[("team", "b"), ("host", "db1")]));
        assert_eq!(kept, labels(&[("team", "a"), ("host", "db1")]).unwrap());
        let many = Labels::new((0..16).map(|n| (n.to_string(), String::new())));
        let kept = add(kept, many);
        assert_eq!(kept.iter().count(), Labels::MOST);
        assert!(kept.contains(&Label::parse("team:a").unwrap()));
        assert!(!kept.contains(&Label::parse("team:b").unwrap()));
    }
}
