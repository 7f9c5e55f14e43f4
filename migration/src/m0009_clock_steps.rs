//! Schema 9: indexes that find stored times from a clock that was ahead.

use sea_orm_migration::prelude::*;

use crate::alter::drop_indexes;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Tokens {
    Table,
    RefreshDueAt,
    ObtainedAt,
}

/// Tokens whose refresh has failed or is in progress. There are few, and each is due soon.
const WAITING: &str = "ix_tokens_waiting_until";
const OBTAINED: &str = "ix_tokens_obtained_at";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let waiting = Index::create()
            .name(WAITING)
            .table(Tokens::Table)
            .col(Tokens::RefreshDueAt)
            .and_where(Expr::cust("failures > 0 OR lease_until IS NOT NULL"))
            .to_owned();
        manager.create_index(waiting).await?;
        let obtained = Index::create()
            .name(OBTAINED)
            .table(Tokens::Table)
            .col(Tokens::ObtainedAt)
            .to_owned();
        manager.create_index(obtained).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_indexes(manager, Tokens::Table, [WAITING, OBTAINED]).await
    }
}
