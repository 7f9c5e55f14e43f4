//! Keys of operators. They give access to no account's token.

use std::fmt::{self, Display};

use crate::observe::words;
use crate::secret::AccessKey;

words! {
    /// What an operator may do. If a role has only one key and that key has no name, it is named after the role.
    OperatorRole {
        /// Everything but tokens.
        Admin => "admin",
        /// Read what an admin may read.
        Auditor => "auditor",
        /// Ask for link codes.
        Enroll => "enroll",
    }
}

/// The name of an operator's key: 1 to 64 of the characters `a-z`, `0-9`, `.`, `_`, `-` and `@`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OperatorName {
    bytes: [u8; Self::LONGEST],
    length: u8,
}

impl OperatorName {
    /// The most characters.
    pub const LONGEST: usize = 64;

    /// Returns the name, if it is one.
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

    /// Returns the name of the only key of a role.
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
        // The bytes are ASCII.
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
    /// The name that the operator gave it, for the log.
    pub name: OperatorName,
    /// What it may do.
    pub role: OperatorRole,
    /// The key.
    pub key: AccessKey,
}

impl OperatorKey {
    /// Creates the only key of this role, named after the role.
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
