//! Re-encrypts all sealed values with the current key.

use std::collections::BTreeSet;

use super::UnlockError;
use crate::ports::{DamagedRow, OwnerKind, Resealing, SealedRow, StoreError, TokenStore};
use crate::secret::{SealId, Sealed};
use crate::vault::Vault;

/// Rows read at a time.
const BATCH: u64 = 100;
/// Upper limit, because a service that still seals with an old key could keep this running for ever.
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
    /// The other keys that stored values still need.
    pub left: Vec<SealId>,
}

/// Re-encrypts everything in the store that another key than the current one sealed. It may run while the service does,
/// and can be interrupted and repeated at any time: each row is replaced only if it has not changed since it was read,
/// so that a refreshed token is never overwritten.
///
/// # Errors
/// When the store fails; what was re-encrypted stays so.
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

/// Fails if a stored value needs a key that is not configured, because it would look like a lost grant. Returns the rows
/// that seem to need one because the header of a value is damaged.
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

/// Returns the next rows with a value that another key than the current one sealed, and moves behind them.
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

/// Checks that each key is configured.
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
