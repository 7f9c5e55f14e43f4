//! Tokens that nobody needs any more, until the provider has revoked them.

use sea_orm_migration::{prelude::*, schema::*};

use super::{due_at, index};

#[derive(DeriveIden)]
pub(super) enum Revocations {
    Table,
    Id,
    /// What the tokens are sealed to.
    Reference,
    Provider,
    /// The provider's id of the person, once known.
    Person,
    /// The account that the tokens were of. It is gone, so this is no foreign key.
    AccountId,
    TokenEndpoint,
    ClientId,
    // Sealed, until the revocation has ended.
    AccessToken,
    RefreshToken,
    SpareRefreshToken,
    IdToken,
    RequestedAt,
    CreatedAt,
    Status,
    EndedAt,
    NextAttemptAt,
    LeaseUntil,
    LeaseVersion,
    DueAt,
    Failures,
    LastErrorCode,
    LastErrorDetail,
}

pub(super) fn table() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table(Revocations::Table)
        .col(big_pk_auto(Revocations::Id))
        .col(blob(Revocations::Reference).unique_key())
        .col(text(Revocations::Provider))
        .col(text_null(Revocations::Person))
        .col(big_integer_null(Revocations::AccountId))
        .col(text(Revocations::TokenEndpoint))
        .col(text(Revocations::ClientId))
        .col(blob_null(Revocations::AccessToken))
        .col(blob_null(Revocations::RefreshToken))
        .col(blob_null(Revocations::SpareRefreshToken))
        .col(blob_null(Revocations::IdToken))
        .col(big_integer(Revocations::RequestedAt))
        .col(big_integer(Revocations::CreatedAt));
    add_progress(&mut table);
    table
}

fn add_progress(table: &mut TableCreateStatement) {
    table
        .col(text(Revocations::Status))
        .col(big_integer_null(Revocations::EndedAt))
        .col(big_integer_null(Revocations::NextAttemptAt))
        .col(big_integer_null(Revocations::LeaseUntil))
        .col(big_integer(Revocations::LeaseVersion))
        .col(due_at(
            Revocations::DueAt,
            Revocations::NextAttemptAt,
            Revocations::LeaseUntil,
        ))
        .col(big_integer(Revocations::Failures))
        .col(text_null(Revocations::LastErrorCode))
        .col(text_null(Revocations::LastErrorDetail));
}

pub(super) fn indexes() -> Vec<IndexCreateStatement> {
    let due = index(Revocations::Table, Revocations::DueAt)
        .and_where(Expr::col(Revocations::DueAt).is_not_null())
        .to_owned();
    let ended = index(Revocations::Table, Revocations::EndedAt)
        .and_where(Expr::col(Revocations::EndedAt).is_not_null())
        .to_owned();
    // A person who links again cancels the pending revocations.
    let of_person = index(Revocations::Table, Revocations::Provider)
        .name("ix_revocations_provider_person")
        .col(Revocations::Person)
        .and_where(Expr::col(Revocations::EndedAt).is_null())
        .to_owned();
    vec![due, ended, of_person]
}
