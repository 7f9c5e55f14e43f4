//! The keys of operators. No such key gives access to an account's tokens.

use std::fmt::{self, Display};

use crate::observe::words;
use crate::secret::AccessKey;

words! {
    /// What a key of an operator may do.
    OperatorRole {
        /// Do everything except read tokens.
        Admin => "admin",
        /// Read what an admin may read.
        Auditor => "auditor",
        /// Request link codes.
        Enroll => "enroll",
    }
}

/// The name of an operator's key: 1 to 64 characters of `a-z`, `0-9`, `.`, `_`, `-` and `@`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OperatorName {
    bytes: [u8; Self::LONGEST],
    length: u8,
}

impl OperatorName {
    /// Maximum length.
    pub const LONGEST: usize = 64;

    /// Creates a name. `None` if the text is not a valid name.
    pub fn new(name: &str) -> Option<Self> {
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-@".contains(&b);
        let is_name = !name.is_empty() && name.bytes().all(is_plain);
        let mut bytes = [0; Self::LONGEST];
        bytes
            .get_mut(..name.len())
            .filter(|_| is_name)?
            .copy_from_slice(name.as_bytes());
        let length = u8::try_from(name.len()).ok()?;
        Some(Self { bytes, length })
    }

    /// Returns the name of a key without a configured name. This is the word of its role.
    pub const fn of_role(role: OperatorRole) -> Self {
        let name = role.as_str().as_bytes();
        let mut bytes = [0; Self::LONGEST];
        let mut at = 0;
        while at < name.len() {
            bytes[at] = name[at];
            at += 1;
        }
        Self {
            bytes,
            length: at as u8,
        }
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.length));
        // `new` accepts only ASCII, so this is always UTF-8.
        str::from_utf8(bytes.unwrap_or_default()).unwrap_or_default()
    }
}

impl Display for OperatorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for OperatorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// A key that the operator has configured.
#[derive(Clone)]
pub struct OperatorKey {
    /// The name of the key in logs.
    pub name: OperatorName,
    /// What the key may do.
    pub role: OperatorRole,
    /// The key.
    pub key: AccessKey,
}

impl OperatorKey {
    /// Creates a key that is named after its role.
    pub fn of_role(role: OperatorRole, key: AccessKey) -> Self {
        let name = OperatorName::of_role(role);
        Self { name, role, key }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        let longest = "x".repeat(OperatorName::LONGEST);
        for name in ["a", "ops@example.com", "ci_1.two-three", &longest] {
            let known = OperatorName::new(name).unwrap();
            assert_eq!(known.as_str(), name);
        }
        for other in ["", "Alice", "a b", "é", "a:b", &(longest + "x")] {
            assert_eq!(OperatorName::new(other), None, "{other}");
        }
        let admin = OperatorName::of_role(OperatorRole::Admin);
        assert_eq!(Some(admin), OperatorName::new("admin"));
    }
}
