//! Re-encrypts all sealed values with the current key.

use std::collections::BTreeSet;

use super::UnlockError;
use crate::ports::{DamagedRow, OwnerKind, Resealing, SealedRow, StoreError, TokenStore};
use crate::secret::{SealId, Sealed};
use crate::vault::Vault;

/// Rows read at a time.
const BATCH: u64 = 100;
/// Maximum number of passes. Without this limit, a service that still seals with an old key could keep `rekey` running
/// forever.
const MOST_PASSES: u32 = 10;

/// The result of re-encryption.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rekeyed {
    /// Rows that were re-encrypted.
    pub resealed: u64,
    /// Rows that changed meanwhile and were read again.
    pub overtaken: u64,
    /// Rows that cannot be read or have a value that cannot be decrypted; they stay unchanged.
    pub unreadable: Vec<(OwnerKind, DamagedRow)>,
    /// The keys that stored values still need, besides the current key.
    pub left: Vec<SealId>,
}

/// Re-encrypts every stored value that was sealed with another key than the current one. This may run while the service
/// runs, and can be interrupted and repeated at any time: a row is replaced only if it has not changed since it was
/// read, so a refreshed token is never overwritten.
///
/// # Errors
/// When the store fails. Rows that were re-encrypted before stay re-encrypted.
pub async fn rekey(store: &dyn TokenStore, vault: &Vault) -> Result<Rekeyed, StoreError> {
    let mut total = Rekeyed::default();
    for _ in 0..MOST_PASSES {
        let pass = one_pass(store, vault).await?;
        total.resealed += pass.resealed;
        total.overtaken += pass.overtaken;
        total.unreadable = pass.unreadable;
        if pass.resealed + pass.overtaken == 0 {
            break;
        }
    }
    let in_use = store.seals_in_use().await?;
    let others = in_use
        .into_iter()
        .filter(|seal| *seal != vault.current_seal_id());
    total.left = others.collect();
    Ok(total)
}

async fn one_pass(store: &dyn TokenStore, vault: &Vault) -> Result<Rekeyed, StoreError> {
    let mut pass = Rekeyed::default();
    for owners in OwnerKind::ALL {
        let mut after = 0;
        loop {
            let rows = next_rows(store, vault, owners, &mut after).await?;
            if rows.is_empty() {
                break;
            }
            let mut resealings = Vec::new();
            for row in rows {
                match row.and_then(|row| resealing(vault, row)) {
                    Ok(resealing) => resealings.push(resealing),
                    Err(damaged) => pass.unreadable.push((owners, damaged)),
                }
            }
            let resealed = store.reseal(&resealings).await?;
            pass.resealed += resealed;
            pass.overtaken += resealings.len() as u64 - resealed;
        }
    }
    Ok(pass)
}

fn resealing(vault: &Vault, row: SealedRow) -> Result<Resealing, DamagedRow> {
    let values: Result<Vec<Sealed>, _> = row
        .values
        .iter()
        .map(|value| vault.reseal(&row.owner, value))
        .collect();
    match values {
        Ok(values) => Ok(Resealing { row, values }),
        Err(error) => {
            tracing::debug!(row = row.id, %error, "a row cannot be re-encrypted");
            Err(DamagedRow(row.id))
        }
    }
}

/// Fails if a stored value needs a key that is not configured, because the grant of that value would seem lost. Returns
/// the rows that name an unknown key only because the header of a value is damaged.
///
/// # Errors
/// [`UnlockError::MissingKeys`], or when the store fails.
pub async fn require_all_keys(
    store: &dyn TokenStore,
    vault: &Vault,
) -> Result<Vec<(OwnerKind, DamagedRow)>, UnlockError> {
    let unknown = unknown(store.seals_in_use().await?, vault);
    let (mut damaged, mut missing) = (Vec::new(), BTreeSet::new());
    for owners in OwnerKind::ALL {
        let mut after = 0;
        while missing.len() < unknown.len() {
            let rows = next_rows(store, vault, owners, &mut after).await?;
            if rows.is_empty() {
                break;
            }
            for row in rows.into_iter().flatten() {
                for value in &row.values {
                    match value.sealed.seal_id() {
                        Some(seal) if vault.lacks_key(&row.owner, value) => {
                            missing.insert(seal);
                        }
                        Some(seal) if unknown.contains(&seal) => {
                            damaged.push((owners, DamagedRow(row.id)));
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    require_known(missing, vault)?;
    damaged.dedup();
    Ok(damaged)
}

/// Returns the next rows with a value that was sealed with another key than the current one, and moves `after` to the
/// last of these rows.
async fn next_rows(
    store: &dyn TokenStore,
    vault: &Vault,
    owners: OwnerKind,
    after: &mut i64,
) -> Result<Vec<Result<SealedRow, DamagedRow>>, StoreError> {
    let rows = store.rows_sealed_otherwise(owners, vault.current_seal_id(), *after, BATCH);
    let rows = rows.await?;
    if let Some(last) = rows.last() {
        *after = last.as_ref().map_or_else(|damaged| damaged.0, |row| row.id);
    }
    Ok(rows)
}

fn unknown(in_use: BTreeSet<SealId>, vault: &Vault) -> Vec<SealId> {
    let unknown = in_use.into_iter().filter(|seal| !vault.knows(*seal));
    unknown.collect()
}

/// Checks that every key in `in_use` is configured.
///
/// # Errors
/// [`UnlockError::MissingKeys`].
pub fn require_known(in_use: BTreeSet<SealId>, vault: &Vault) -> Result<(), UnlockError> {
    let missing = unknown(in_use, vault);
    if missing.is_empty() {
        return Ok(());
    }
    Err(UnlockError::MissingKeys(missing))
}
