//! Schema 18: how far each receiver of webhooks has got in the audit log. Older versions send no webhooks.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum WebhookReceivers {
    Table,
    Id,
    Name,
    Version,
    /// The number of the last entry of the audit log that is done.
    Position,
    LeaseUntil,
    NextAttemptAt,
    Failures,
    FailingSince,
    LastErrorCode,
    LastErrorDetail,
    DeliveredAt,
    Dropped,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(WebhookReceivers::Table)
            .col(big_pk_auto(WebhookReceivers::Id))
            .col(text(WebhookReceivers::Name).unique_key())
            .col(big_integer(WebhookReceivers::Version))
            .col(big_integer(WebhookReceivers::Position))
            .col(big_integer_null(WebhookReceivers::LeaseUntil))
            .col(big_integer_null(WebhookReceivers::NextAttemptAt))
            .col(big_integer(WebhookReceivers::Failures))
            .col(big_integer_null(WebhookReceivers::FailingSince))
            .col(text_null(WebhookReceivers::LastErrorCode))
            .col(text_null(WebhookReceivers::LastErrorDetail))
            .col(big_integer_null(WebhookReceivers::DeliveredAt))
            .col(big_integer(WebhookReceivers::Dropped))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::drop().table(WebhookReceivers::Table).to_owned();
        manager.drop_table(table).await
    }
}
