//! Schema 21: no spare refresh tokens. In the chaos runs, no response that was superseded ever saved a grant.
//!
//! An older version that runs at the same time still reads and writes the columns, so they stay, unused, until the next
//! minor version.

use sea_orm_migration::prelude::*;

/// Deletes the values.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["tokens", "revocations"] {
            let delete = format!(
                "UPDATE {table} SET spare_refresh_token = NULL WHERE spare_refresh_token IS NOT NULL"
            );
            manager.get_connection().execute_unprepared(&delete).await?;
        }
        Ok(())
    }

    /// The columns are as they were.
    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Ok(())
    }
}
