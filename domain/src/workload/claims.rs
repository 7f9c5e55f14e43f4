//! The claims of a JWT (RFC 7519 section 4), in a form that rules can compare.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// A claim's value, reduced to the types that rules can compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimValue {
    /// A string.
    Text(String),
    /// A whole number.
    Number(i64),
    /// `true` or `false`.
    Flag(bool),
    /// An array of strings.
    Texts(Vec<String>),
    /// A value of another type. No rule accepts it.
    Other,
}

/// The claims of a JWT by name. The name of a claim inside an object is prefixed with the name of the object and a
/// slash, such as `kubernetes.io/namespace`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims(BTreeMap<String, ClaimValue>);

/// The error if two claims have the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("two claims have the same name")]
pub struct RepeatedClaim;

impl Claims {
    /// Adds a claim.
    ///
    /// # Errors
    /// [`RepeatedClaim`] if there is already a claim with this name. A nested claim could otherwise replace a claim
    /// with a slash in its name, and vice versa.
    pub fn insert(&mut self, name: String, value: ClaimValue) -> Result<(), RepeatedClaim> {
        match self.0.insert(name, value) {
            None => Ok(()),
            Some(_) => Err(RepeatedClaim),
        }
    }

    /// Returns a claim.
    pub fn get(&self, name: &str) -> Option<&ClaimValue> {
        self.0.get(name)
    }

    /// Returns the text of a claim with a single value. Numbers are in decimal. Empty texts and texts with control
    /// characters count as missing.
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        let text = match self.get(name)? {
            ClaimValue::Text(text) => Cow::Borrowed(text.as_str()),
            ClaimValue::Number(number) => Cow::Owned(number.to_string()),
            ClaimValue::Flag(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
            ClaimValue::Texts(_) | ClaimValue::Other => return None,
        };
        let is_plain = !text.is_empty() && !text.chars().any(char::is_control);
        is_plain.then_some(text)
    }

    /// Returns a claim that is a whole number.
    pub fn number(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            ClaimValue::Number(number) => Some(*number),
            _ => None,
        }
    }
}
