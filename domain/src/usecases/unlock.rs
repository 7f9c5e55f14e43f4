//! Decrypts the store's hash key at the start.

use std::sync::Arc;

use crate::entropy::Entropy;
use crate::ports::{Cipher, CipherError, HashKey, StoreError, TokenStore};
use crate::secret::SealId;
use crate::vault::Vault;

/// Why the store could not be unlocked.
#[derive(Debug, thiserror::Error)]
pub enum UnlockError {
    /// The configured secret key does not decrypt the store's hash key.
    #[error("the secret key does not open this database")]
    WrongKey(#[source] CipherError),
    /// Stored values need keys that are not configured.
    #[error("stored values need {} that {} not configured", keys(.0), if .0.len() == 1 { "is" } else { "are" })]
    MissingKeys(Vec<SealId>),
    /// The store has data but no hash key, as an unfinished copy does.
    #[error("this database has no hash key although it is not empty")]
    NoHashKey,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn keys(missing: &[SealId]) -> String {
    let ids: Vec<_> = missing.iter().map(SealId::to_string).collect();
    let noun = if missing.len() == 1 { "a key" } else { "keys" };
    format!("{noun} ({})", ids.join(", "))
}

/// Decrypts the hash key, or creates one at the first start.
///
/// # Errors
/// [`UnlockError::WrongKey`] when the configured secret key does not decrypt the hash key, [`UnlockError::NoHashKey`]
/// when the store is an unfinished copy. In both cases the store is unchanged.
pub async fn unlock(
    store: &dyn TokenStore,
    cipher: Arc<dyn Cipher>,
    entropy: &Entropy,
) -> Result<Vault, UnlockError> {
    let sealed = match store.hash_key().await? {
        Some(sealed) => sealed,
        None => {
            let fresh = HashKey::new(entropy.bytes());
            let sealed = Vault::seal_hash_key(cipher.as_ref(), &fresh);
            // If another process has stored a hash key first, the store returns that key.
            let kept = store.init_hash_key(sealed.map_err(UnlockError::WrongKey)?);
            match kept.await {
                Err(StoreError::Conflict) => return Err(UnlockError::NoHashKey),
                kept => kept?,
            }
        }
    };
    Vault::unlock(cipher, &sealed).map_err(UnlockError::WrongKey)
}
