//! Schema 20: MACs of receivers of webhooks. A row without one counts as altered: its events are sent again.

use sea_orm_migration::{prelude::*, schema::*};

use crate::alter::{add_columns, drop_columns};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum WebhookReceivers {
    Table,
    Mac,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = blob_null(WebhookReceivers::Mac);
        add_columns(manager, WebhookReceivers::Table, [column]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_columns(manager, WebhookReceivers::Table, [WebhookReceivers::Mac]).await
    }
}
