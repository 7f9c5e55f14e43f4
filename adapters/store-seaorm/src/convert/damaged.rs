//! Reads accounts even if some values in their rows cannot be read, for example after a disk failure or because a newer
//! version wrote the rows.

use central_oauth_domain::FaultCode;
use central_oauth_domain::grant::StoredTokens;
use sea_orm::sea_query::ArrayType;
use sea_orm::{
    DbErr, EntityTrait, FromQueryResult, IdenStatic, Iterable, ModelTrait, QueryResult, Value,
};

use super::account::stored_tokens;
use crate::damage;
use crate::entities::{accounts, tokens};

const ADVICE: &str =
    "a database row of this account cannot be read: link the account again, or delete it";

/// An account and its tokens. Unreadable values are replaced with defaults.
pub(crate) struct FoundTokens {
    pub(crate) tokens: StoredTokens,
    /// Whether a value could not be read.
    pub(crate) is_damaged: bool,
}

impl FoundTokens {
    /// Reads an account and its tokens; `account` and `tokens` are the prefixes of their columns. If a value is
    /// unreadable, replaces it with a default and marks the account as degraded.
    pub(crate) fn read(row: &QueryResult, account: &str, tokens: &str) -> Self {
        let rows = (
            accounts::Model::from_query_result(row, account),
            tokens::Model::from_query_result(row, tokens),
        );
        let ((table, prefix), error) = match rows {
            (Ok(account), Ok(tokens)) => {
                return Self {
                    tokens: stored_tokens(account, tokens),
                    is_damaged: false,
                };
            }
            (Err(error), _) => (("accounts", account), error),
            (_, Err(error)) => (("tokens", tokens), error),
        };
        let number = row.try_get(prefix, "id").unwrap_or_default();
        damage::name(table, number, &error);
        let (account, tokens) = (damaged_account(row, account), damaged_tokens(row, tokens));
        Self {
            tokens: stored_tokens(account, tokens),
            is_damaged: true,
        }
    }
}

/// Reads a row, and replaces unreadable values with defaults.
pub(super) fn as_far_as_readable<E>(row: &QueryResult, prefix: &str) -> E::Model
where
    E: EntityTrait,
    E::Model: Default,
{
    let mut found = E::Model::default();
    for column in E::Column::iter() {
        if let Ok(value) = value::<E>(row, prefix, column) {
            // If the column cannot have this value, the default stays.
            let _ = found.try_set(column, value);
        }
    }
    found
}

fn value<E: EntityTrait>(
    row: &QueryResult,
    prefix: &str,
    column: E::Column,
) -> Result<Value, DbErr> {
    let name = column.as_str();
    Ok(match E::Model::get_value_type(column) {
        ArrayType::BigInt => row.try_get::<Option<i64>>(prefix, name)?.into(),
        ArrayType::Bool => row.try_get::<Option<bool>>(prefix, name)?.into(),
        ArrayType::Bytes => row.try_get::<Option<Vec<u8>>>(prefix, name)?.into(),
        _ => row.try_get::<Option<String>>(prefix, name)?.into(),
    })
}

fn damaged_account(row: &QueryResult, prefix: &str) -> accounts::Model {
    accounts::Model {
        status: accounts::Status::Degraded,
        last_error_code: Some(FaultCode::InternalError.to_string()),
        last_error_detail: Some(ADVICE.to_owned()),
        ..as_far_as_readable::<accounts::Entity>(row, prefix)
    }
}

/// Reads damaged tokens. An access token whose expiry cannot be read counts as expired. The lease is dropped, because
/// nobody can refresh a damaged account.
fn damaged_tokens(row: &QueryResult, prefix: &str) -> tokens::Model {
    let expires_at = row.try_get(prefix, "access_token_expires_at");
    tokens::Model {
        access_token_expires_at: expires_at.unwrap_or(Some(0)),
        lease_until: None,
        ..as_far_as_readable::<tokens::Entity>(row, prefix)
    }
}
