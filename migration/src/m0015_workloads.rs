//! Schema 15: workloads that may use accounts, used single-use tokens of workloads, and what the page shows of a
//! workload that requests a link.
//!
//! An older version that runs at the same time recognises no workload. It deletes keys together with their workloads.

use sea_orm_migration::{prelude::*, schema::*};

use crate::alter::{add_columns, drop_columns};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Workloads {
    Table,
    /// The number of its key.
    Id,
    /// The keyed hash of issuer and claims.
    Identity,
    /// The name of its policy.
    Workload,
    Issuer,
    /// One claim per line.
    Claims,
    Mac,
}

#[derive(DeriveIden)]
enum UsedTokens {
    Table,
    Id,
    /// The keyed hash of the token's id, or of its header and payload.
    Hash,
    ExpiresAt,
}

#[derive(DeriveIden)]
enum AccessKeys {
    Table,
    Id,
}

#[derive(DeriveIden)]
enum DeviceCodes {
    Table,
    /// What the JWT of the requesting workload says about the job, one claim per line.
    Workload,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut key = ForeignKey::create()
            .from(Workloads::Table, Workloads::Id)
            .to(AccessKeys::Table, AccessKeys::Id)
            .on_delete(ForeignKeyAction::Cascade)
            .to_owned();
        let workloads = Table::create()
            .table(Workloads::Table)
            .col(big_pk_auto(Workloads::Id))
            .col(blob(Workloads::Identity))
            .col(text(Workloads::Workload))
            .col(text(Workloads::Issuer))
            .col(text(Workloads::Claims))
            .col(blob(Workloads::Mac))
            .foreign_key(&mut key)
            .to_owned();
        manager.create_table(workloads).await?;
        let identity = Index::create()
            .name("ix_workloads_identity")
            .table(Workloads::Table)
            .col(Workloads::Identity)
            .to_owned();
        manager.create_index(identity).await?;
        let used = Table::create()
            .table(UsedTokens::Table)
            .col(big_pk_auto(UsedTokens::Id))
            .col(blob(UsedTokens::Hash).unique_key())
            .col(big_integer(UsedTokens::ExpiresAt))
            .to_owned();
        manager.create_table(used).await?;
        // The oldest are deleted.
        let expired = Index::create()
            .name("ix_used_tokens_expires_at")
            .table(UsedTokens::Table)
            .col(UsedTokens::ExpiresAt)
            .to_owned();
        manager.create_index(expired).await?;
        let shown = text_null(DeviceCodes::Workload);
        add_columns(manager, DeviceCodes::Table, [shown]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_columns(manager, DeviceCodes::Table, [DeviceCodes::Workload]).await?;
        let used = Table::drop().table(UsedTokens::Table).to_owned();
        manager.drop_table(used).await?;
        let workloads = Table::drop().table(Workloads::Table).to_owned();
        manager.drop_table(workloads).await
    }
}
