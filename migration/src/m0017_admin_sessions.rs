//! Schema 17: sessions of operators at the page `/admin`. Older versions do not have this page.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum AdminSessions {
    Table,
    Id,
    /// The keyed hash of the cookie.
    Token,
    CreatedAt,
    SeenAt,
    Mac,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(AdminSessions::Table)
            .col(big_pk_auto(AdminSessions::Id))
            .col(blob(AdminSessions::Token).unique_key())
            .col(big_integer(AdminSessions::CreatedAt))
            .col(big_integer(AdminSessions::SeenAt))
            .col(blob(AdminSessions::Mac))
            .to_owned();
        manager.create_table(table).await?;
        // Sessions that were not used for a while are deleted.
        let seen = Index::create()
            .name("ix_admin_sessions_seen_at")
            .table(AdminSessions::Table)
            .col(AdminSessions::SeenAt)
            .to_owned();
        manager.create_index(seen).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::drop().table(AdminSessions::Table).to_owned();
        manager.drop_table(table).await
    }
}
