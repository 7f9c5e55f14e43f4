//! Schema 14: return codes. A link that requires one has a number of attempts, and holds the tokens of an identified
//! person until the code is sent.
//!
//! An older version that runs at the same time cannot read a link in this state, and leaves it to this one.

use sea_orm_migration::{prelude::*, schema::*};

use crate::alter::{add_columns, drop_columns};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden, Clone, Copy)]
enum DeviceCodes {
    Table,
    ReturnCodeTries,
    Person,
    PersonIdentified,
    PersonName,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            big_integer_null(DeviceCodes::ReturnCodeTries),
            text_null(DeviceCodes::Person),
            boolean_null(DeviceCodes::PersonIdentified),
            text_null(DeviceCodes::PersonName),
        ];
        add_columns(manager, DeviceCodes::Table, columns).await
    }

    /// Links in the state that older versions do not know become failed, and their tokens are deleted.
    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let held = "UPDATE device_codes SET state = 'failed', ended_at = expires_at, error_code = 'not_confirmed', \
                    error_detail = 'the return code was not sent', access_token = NULL, refresh_token = NULL, \
                    id_token = NULL, extra = NULL, poll_next_at = NULL, poll_interval = NULL, poll_failures = NULL, \
                    lease_until = NULL WHERE state = 'confirming'";
        manager.get_connection().execute_unprepared(held).await?;
        let columns = [
            DeviceCodes::PersonName,
            DeviceCodes::PersonIdentified,
            DeviceCodes::Person,
            DeviceCodes::ReturnCodeTries,
        ];
        drop_columns(manager, DeviceCodes::Table, columns).await
    }
}
