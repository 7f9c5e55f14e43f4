//! Checks that every sealed value of a database can be decrypted.

use central_oauth_domain::ports::{CipherError, DamagedRow, OwnerKind, SealedRow};
use central_oauth_domain::vault::Vault;
use sea_orm::ConnectionTrait;

use super::error::CopyError;
use super::progress::CopyProgress;
use super::unreadable::UnreadableValue;
use crate::sealed_rows::{page, table_of};

/// Rows per batch.
const BATCH: u64 = 200;

/// Decrypts all sealed values. Returns how many there are.
pub(super) async fn open_all(
    db: &impl ConnectionTrait,
    vault: &Vault,
    progress: &mut (dyn FnMut(CopyProgress) + Send),
) -> Result<u64, CopyError> {
    let (mut opened, mut unreadable) = (0, Vec::new());
    for owners in OwnerKind::ALL {
        let mut after = 0;
        loop {
            let damaged = |DamagedRow(row)| CopyError::Damaged(vec![(table_of(owners), row)]);
            let rows = page(db, owners, None, after, BATCH).await?.into_iter();
            let rows = rows.map(|row| row.map_err(damaged));
            let rows = rows.collect::<Result<Vec<_>, _>>()?;
            let Some(last) = rows.last() else { break };
            after = last.id;
            for row in &rows {
                unreadable.extend(check(vault, table_of(owners), row));
                opened += row.values.len() as u64;
            }
            progress(CopyProgress::Opened(rows.len() as u64));
        }
    }
    if unreadable.is_empty() {
        Ok(opened)
    } else {
        Err(CopyError::Unreadable(unreadable))
    }
}

fn check<'a>(
    vault: &'a Vault,
    table: &'static str,
    row: &'a SealedRow,
) -> impl Iterator<Item = UnreadableValue> + 'a {
    row.values.iter().filter_map(move |value| {
        let cause = match vault.check(&row.owner, value).err()? {
            // `check` reports a damaged header as an unknown key, although no key is missing.
            CipherError::UnknownKey if !vault.lacks_key(&row.owner, value) => CipherError::Corrupt,
            cause => cause,
        };
        Some(UnreadableValue {
            table,
            row: row.id,
            owner: row.owner.clone(),
            kind: value.kind,
            cause,
        })
    })
}
