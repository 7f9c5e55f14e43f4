//! Accounts and their tokens.

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::refresh::Attempts;
use central_oauth_domain::grant::{
    Account, AccountId, AccountKey, Lease, LifetimeHints, NewGrant, ProviderName, StoredTokens,
    TokenOrigin,
};
use central_oauth_domain::ports::StoreError;
use central_oauth_domain::secret::Sealed;
use sea_orm::ActiveValue::Set;
use sea_orm::DerivePartialModel;

use super::scalars::{bytes, duration, fault, millis, scopes, status, time};
use crate::entities::{accounts, tokens};
use crate::error::Unreadable;

/// An account with what its tokens say about its health; the tokens themselves are not read.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "accounts::Entity")]
pub(crate) struct AccountRow {
    #[sea_orm(nested)]
    pub(crate) account: accounts::Model,
    #[sea_orm(nested)]
    pub(crate) times: TokenTimes,
}

/// What a row of tokens says about an account's health.
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

impl TryFrom<AccountRow> for Account {
    type Error = StoreError;

    fn try_from(AccountRow { account, times }: AccountRow) -> Result<Self, StoreError> {
        let unreadable = || Unreadable {
            table: "accounts",
            id: account.id,
            column: "last_error_code",
        };
        Ok(Self {
            id: AccountId(account.id),
            key: AccountKey {
                provider: ProviderName::new(account.provider),
                account_id: account.account_id,
            },
            identified: account.identified,
            display_name: account.display_name,
            status: status(account.status),
            scopes: scopes(&account.scopes),
            created_at: Timestamp::from_millis(account.created_at),
            linked_at: Timestamp::from_millis(account.linked_at),
            access_token_expires_at: time(times.access_token_expires_at),
            refresh_token_expires_at: time(times.refresh_token_expires_at),
            renewed_by_use: times.renewed_by_use,
            grant_expires_at: time(times.grant_expires_at),
            last_refreshed_at: time(times.last_refreshed_at),
            next_refresh_at: time(times.next_refresh_at),
            last_error: fault(account.last_error_code, account.last_error_detail)
                .map_err(|()| unreadable())?,
        })
    }
}

pub(crate) fn stored_tokens(
    account: accounts::Model,
    tokens: tokens::Model,
) -> Result<StoredTokens, StoreError> {
    let times = TokenTimes {
        access_token_expires_at: tokens.access_token_expires_at,
        refresh_token_expires_at: tokens.refresh_token_expires_at,
        renewed_by_use: tokens.renewed_by_use,
        grant_expires_at: tokens.grant_expires_at,
        last_refreshed_at: tokens.last_refreshed_at,
        next_refresh_at: tokens.next_refresh_at,
    };
    let hints = hints(&tokens);
    Ok(StoredTokens {
        account: AccountRow { account, times }.try_into()?,
        generation: tokens.generation,
        access_token: Sealed::from_bytes(tokens.access_token),
        refresh_token: tokens.refresh_token.map(Sealed::from_bytes),
        spare_refresh_token: tokens.spare_refresh_token.map(Sealed::from_bytes),
        extra: tokens.extra.map(Sealed::from_bytes),
        origin: TokenOrigin {
            issuer: tokens.issuer,
            token_endpoint: tokens.token_endpoint,
            client_id: tokens.client_id,
        },
        obtained_at: Timestamp::from_millis(tokens.obtained_at),
        hints,
        lease: Lease {
            version: tokens.lease_version,
            until: time(tokens.lease_until),
        },
        attempts: Attempts {
            failures: tokens.failures.try_into().unwrap_or(u32::MAX),
            ambiguous: tokens.ambiguous,
            refused_since: time(tokens.refused_since),
        },
    })
}

/// What a row of tokens says about the origin of its tokens.
pub(crate) fn origin(tokens: &tokens::Model) -> TokenOrigin {
    TokenOrigin {
        issuer: tokens.issuer.clone(),
        token_endpoint: tokens.token_endpoint.clone(),
        client_id: tokens.client_id.clone(),
    }
}

/// What a row of tokens says about how long access tokens last.
pub(crate) fn hints(tokens: &tokens::Model) -> LifetimeHints {
    LifetimeHints {
        lifetime: tokens.access_token_lifetime.and_then(duration),
        hinted_end: time(tokens.access_token_hinted_end),
    }
}

/// The columns of these.
pub(crate) fn hint_columns(hints: LifetimeHints, row: tokens::ActiveModel) -> tokens::ActiveModel {
    tokens::ActiveModel {
        access_token_lifetime: Set(hints.lifetime.map(millis)),
        access_token_hinted_end: Set(hints.hinted_end.map(Timestamp::as_millis)),
        ..row
    }
}

/// What a person's consent says about the account: it is well again, whatever was wrong before.
pub(crate) fn account_columns(grant: &NewGrant, now: Timestamp) -> accounts::ActiveModel {
    accounts::ActiveModel {
        provider: Set(grant.account.provider.as_str().to_owned()),
        account_id: Set(grant.account.account_id.clone()),
        identified: Set(grant.identified),
        display_name: Set(grant.display_name.clone()),
        status: Set(accounts::Status::Active),
        scopes: Set(grant.scopes.join(" ")),
        linked_at: Set(now.as_millis()),
        last_error_code: Set(None),
        last_error_detail: Set(None),
        ..Default::default()
    }
}

/// Everything about the tokens but the refresh token.
pub(crate) fn token_columns(
    grant: &NewGrant,
    has_refresh_token: bool,
    now: Timestamp,
) -> tokens::ActiveModel {
    let next_refresh_at = grant.next_refresh_at.filter(|_| has_refresh_token);
    let expires_at = grant.access_token_expires_at;
    let row = tokens::ActiveModel {
        provider: Set(grant.account.provider.as_str().to_owned()),
        access_token: Set(bytes(&grant.access_token)),
        extra: Set(grant.extra.as_ref().map(bytes)),
        issuer: Set(grant.origin.issuer.clone()),
        token_endpoint: Set(grant.origin.token_endpoint.clone()),
        client_id: Set(grant.origin.client_id.clone()),
        access_token_expires_at: Set(expires_at.map(Timestamp::as_millis)),
        obtained_at: Set(now.as_millis()),
        last_refreshed_at: Set(None),
        next_refresh_at: Set(next_refresh_at.map(Timestamp::as_millis)),
        failures: Set(0),
        refused_since: Set(None),
        ..Default::default()
    };
    hint_columns(grant.hints, row)
}
