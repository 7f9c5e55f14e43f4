use std::sync::Arc;
use std::time::Duration;

use super::{Ports, Refusal};
use crate::ports::{CipherError, SealStore, StoreError, WriteTestStore};
use crate::vault::Vault;

/// For this long, a commit proves that the store is writable, unless a write has failed since.
const PROVED_FOR: Duration = Duration::from_secs(10);

/// Checks the readiness of the service.
pub struct Readiness {
    write_tests: Arc<dyn WriteTestStore>,
    seals: Arc<dyn SealStore>,
    vault: Vault,
}

impl Readiness {
    pub(super) fn new(ports: &Ports) -> Self {
        Self {
            write_tests: ports.store.clone(),
            seals: ports.store.clone(),
            vault: ports.vault.clone(),
        }
    }

    /// Checks that the store responds and is writable, and that the key that was unlocked at the start still decrypts
    /// it.
    ///
    /// # Errors
    /// [`Refusal::Store`] when the store fails, [`Refusal::Cipher`] when the key does not decrypt it.
    pub async fn check(&self) -> Result<(), Refusal> {
        // First: it replaces connections to a server that has become read-only.
        self.write_tests.test_write(Some(PROVED_FOR)).await?;
        let sealed = match self.seals.hash_key().await {
            // Others use all connections, and the database answers them.
            Err(StoreError::Busy(_)) => return Ok(()),
            sealed => sealed?,
        };
        let sealed = sealed.ok_or(CipherError::UnknownKey)?;
        Ok(self.vault.verify(&sealed)?)
    }
}
