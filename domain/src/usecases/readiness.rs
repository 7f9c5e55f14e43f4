//! Whether the service can do its work.

use std::time::Duration;

use super::{Broker, Refusal};
use crate::ports::CipherError;

/// A commit proves for this long that writing works, unless a write has failed since.
const PROVED_FOR: Duration = Duration::from_secs(10);

impl Broker {
    /// Checks that the store answers and takes writes, and that the key that was unlocked at the start still opens it.
    ///
    /// # Errors
    /// [`Refusal::Store`] when the store fails, [`Refusal::Cipher`] when the key does not open it.
    pub async fn check_ready(&self) -> Result<(), Refusal> {
        // First: it replaces connections to a server that has become read-only.
        self.store.test_write(Some(PROVED_FOR)).await?;
        let sealed = self.store.hash_key().await?;
        let sealed = sealed.ok_or(CipherError::UnknownKey)?;
        Ok(self.vault.verify(&sealed)?)
    }
}
