//! Schema 13: the audit log.
//!
//! An older version that runs at the same time records nothing.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Entries that have no number in the log yet.
#[derive(DeriveIden)]
enum AuditInbox {
    Table,
}

/// The log. Rows are added, never changed, and deleted when they are old.
#[derive(DeriveIden)]
enum AuditLog {
    Table,
}

/// The columns of both tables.
#[derive(DeriveIden)]
enum Entry {
    /// In the log, the number of the entry.
    Id,
    /// Identifies the entry.
    Reference,
    At,
    Kind,
    Actor,
    Network,
    /// The account and the key of the event, which may have been deleted.
    AccountId,
    KeyId,
    Detail,
    Mac,
}

/// Both ends of the log, in one row.
#[derive(DeriveIden)]
enum AuditEnds {
    Table,
    Id,
    StartNumber,
    StartMac,
    HeadNumber,
    HeadMac,
    Mac,
}

fn entries(table: impl IntoTableRef) -> TableCreateStatement {
    Table::create()
        .table(table)
        .col(big_pk_auto(Entry::Id))
        .col(blob(Entry::Reference).unique_key())
        .col(big_integer(Entry::At))
        .col(text(Entry::Kind))
        .col(text(Entry::Actor))
        .col(text_null(Entry::Network))
        .col(big_integer_null(Entry::AccountId))
        .col(big_integer_null(Entry::KeyId))
        .col(text(Entry::Detail))
        .col(blob(Entry::Mac))
        .to_owned()
}

/// Indexes for the filters of the log.
const INDEXES: [(&str, Entry); 4] = [
    ("ix_audit_log_account_id", Entry::AccountId),
    ("ix_audit_log_key_id", Entry::KeyId),
    ("ix_audit_log_kind", Entry::Kind),
    ("ix_audit_log_at", Entry::At),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(entries(AuditInbox::Table)).await?;
        manager.create_table(entries(AuditLog::Table)).await?;
        for (name, column) in INDEXES {
            let index = Index::create()
                .name(name)
                .table(AuditLog::Table)
                .col(column)
                .col(Entry::Id)
                .to_owned();
            manager.create_index(index).await?;
        }
        let ends = Table::create()
            .table(AuditEnds::Table)
            .col(big_pk_auto(AuditEnds::Id))
            .col(big_integer(AuditEnds::StartNumber))
            .col(blob(AuditEnds::StartMac))
            .col(big_integer(AuditEnds::HeadNumber))
            .col(blob(AuditEnds::HeadMac))
            .col(blob(AuditEnds::Mac))
            .to_owned();
        manager.create_table(ends).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            AuditEnds::Table.into_iden(),
            AuditLog::Table.into_iden(),
            AuditInbox::Table.into_iden(),
        ] {
            let table = Table::drop().table(table).to_owned();
            manager.drop_table(table).await?;
        }
        Ok(())
    }
}
