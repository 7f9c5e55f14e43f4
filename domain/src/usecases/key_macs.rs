//! Adds MACs to keys that an earlier version has stored.

use std::sync::Arc;

use crate::ports::{Cipher, StoreError, TokenStore};
use crate::usecases::UnlockError;
use crate::vault::Vault;

/// Keys per transaction.
const BATCH: u64 = 500;

/// Adds a MAC to every key that has none, once in the lifetime of a store. Then marks the sealed hash key: from then
/// on, the service rejects keys without a MAC, and nobody can remove the mark without the secret key. The call can be
/// interrupted and repeated at any time, also by several processes at once. Returns how many keys got a MAC.
///
/// # Errors
/// [`UnlockError::WrongKey`] when the hash key cannot be decrypted, [`UnlockError::NoHashKey`] when the store has none,
/// [`UnlockError::Store`] when the store fails. MACs that were added before stay.
pub async fn add_key_macs(store: &dyn TokenStore, vault: &Vault) -> Result<u64, UnlockError> {
    let mut added = 0;
    loop {
        let sealed = store.hash_key().await?.ok_or(UnlockError::NoHashKey)?;
        let marked = vault.mark_rows_authenticated(&sealed);
        let Some(marked) = marked.map_err(UnlockError::WrongKey)? else {
            return Ok(added);
        };
        // A replica of an earlier version may add keys meanwhile, so this repeats until no key lacks a MAC.
        loop {
            let pass = add_missing(store, vault).await?;
            added += pass.added;
            if pass.found == 0 {
                break;
            }
        }
        // If the stored hash key has changed meanwhile, for example by `rekey`, the outer loop starts again.
        if store.replace_hash_key(&sealed, &marked).await? {
            tracing::warn!(
                keys = added,
                "MACs were added to the existing access keys, which are trusted as they are in the database; from \
                 now on a key that is changed in the database is refused"
            );
            return Ok(added);
        }
    }
}

/// Removes the mark that [`add_key_macs`] has set, before a rollback to a version without MACs. From then on, stored
/// keys are trusted without a MAC.
///
/// # Errors
/// [`UnlockError::WrongKey`] when the hash key cannot be decrypted, [`UnlockError::Store`] when the store fails.
pub async fn give_up_key_macs(
    store: &dyn TokenStore,
    cipher: Arc<dyn Cipher>,
) -> Result<(), UnlockError> {
    // A store without a hash key has no keys.
    while let Some(sealed) = store.hash_key().await? {
        let vault = Vault::unlock(Arc::clone(&cipher), &sealed).map_err(UnlockError::WrongKey)?;
        let unmarked = vault.unmark_rows_authenticated(&sealed);
        let Some(unmarked) = unmarked.map_err(UnlockError::WrongKey)? else {
            break;
        };
        store.replace_hash_key(&sealed, &unmarked).await?;
    }
    Ok(())
}

/// How many keys without a MAC were found, and how many of them got one.
struct Pass {
    found: usize,
    added: u64,
}

async fn add_missing(store: &dyn TokenStore, vault: &Vault) -> Result<Pass, StoreError> {
    let (mut pass, mut after) = (Pass { found: 0, added: 0 }, None);
    let macs = vault.row_macs();
    loop {
        let keys = store.keys_without_mac(after, BATCH).await?;
        let Some(last) = keys.last() else {
            return Ok(pass);
        };
        after = Some(last.id);
        pass.found += keys.len();
        let keys: Vec<_> = keys
            .into_iter()
            .map(|key| macs.authenticated(key))
            .collect();
        pass.added += store.store_key_macs(&keys).await?;
    }
}
