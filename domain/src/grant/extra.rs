//! Members of token responses that clients need in addition to the access token, such as the API host or a tenant id.

use std::collections::BTreeMap;

use crate::secret::ExtraText;

/// Members of a token response and their values, by name.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Extra(BTreeMap<String, String>);

/// The members that the operator configured, each with its value in the response, if any.
pub type ListedMembers = Vec<(String, Option<String>)>;

impl Extra {
    /// Maximum number of listed members.
    pub const MOST_MEMBERS: usize = 16;
    /// Maximum length of a member's name in bytes.
    pub const LONGEST_NAME: usize = 128;
    /// Maximum length of a value in bytes. A longer value is left out, because a truncated value is useless.
    pub const LONGEST_VALUE: usize = 2048;

    /// Whether a member may be returned to clients. Rejects tokens and secrets at any depth, such as `access_token`,
    /// `authed_user.access_token`, `client_secret` and `refreshToken`.
    pub fn may_hold(name: &str) -> bool {
        let is_secret = |segment: &str| {
            let letters = segment.chars().filter(char::is_ascii_alphanumeric);
            let word: String = letters.map(|c| c.to_ascii_lowercase()).collect();
            word.ends_with("token") || word.ends_with("secret")
        };
        !name.split(['.', '/']).any(is_secret)
    }

    /// Returns the listed members after a response. Each member has its value in the response, or else its stored
    /// value. Members that are no longer listed are dropped.
    pub fn after(self, answer: ListedMembers) -> Self {
        let Self(mut before) = self;
        let known = answer.into_iter().filter_map(|(name, value)| {
            let value = value.or_else(|| before.remove(&name))?;
            Some((name, value))
        });
        Self(known.collect())
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the members for the client.
    pub fn into_members(self) -> BTreeMap<String, String> {
        self.0
    }

    /// Encodes the members as one text to be sealed. Each name and value is prefixed with its length in bytes.
    pub fn to_text(&self) -> ExtraText {
        let parts = self.0.iter().flat_map(|(name, value)| [name, value]);
        let text: String = parts.map(|part| format!("{}:{part}", part.len())).collect();
        ExtraText::new(text)
    }

    /// Parses the text of [`Extra::to_text`]; `None` for any other text.
    pub fn from_text(text: &ExtraText) -> Option<Self> {
        let (mut rest, mut members) = (text.expose(), BTreeMap::new());
        while !rest.is_empty() {
            let (name, after_name) = part(rest)?;
            let (value, after_value) = part(after_name)?;
            members.insert(name.to_owned(), value.to_owned());
            rest = after_value;
        }
        Some(Self(members))
    }
}

/// Splits the first name or value off a text.
fn part(text: &str) -> Option<(&str, &str)> {
    let (length, rest) = text.split_once(':')?;
    rest.split_at_checked(length.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extra(members: &[(&str, &str)]) -> Extra {
        let owned = members
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        Extra(owned.collect())
    }

    #[test]
    fn the_text_tells_the_members() {
        let all = extra(&[
            ("instance_url", "https://org.example.com"),
            ("team.id", "7:1"),
            ("ключ", "a\u{0}b\n€"),
        ]);
        for members in [all, Extra::default()] {
            assert!(Extra::from_text(&members.to_text()) == Some(members));
        }
        for broken in ["7", "3:ab", "1:a", "x:a1:b", "1:€2:bc"] {
            assert!(
                Extra::from_text(&ExtraText::new(broken)).is_none(),
                "{broken}"
            );
        }
    }

    #[test]
    fn an_answer_replaces_what_it_carries() {
        let before = extra(&[("kept", "1"), ("moved", "2"), ("unlisted", "3")]);
        let answer = [("kept", None), ("moved", Some("9")), ("missing", None)];
        let answer = answer.map(|(n, v)| (n.to_owned(), v.map(str::to_owned)));
        let after = before.after(answer.into());
        assert!(after == extra(&[("kept", "1"), ("moved", "9")]));
    }

    #[test]
    fn tokens_and_secrets_are_held_back() {
        for secret in [
            "access_token",
            "refresh_token",
            "id_token",
            "authed_user.access_token",
            "incoming_webhook.client_secret",
            "RefreshToken",
            "bot-token",
            "access_token.value",
            "token",
        ] {
            assert!(!Extra::may_hold(secret), "{secret}");
        }
        for harmless in [
            "instance_url",
            "api_domain",
            "team.id",
            "token_type",
            "secretary",
        ] {
            assert!(Extra::may_hold(harmless), "{harmless}");
        }
    }
}
