//! Schema 11: keyed hashes of the networks that request and confirm links, so that one network can neither fill the
//! store nor flood a provider.
//!
//! An older version that runs at the same time leaves them empty: its links count for no network.

use sea_orm_migration::{prelude::*, schema::*};

use crate::alter::{add_columns, drop_columns, drop_indexes};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum DeviceCodes {
    Table,
    CreatedAt,
    ExpiresAt,
    EndedAt,
    PollDueAt,
    /// The network whose link codes are limited. Empty for callers with a key.
    Network,
    /// Empty until a browser confirms the link.
    ConfirmedFrom,
}

#[derive(DeriveIden)]
enum WrongCodes {
    Table,
    Network,
    TriedAt,
}

const CODES_OF_NETWORK: &str = "ix_device_codes_network_created_at";
const UNDERWAY: &str = "ix_device_codes_confirmed_from_expires_at";
const TURNS: &str = "ix_device_codes_turns";
const WRONG_CODES_OF_NETWORK: &str = "ix_wrong_codes_network_tried_at";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [DeviceCodes::Network, DeviceCodes::ConfirmedFrom].map(blob_null);
        add_columns(manager, DeviceCodes::Table, columns).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let of_links = [CODES_OF_NETWORK, UNDERWAY, TURNS];
        drop_indexes(manager, DeviceCodes::Table, of_links).await?;
        drop_indexes(manager, WrongCodes::Table, [WRONG_CODES_OF_NETWORK]).await?;
        let columns = [DeviceCodes::ConfirmedFrom, DeviceCodes::Network];
        drop_columns(manager, DeviceCodes::Table, columns).await
    }
}

fn indexes() -> [IndexCreateStatement; 4] {
    let has = |column| Expr::col(column).is_not_null();
    let codes_of_network = Index::create()
        .name(CODES_OF_NETWORK)
        .table(DeviceCodes::Table)
        .col(DeviceCodes::Network)
        .col(DeviceCodes::CreatedAt)
        .and_where(has(DeviceCodes::Network))
        .to_owned();
    // Counted at each confirmation.
    let underway = Index::create()
        .name(UNDERWAY)
        .table(DeviceCodes::Table)
        .col(DeviceCodes::ConfirmedFrom)
        .col(DeviceCodes::ExpiresAt)
        .and_where(has(DeviceCodes::ConfirmedFrom))
        .and_where(Expr::col(DeviceCodes::EndedAt).is_null())
        .to_owned();
    // Due polls with their networks, for taking turns.
    let turns = Index::create()
        .name(TURNS)
        .table(DeviceCodes::Table)
        .col(DeviceCodes::PollDueAt)
        .col(DeviceCodes::ConfirmedFrom)
        .and_where(has(DeviceCodes::PollDueAt))
        .to_owned();
    let wrong_codes = Index::create()
        .name(WRONG_CODES_OF_NETWORK)
        .table(WrongCodes::Table)
        .col(WrongCodes::Network)
        .col(WrongCodes::TriedAt)
        .to_owned();
    [codes_of_network, underway, turns, wrong_codes]
}
