//! Keys of operators, which open no account's token.

use crate::secret::AccessKey;

/// What an operator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorRole {
    /// Everything but tokens.
    Admin,
    /// Read what an admin may read.
    Auditor,
    /// Ask for link codes.
    Enroll,
}

/// A key that the operator has configured.
#[derive(Clone)]
pub struct OperatorKey {
    /// The name that the operator gave it, for the log.
    pub name: String,
    /// What it may do.
    pub role: OperatorRole,
    /// The key.
    pub key: AccessKey,
}

impl OperatorKey {
    /// Creates the only key of this role, named after the role.
    #[must_use]
    pub fn of_role(role: OperatorRole, key: AccessKey) -> Self {
        let name = match role {
            OperatorRole::Admin => "admin",
            OperatorRole::Auditor => "auditor",
            OperatorRole::Enroll => "enroll",
        };
        let name = name.to_owned();
        Self { name, role, key }
    }
}
