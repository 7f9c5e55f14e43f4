use std::sync::{Arc, PoisonError, RwLock};

use crate::operator::{OperatorKey, OperatorName, OperatorRole};
use crate::secret::{AccessKey, KeyedHash};
use crate::vault::Vault;

/// The keys of operators, as hashes. The keys can be replaced while the service runs.
pub struct Operators {
    vault: Vault,
    known: RwLock<Arc<[Operator]>>,
}

/// An operator, with the hash of the operator's key.
#[derive(Clone)]
pub struct Operator {
    pub(super) name: OperatorName,
    pub(super) role: OperatorRole,
    pub(super) hash: KeyedHash,
}

/// The new set of keys has no enrolment key, although the old set has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the last enrolment key was removed, which would let everybody link accounts; this needs a restart"
)]
pub struct LastEnrolmentKey;

impl Operators {
    /// Creates the list of operator keys. Only their hashes stay in memory.
    pub fn new(vault: Vault, keys: &[OperatorKey]) -> Self {
        let known = hashed(&vault, keys);
        Self {
            vault,
            known: RwLock::new(known),
        }
    }

    /// Replaces all keys. From now on, keys that are not in `keys` are rejected.
    ///
    /// # Errors
    /// [`LastEnrolmentKey`] if the service has an enrolment key and `keys` has none. Nothing changes then.
    pub fn replace(&self, keys: &[OperatorKey]) -> Result<(), LastEnrolmentKey> {
        if self.need_enrolment() && !keys.iter().any(|key| key.role == OperatorRole::Enroll) {
            return Err(LastEnrolmentKey);
        }
        let known = hashed(&self.vault, keys);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(())
    }

    /// Whether callers need a key to request a link code, because an enrolment key is configured.
    pub(super) fn need_enrolment(&self) -> bool {
        let known = self.all();
        known.iter().any(|key| key.role == OperatorRole::Enroll)
    }

    /// Returns the operator with this key, in constant time.
    pub(super) fn find(&self, presented: &AccessKey) -> Option<Operator> {
        let known = self.all();
        if known.is_empty() {
            return None;
        }
        let presented = self.vault.hash_operator_key(presented);
        let found = known.iter().fold(None, |found, key| {
            let is_equal = key.hash.is_equal(&presented);
            if is_equal { Some(key) } else { found }
        })?;
        tracing::debug!(operator = %found.name, "operator recognised");
        Some(found.clone())
    }

    pub(super) fn all(&self) -> Arc<[Operator]> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&known)
    }
}

fn hashed(vault: &Vault, keys: &[OperatorKey]) -> Arc<[Operator]> {
    let hashed = keys.iter().map(|key| Operator {
        name: key.name,
        role: key.role,
        hash: vault.hash_operator_key(&key.key),
    });
    hashed.collect()
}
