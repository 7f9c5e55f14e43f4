//! Checks that every sealed value of a destination can be decrypted in its new place.

use central_oauth_domain::ports::{OwnerKind, SealedRow, StoreError};
use central_oauth_domain::vault::Vault;
use sea_orm::ConnectionTrait;

use super::error::CopyError;
use super::progress::CopyProgress;
use super::unreadable::UnreadableValue;
use crate::entities::{accounts, device_codes, revocations, service_keys, tokens};
use crate::error::failed;
use crate::sealed_rows::{account_of, holding_any, sealed_row};
use crate::seals::read;

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

const fn table_of(owners: OwnerKind) -> &'static str {
    match owners {
        OwnerKind::Service => "ServiceKeys",
        OwnerKind::Account => "Tokens",
        OwnerKind::Link => "DeviceCodes",
        OwnerKind::Revocation => "Revocations",
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
) -> Result<Vec<SealedRow>, StoreError> {
    match owners {
        OwnerKind::Service => {
            let rows = holding_any::<service_keys::Entity>(after, BATCH);
            read(rows.all(db).await, |row| row.id)
        }
        OwnerKind::Account => {
            let rows = holding_any::<tokens::Entity>(after, BATCH);
            let rows = rows.find_also_related(accounts::Entity).all(db).await;
            let rows = rows.map_err(failed)?.into_iter();
            rows.map(|(row, account)| {
                let owner = account_of(&row, account)?;
                Ok(sealed_row(row.id, &row, owner))
            })
            .collect()
        }
        OwnerKind::Link => {
            let rows = holding_any::<device_codes::Entity>(after, BATCH);
            read(rows.all(db).await, |row| row.id)
        }
        OwnerKind::Revocation => {
            let rows = holding_any::<revocations::Entity>(after, BATCH);
            read(rows.all(db).await, |row| row.id)
        }
    }
}
