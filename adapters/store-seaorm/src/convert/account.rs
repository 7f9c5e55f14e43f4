use central_oauth_domain::grant::refresh::Attempts;
use central_oauth_domain::grant::{
    Account, AccountId, AccountKey, Generation, Lease, LeaseVersion, LifetimeHints, ProviderName,
    StoredTokens, TokenOrigin,
};
use central_oauth_domain::secret::Sealed;
use central_oauth_domain::{Fault, FaultCode, Timestamp};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::DerivePartialModel;

use super::scalars::{bytes, duration, fault_columns, millis, scopes, time};
use crate::entities::{accounts, tokens};

/// An account, and the columns of its tokens that decide its health. The tokens themselves are not read.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "accounts::Entity")]
pub(crate) struct AccountRow {
    #[sea_orm(nested)]
    pub(crate) account: accounts::Model,
    #[sea_orm(nested)]
    pub(crate) times: TokenTimes,
}

/// The columns of `tokens` that decide an account's health.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "tokens::Entity")]
pub(crate) struct TokenTimes {
    pub(crate) access_token_expires_at: Option<i64>,
    pub(crate) refresh_token_expires_at: Option<i64>,
    pub(crate) renewed_by_use: Option<bool>,
    pub(crate) grant_expires_at: Option<i64>,
    pub(crate) last_refreshed_at: Option<i64>,
    pub(crate) next_refresh_at: Option<i64>,
}

impl From<AccountRow> for Account {
    fn from(AccountRow { account, times }: AccountRow) -> Self {
        Self {
            id: AccountId(account.id),
            key: AccountKey {
                provider: ProviderName::new(account.provider),
                account_id: account.account_id,
            },
            identified: account.identified,
            display_name: account.display_name,
            status: account.status.into(),
            scopes: scopes(&account.scopes),
            created_at: Timestamp::from_millis(account.created_at),
            linked_at: Timestamp::from_millis(account.linked_at),
            access_token_expires_at: time(times.access_token_expires_at),
            refresh_token_expires_at: time(times.refresh_token_expires_at),
            renewed_by_use: times.renewed_by_use,
            grant_expires_at: time(times.grant_expires_at),
            last_refreshed_at: time(times.last_refreshed_at),
            next_refresh_at: time(times.next_refresh_at),
            last_error: account.last_error_code.map(|code| Fault {
                code: FaultCode::from(&*code),
                detail: account.last_error_detail.unwrap_or_default(),
            }),
        }
    }
}

pub(crate) fn stored_tokens(account: accounts::Model, tokens: tokens::Model) -> StoredTokens {
    let times = TokenTimes {
        access_token_expires_at: tokens.access_token_expires_at,
        refresh_token_expires_at: tokens.refresh_token_expires_at,
        renewed_by_use: tokens.renewed_by_use,
        grant_expires_at: tokens.grant_expires_at,
        last_refreshed_at: tokens.last_refreshed_at,
        next_refresh_at: tokens.next_refresh_at,
    };
    StoredTokens {
        account: AccountRow { account, times }.into(),
        generation: Generation(tokens.generation),
        access_token: Sealed::from_bytes(tokens.access_token),
        refresh_token: tokens.refresh_token.map(Sealed::from_bytes),
        extra: tokens.extra.map(Sealed::from_bytes),
        origin: TokenOrigin {
            issuer: tokens.issuer,
            token_endpoint: tokens.token_endpoint,
            client_id: tokens.client_id,
        },
        obtained_at: Timestamp::from_millis(tokens.obtained_at),
        hints: LifetimeHints {
            lifetime: tokens.access_token_lifetime.and_then(duration),
            hinted_end: time(tokens.access_token_hinted_end),
        },
        lease: Lease {
            version: LeaseVersion(tokens.lease_version),
            until: time(tokens.lease_until),
        },
        attempts: Attempts {
            failures: tokens.failures.try_into().unwrap_or(u32::MAX),
            ambiguous: tokens.ambiguous,
            refused_since: time(tokens.refused_since),
        },
    }
}

/// Returns the rows of an account and its tokens, without their ids.
pub(crate) fn rows(tokens: &StoredTokens) -> (accounts::ActiveModel, tokens::ActiveModel) {
    (account_row(&tokens.account), token_row(tokens))
}

fn account_row(account: &Account) -> accounts::ActiveModel {
    let (code, detail) = fault_columns(account.last_error.clone());
    accounts::ActiveModel {
        id: NotSet,
        provider: Set(account.key.provider.as_str().to_owned()),
        account_id: Set(account.key.account_id.clone()),
        identified: Set(account.identified),
        display_name: Set(account.display_name.clone()),
        status: Set(account.status.into()),
        scopes: Set(account.scopes.join(" ")),
        created_at: Set(account.created_at.as_millis()),
        linked_at: Set(account.linked_at.as_millis()),
        last_error_code: Set(code),
        last_error_detail: Set(detail),
    }
}

fn token_row(tokens: &StoredTokens) -> tokens::ActiveModel {
    let (account, origin, lease) = (&tokens.account, &tokens.origin, tokens.lease);
    let millis_of = |time: Option<Timestamp>| Set(time.map(Timestamp::as_millis));
    tokens::ActiveModel {
        id: NotSet,
        account_id: NotSet,
        provider: Set(account.key.provider.as_str().to_owned()),
        generation: Set(tokens.generation.0),
        access_token: Set(bytes(&tokens.access_token)),
        refresh_token: Set(tokens.refresh_token.as_ref().map(bytes)),
        sealed_with: NotSet,
        token_endpoint: Set(origin.token_endpoint.clone()),
        client_id: Set(origin.client_id.clone()),
        access_token_expires_at: millis_of(account.access_token_expires_at),
        refresh_token_expires_at: millis_of(account.refresh_token_expires_at),
        obtained_at: Set(tokens.obtained_at.as_millis()),
        last_refreshed_at: millis_of(account.last_refreshed_at),
        next_refresh_at: millis_of(account.next_refresh_at),
        lease_until: millis_of(lease.until),
        lease_version: Set(lease.version.0),
        refresh_due_at: NotSet,
        failures: Set(tokens.attempts.failures.into()),
        ambiguous: Set(tokens.attempts.ambiguous),
        refused_since: millis_of(tokens.attempts.refused_since),
        renewed_by_use: Set(account.renewed_by_use),
        grant_expires_at: millis_of(account.grant_expires_at),
        issuer: Set(origin.issuer.clone()),
        extra: Set(tokens.extra.as_ref().map(bytes)),
        access_token_lifetime: Set(tokens.hints.lifetime.map(millis)),
        access_token_hinted_end: millis_of(tokens.hints.hinted_end),
    }
}
