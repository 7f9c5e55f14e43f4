//! Checks that every sealed value of a destination can be decrypted in its new place.

use central_oauth_domain::ports::{DamagedRow, OwnerKind, SealedRow};
use central_oauth_domain::vault::Vault;
use sea_orm::ConnectionTrait;

use super::error::CopyError;
use super::progress::CopyProgress;
use super::unreadable::UnreadableValue;
use crate::entities::{accounts, device_codes, revocations, service_keys, tokens};
use crate::sealed_rows::{holding_any, read, read_tokens, table_of};

/// Rows whose values are decrypted in one batch.
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
            let rows = page(db, owners, after).await?;
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
        let cause = vault.check(&row.owner, value).err()?;
        Some(UnreadableValue {
            table,
            row: row.id,
            owner: row.owner.clone(),
            kind: value.kind,
            cause,
        })
    })
}

async fn page(
    db: &impl ConnectionTrait,
    owners: OwnerKind,
    after: i64,
) -> Result<Vec<SealedRow>, CopyError> {
    let rows = match owners {
        OwnerKind::Service => read(db, &holding_any::<service_keys::Entity>(after, BATCH)).await,
        OwnerKind::Account => {
            let rows = holding_any::<tokens::Entity>(after, BATCH);
            read_tokens(db, &rows.find_also_related(accounts::Entity)).await
        }
        OwnerKind::Link => read(db, &holding_any::<device_codes::Entity>(after, BATCH)).await,
        OwnerKind::Revocation => read(db, &holding_any::<revocations::Entity>(after, BATCH)).await,
    };
    let damaged = |DamagedRow(row)| CopyError::Damaged(vec![(table_of(owners), row)]);
    rows?.into_iter().map(|row| row.map_err(damaged)).collect()
}
