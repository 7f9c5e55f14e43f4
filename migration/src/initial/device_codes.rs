//! Links, from the code to the consent.

use sea_orm_migration::{prelude::*, schema::*};

use super::access_keys::AccessKeys;
use super::accounts::Accounts;
use super::{cascade, due_at, index};

#[derive(DeriveIden)]
pub(super) enum DeviceCodes {
    Table,
    Id,
    Version,
    CodeHash,
    AccessKeyId,
    RelinkOf,
    Provider,
    ClientName,
    Address,
    CreatedAt,
    ExpiresAt,
    BrowserHash,
    State,
    EndedAt,
    /// The account that the link led to.
    AccountId,
    ErrorCode,
    ErrorDetail,
    PollInterval,
    PollFailures,
    PollNextAt,
    LeaseUntil,
    PollDueAt,
    // Sealed, while the person is at the provider. Only the address where the code is typed is not secret.
    DeviceCode,
    UserCode,
    VerificationUriComplete,
    VerificationUri,
    /// The callback of the browser.
    Callback,
    // Sealed, until the person is identified.
    AccessToken,
    RefreshToken,
    IdToken,
    // Data that belongs to those tokens.
    Scopes,
    RequestedAt,
    AccessTokenExpiresAt,
    RefreshTokenExpiresAt,
    TokenEndpoint,
    ClientId,
}

pub(super) fn table() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table(DeviceCodes::Table)
        .col(big_pk_auto(DeviceCodes::Id))
        .col(big_integer(DeviceCodes::Version))
        .col(blob(DeviceCodes::CodeHash).unique_key())
        .col(big_integer(DeviceCodes::AccessKeyId))
        .col(big_integer_null(DeviceCodes::RelinkOf))
        .col(text(DeviceCodes::Provider))
        .col(text_null(DeviceCodes::ClientName))
        .col(text_null(DeviceCodes::Address))
        .col(big_integer(DeviceCodes::CreatedAt))
        .col(big_integer(DeviceCodes::ExpiresAt))
        .col(blob_null(DeviceCodes::BrowserHash))
        .col(text(DeviceCodes::State))
        .col(big_integer_null(DeviceCodes::EndedAt))
        .col(big_integer_null(DeviceCodes::AccountId))
        .col(text_null(DeviceCodes::ErrorCode))
        .col(text_null(DeviceCodes::ErrorDetail));
    add_polling(&mut table);
    add_sealed(&mut table);
    add_foreign_keys(&mut table);
    table
}

fn add_polling(table: &mut TableCreateStatement) {
    table
        .col(big_integer_null(DeviceCodes::PollInterval))
        .col(big_integer_null(DeviceCodes::PollFailures))
        .col(big_integer_null(DeviceCodes::PollNextAt))
        .col(big_integer_null(DeviceCodes::LeaseUntil))
        .col(due_at(
            DeviceCodes::PollDueAt,
            DeviceCodes::PollNextAt,
            DeviceCodes::LeaseUntil,
        ));
}

fn add_sealed(table: &mut TableCreateStatement) {
    table
        .col(blob_null(DeviceCodes::DeviceCode))
        .col(blob_null(DeviceCodes::UserCode))
        .col(blob_null(DeviceCodes::VerificationUriComplete))
        .col(text_null(DeviceCodes::VerificationUri))
        .col(blob_null(DeviceCodes::Callback))
        .col(blob_null(DeviceCodes::AccessToken))
        .col(blob_null(DeviceCodes::RefreshToken))
        .col(blob_null(DeviceCodes::IdToken))
        .col(text_null(DeviceCodes::Scopes))
        .col(big_integer_null(DeviceCodes::RequestedAt))
        .col(big_integer_null(DeviceCodes::AccessTokenExpiresAt))
        .col(big_integer_null(DeviceCodes::RefreshTokenExpiresAt))
        .col(text_null(DeviceCodes::TokenEndpoint))
        .col(text_null(DeviceCodes::ClientId));
}

fn add_foreign_keys(table: &mut TableCreateStatement) {
    table
        .foreign_key(&mut cascade(
            (DeviceCodes::Table, DeviceCodes::AccessKeyId),
            (AccessKeys::Table, AccessKeys::Id),
        ))
        .foreign_key(&mut cascade(
            (DeviceCodes::Table, DeviceCodes::RelinkOf),
            (Accounts::Table, Accounts::Id),
        ))
        .foreign_key(&mut cascade(
            (DeviceCodes::Table, DeviceCodes::AccountId),
            (Accounts::Table, Accounts::Id),
        ));
}

pub(super) fn indexes() -> Vec<IndexCreateStatement> {
    let due = index(DeviceCodes::Table, DeviceCodes::PollDueAt)
        .and_where(Expr::col(DeviceCodes::PollDueAt).is_not_null())
        .to_owned();
    // Open links are counted and deleted by their deadline; ended ones are deleted by when they ended.
    let open = index(DeviceCodes::Table, DeviceCodes::ExpiresAt)
        .and_where(Expr::col(DeviceCodes::EndedAt).is_null())
        .to_owned();
    let ended = index(DeviceCodes::Table, DeviceCodes::EndedAt)
        .and_where(Expr::col(DeviceCodes::EndedAt).is_not_null())
        .to_owned();
    // Indexes for foreign keys, so that a cascade does not scan.
    let key = index(DeviceCodes::Table, DeviceCodes::AccessKeyId);
    let relinked = index(DeviceCodes::Table, DeviceCodes::RelinkOf);
    let account = index(DeviceCodes::Table, DeviceCodes::AccountId);
    vec![due, open, ended, key, relinked, account]
}
