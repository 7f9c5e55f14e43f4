use std::sync::Arc;
use std::time::Duration;

use super::{Ports, Refusal};
use crate::ports::{CipherError, SealStore, StoreError, WriteTestStore};
use crate::vault::Vault;

/// How long a commit proves that the store is writable, unless a later write has failed.
const PROVED_FOR: Duration = Duration::from_secs(10);

/// Checks whether this replica is ready to serve requests with its store.
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

    /// Checks that the store responds and is writable, and that it still has the hash key that was decrypted at the
    /// start.
    ///
    /// # Errors
    /// [`Refusal::Store`] when the store fails, [`Refusal::Cipher`] when the store has another hash key, or none.
    pub async fn check(&self) -> Result<(), Refusal> {
        // The write test comes first, because it replaces connections to a server that has become read-only.
        self.write_tests.test_write(Some(PROVED_FOR)).await?;
        let sealed = match self.seals.hash_key().await {
            // All connections are in use by other requests, which shows that the database responds.
            Err(StoreError::Busy(_)) => return Ok(()),
            sealed => sealed?,
        };
        let sealed = sealed.ok_or(CipherError::UnknownKey)?;
        Ok(self.vault.verify(&sealed)?)
    }
}
