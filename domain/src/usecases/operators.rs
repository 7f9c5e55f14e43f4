//! Recognises operators by their keys.

use std::sync::{Arc, PoisonError, RwLock};

use crate::operator::{OperatorKey, OperatorRole};
use crate::secret::{AccessKey, KeyedHash};
use crate::vault::Vault;

/// The keys of operators, as hashes. They can be replaced while the service runs.
pub struct Operators {
    vault: Vault,
    known: RwLock<Arc<[Known]>>,
}

struct Known {
    name: String,
    role: OperatorRole,
    hash: KeyedHash,
}

impl Operators {
    /// Takes the keys that are configured at the start.
    #[must_use]
    pub fn new(vault: Vault, keys: &[OperatorKey]) -> Self {
        let known = hashed(&vault, keys);
        Self {
            vault,
            known: RwLock::new(known),
        }
    }

    /// Replaces all keys: those that are not among these open nothing from now on.
    pub fn replace(&self, keys: &[OperatorKey]) {
        let known = hashed(&self.vault, keys);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
    }

    /// Whether a key is needed to ask for a link code.
    pub(super) fn need_enrolment(&self) -> bool {
        let known = self.known();
        known.iter().any(|key| key.role == OperatorRole::Enroll)
    }

    /// What the bearer of this key may do, if it is an operator's. It takes the same time whichever key it is.
    pub(super) fn recognise(&self, shown: &AccessKey) -> Option<OperatorRole> {
        let known = self.known();
        if known.is_empty() {
            return None;
        }
        let shown = self.vault.hash_operator_key(shown);
        let found = known.iter().fold(None, |found, key| {
            let is_equal = key.hash.is_equal(&shown);
            if is_equal { Some(key) } else { found }
        })?;
        tracing::debug!(operator = found.name, "operator recognised");
        Some(found.role)
    }

    fn known(&self) -> Arc<[Known]> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&known)
    }
}

fn hashed(vault: &Vault, keys: &[OperatorKey]) -> Arc<[Known]> {
    let hashed = keys.iter().map(|key| Known {
        name: key.name.clone(),
        role: key.role,
        hash: vault.hash_operator_key(&key.key),
    });
    hashed.collect()
}
