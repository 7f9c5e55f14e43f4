//! Schema 20: MACs of receivers of webhooks. A row without one counts as altered: its events are sent again.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the column.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0020_receiver_macs"
    }
}

#[derive(DeriveIden)]
enum WebhookReceivers {
    Table,
    Mac,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = Table::alter()
            .table(WebhookReceivers::Table)
            .add_column(blob_null(WebhookReceivers::Mac))
            .to_owned();
        manager.alter_table(column).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = Table::alter()
            .table(WebhookReceivers::Table)
            .drop_column(WebhookReceivers::Mac)
            .to_owned();
        manager.alter_table(column).await
    }
}
