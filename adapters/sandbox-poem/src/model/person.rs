//! Invented people.

use url::form_urlencoded;

/// An invented person, known by the name that was typed at the login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    name: String,
}

impl Person {
    /// The people that the login page offers.
    pub(crate) const OFFERED: [&str; 2] = ["alice", "bob"];
    /// Maximum length of a name in bytes, so that the encoded `sub` has at most 255 characters (OpenID Connect Core
    /// section 2).
    const LONGEST: usize = 40;

    /// Returns Alice, who consents automatically unless [`super::AutoPerson`] says otherwise.
    pub(crate) fn alice() -> Self {
        Self {
            name: "alice".to_owned(),
        }
    }

    /// Returns the person of this number: `person-0001` and so on.
    pub(crate) fn numbered(number: u64) -> Self {
        Self {
            name: format!("person-{number:04}"),
        }
    }

    /// Returns the person with this `sub`.
    pub(crate) fn of_subject(subject: &str) -> Option<Self> {
        let encoded = subject.strip_prefix("sandbox-")?;
        let (name, _) = form_urlencoded::parse(encoded.as_bytes()).next()?;
        Self::parse(&name)
    }

    /// Parses a name as people type it: letters and digits in any script, spaces, dots, hyphens, `'` and `_`.
    pub(crate) fn parse(typed: &str) -> Option<Self> {
        let name = typed.split_whitespace().collect::<Vec<_>>().join(" ");
        let fits = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '.' | '-' | '\'' | '_');
        let good = name.len() <= Self::LONGEST
            && name.chars().all(fits)
            && name.chars().any(char::is_alphanumeric);
        good.then_some(Self { name })
    }

    /// Returns the display name, with a capital letter: `Alice`.
    pub(crate) fn name(&self) -> String {
        let mut letters = self.name.chars();
        letters
            .next()
            .into_iter()
            .flat_map(char::to_uppercase)
            .chain(letters)
            .collect()
    }

    /// Returns the login name: the same for `Bob Smith` and `bob  smith`.
    pub(crate) fn username(&self) -> String {
        self.name.to_lowercase().replace(' ', ".")
    }

    /// Returns the permanent identifier (`sub`). It is ASCII even if the name is not.
    pub(crate) fn subject(&self) -> String {
        let username = self.username();
        let encoded = form_urlencoded::byte_serialize(username.as_bytes());
        format!("sandbox-{}", encoded.collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_is_the_same_person() {
        for typed in ["Bob Smith", "  bob   smith ", "BOB SMITH"] {
            let subject = Person::parse(typed).map(|person| person.subject());
            assert_eq!(subject.as_deref(), Some("sandbox-bob.smith"), "{typed:?}");
        }
        let zoe = Person::parse("ZOË").map(|person| person.subject());
        assert_eq!(zoe.as_deref(), Some("sandbox-zo%C3%AB"));
        assert_eq!(Person::alice().name(), "Alice");
        let known = Person::numbered(7);
        assert_eq!(Person::of_subject(&known.subject()), Some(known));
        assert_eq!(Person::of_subject("somebody"), None);
        assert_eq!(
            Person::parse("zoë").map(|p| p.name()).as_deref(),
            Some("Zoë")
        );
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = "x".repeat(41);
        for typed in ["", "   ", "--", "<b>", "a\u{0}", "a&b", long.as_str()] {
            assert_eq!(Person::parse(typed), None, "{typed:?}");
        }
    }
}
