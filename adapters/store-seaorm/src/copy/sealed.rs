//! All sealed values of a database, to see that they open.

use central_oauth_domain::ports::{SealedRow, SealedTable, StoreError};
use sea_orm::ConnectionTrait;

use crate::entities::{accounts, device_codes, revocations, service_keys, tokens};
use crate::error::failed;
use crate::sealed_rows::{account_of, holding_any, sealed_row};
use crate::seals::read;

pub(super) async fn rows(
    db: &impl ConnectionTrait,
    table: SealedTable,
    after: i64,
    limit: u64,
) -> Result<Vec<SealedRow>, StoreError> {
    match table {
        SealedTable::ServiceKeys => {
            let rows = holding_any::<service_keys::Entity>(after, limit);
            read(rows.all(db).await, |row| row.id)
        }
        SealedTable::Tokens => {
            let rows = holding_any::<tokens::Entity>(after, limit);
            let rows = rows.find_also_related(accounts::Entity).all(db).await;
            let rows = rows.map_err(failed)?.into_iter();
            rows.map(|(row, account)| {
                let owner = account_of(&row, account)?;
                Ok(sealed_row(row.id, &row, owner))
            })
            .collect()
        }
        SealedTable::DeviceCodes => {
            let rows = holding_any::<device_codes::Entity>(after, limit);
            read(rows.all(db).await, |row| row.id)
        }
        SealedTable::Revocations => {
            let rows = holding_any::<revocations::Entity>(after, limit);
            read(rows.all(db).await, |row| row.id)
        }
    }
}
