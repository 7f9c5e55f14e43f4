//! Schema 12: protection of access keys from people who can write to the database, and limits of keys: the MAC of a
//! row, who made the key, its networks, and its uses per minute.
//!
//! The MAC needs the secret key, so the service adds it at its first start to existing keys. From then on keys without
//! a MAC are rejected, including those that an older version creates at the same time.
//!
//! Rolling back deletes keys with limits, because an older version would not enforce them.

use sea_orm_migration::{prelude::*, schema::*};

use crate::alter::{add_columns, drop_columns};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden, Clone, Copy)]
enum AccessKeys {
    Table,
    /// Empty in rows of an older version.
    Mac,
    /// `link`, `operator`, or the number of another key; empty in rows of an older version.
    CreatedBy,
    /// CIDRs with spaces between; empty for any network.
    Networks,
    /// Empty without a limit.
    UsesPerMinute,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            blob_null(AccessKeys::Mac),
            text_null(AccessKeys::CreatedBy),
            text_null(AccessKeys::Networks),
            big_integer_null(AccessKeys::UsesPerMinute),
        ];
        add_columns(manager, AccessKeys::Table, columns).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let limited = Query::delete()
            .from_table(AccessKeys::Table)
            .cond_where(any![
                Expr::col(AccessKeys::Networks).is_not_null(),
                Expr::col(AccessKeys::UsesPerMinute).is_not_null(),
            ])
            .to_owned();
        manager.execute(limited).await?;
        let columns = [
            AccessKeys::Mac,
            AccessKeys::CreatedBy,
            AccessKeys::Networks,
            AccessKeys::UsesPerMinute,
        ];
        drop_columns(manager, AccessKeys::Table, columns).await
    }
}
