//! Accounts with a row that cannot be read, for example because its file was damaged or a newer version wrote it.

use central_oauth_domain::FaultCode;
use central_oauth_domain::grant::StoredTokens;
use sea_orm::{FromQueryResult, QueryResult};

use super::account::stored_tokens;
use crate::entities::{accounts, tokens};

const ADVICE: &str =
    "a database row of this account cannot be read: link the account again, or delete it";

/// An account as far as it can be read.
pub(crate) struct FoundTokens {
    pub(crate) tokens: StoredTokens,
    /// Whether a value could not be read.
    pub(crate) is_damaged: bool,
}

impl FoundTokens {
    /// Reads an account and its tokens, whose columns have these prefixes. Values that cannot be read are replaced by
    /// defaults; the account is degraded then.
    pub(crate) fn read(row: &QueryResult, account: &str, tokens: &str) -> Self {
        let rows = (
            accounts::Model::from_query_result(row, account),
            tokens::Model::from_query_result(row, tokens),
        );
        if let (Ok(account), Ok(tokens)) = rows {
            return Self {
                tokens: stored_tokens(account, tokens),
                is_damaged: false,
            };
        }
        let tokens = stored_tokens(damaged_account(row, account), damaged_tokens(row, tokens));
        let account = tokens.account.id.0;
        tracing::error!(
            account,
            "a row cannot be read; the account shows what is left"
        );
        Self {
            tokens,
            is_damaged: true,
        }
    }
}

macro_rules! as_far_as_readable {
    ($row:ident, $prefix:ident, $table:ident { $($column:ident),+ $(,)? }) => {
        $table::Model { $($column: $row.try_get($prefix, stringify!($column)).unwrap_or_default(),)+ }
    };
}
pub(super) use as_far_as_readable;

fn damaged_account(row: &QueryResult, prefix: &str) -> accounts::Model {
    let account = as_far_as_readable!(
        row,
        prefix,
        accounts {
            id,
            provider,
            account_id,
            identified,
            display_name,
            status,
            scopes,
            created_at,
            linked_at,
            last_error_code,
            last_error_detail,
        }
    );
    accounts::Model {
        status: accounts::Status::Degraded,
        last_error_code: Some(FaultCode::InternalError.to_string()),
        last_error_detail: Some(ADVICE.to_owned()),
        ..account
    }
}

fn damaged_tokens(row: &QueryResult, prefix: &str) -> tokens::Model {
    as_far_as_readable!(
        row,
        prefix,
        tokens {
            id,
            account_id,
            provider,
            generation,
            access_token,
            refresh_token,
            sealed_with,
            token_endpoint,
            client_id,
            access_token_expires_at,
            refresh_token_expires_at,
            obtained_at,
            last_refreshed_at,
            next_refresh_at,
            lease_until,
            lease_version,
            refresh_due_at,
            failures,
            ambiguous,
            refused_since,
            renewed_by_use,
            grant_expires_at,
            issuer,
            extra,
            access_token_lifetime,
            access_token_hinted_end,
        }
    )
}
