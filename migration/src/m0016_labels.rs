//! Schema 16: labels of accounts, and indexes for lists of accounts.

use sea_orm_migration::{prelude::*, schema::*};

use crate::alter::{add_columns, drop_columns, drop_indexes};

/// Creates the table of labels, the labels of a link, and the indexes.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum AccountLabels {
    Table,
    Id,
    AccountId,
    Name,
    Value,
}

#[derive(DeriveIden)]
enum Accounts {
    Table,
    Id,
    Provider,
    Status,
}

#[derive(DeriveIden)]
enum DeviceCodes {
    Table,
    /// One `name=value` per line.
    Labels,
}

const BY_STATUS: &str = "ix_accounts_status_id";
const BY_PROVIDER: &str = "ix_accounts_provider_id";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(table()).await?;
        let column = text_null(DeviceCodes::Labels);
        add_columns(manager, DeviceCodes::Table, [column]).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_indexes(manager, Accounts::Table, [BY_STATUS, BY_PROVIDER]).await?;
        drop_columns(manager, DeviceCodes::Table, [DeviceCodes::Labels]).await?;
        let table = Table::drop().table(AccountLabels::Table).to_owned();
        manager.drop_table(table).await
    }
}

fn table() -> TableCreateStatement {
    Table::create()
        .table(AccountLabels::Table)
        .col(big_pk_auto(AccountLabels::Id))
        .col(big_integer(AccountLabels::AccountId))
        .col(text(AccountLabels::Name))
        .col(text(AccountLabels::Value))
        .index(
            Index::create()
                .name("uq_account_labels_account_id_name")
                .col(AccountLabels::AccountId)
                .col(AccountLabels::Name)
                .unique(),
        )
        .foreign_key(
            ForeignKey::create()
                .name("fk_account_labels_account_id")
                .from(AccountLabels::Table, AccountLabels::AccountId)
                .to(Accounts::Table, Accounts::Id)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

/// Each ends with the number of the account, which is the order of the list.
fn indexes() -> [IndexCreateStatement; 3] {
    let by_label = Index::create()
        .name("ix_account_labels_name_value_account_id")
        .table(AccountLabels::Table)
        .col(AccountLabels::Name)
        .col(AccountLabels::Value)
        .col(AccountLabels::AccountId)
        .to_owned();
    let by_status = Index::create()
        .name(BY_STATUS)
        .table(Accounts::Table)
        .col(Accounts::Status)
        .col(Accounts::Id)
        .to_owned();
    let by_provider = Index::create()
        .name(BY_PROVIDER)
        .table(Accounts::Table)
        .col(Accounts::Provider)
        .col(Accounts::Id)
        .to_owned();
    [by_label, by_status, by_provider]
}
