//! Accounts.

use std::sync::Arc;

use central_oauth_domain::grant::{Account, AccountId};
use central_oauth_domain::usecases::Services;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;

use super::cursor::{ACCOUNTS, page_size};
use super::{Tag, id};
use crate::auth::NeededBearer;
use crate::dto::{AccountDetails, AccountList, DeletedAccount};
use crate::failure::{
    Answer, Documented, ENROLMENT_ONLY, Failure, LINK_PENDING, NO_SUCH_ACCOUNT, OWNERS_ONLY,
    STORE_UNAVAILABLE, TOO_MANY_UNKNOWN_KEYS, UNAUTHORIZED,
};

pub(crate) struct Accounts {
    services: Arc<Services>,
}

impl Accounts {
    pub(super) const fn new(services: Arc<Services>) -> Self {
        Self { services }
    }
}

#[OpenApi(prefix_path = "/v1", tag = "Tag::Accounts")]
impl Accounts {
    /// List accounts
    ///
    /// The admin key sees all accounts, an access key sees its own account.
    #[oai(path = "/accounts", method = "get", operation_id = "list_accounts")]
    async fn list(
        &self,
        bearer: NeededBearer,
        /// Maximum number of accounts to return.
        #[oai(
            default = "page_size",
            validator(minimum(value = "1"), maximum(value = "200"))
        )]
        limit: Query<u32>,
        /// Cursor of the page to return: the `next_cursor` of the previous page.
        cursor: Query<Option<String>>,
    ) -> Result<Json<AccountList>, Failure<ListAccounts>> {
        let caller = bearer.caller(&self.services.keys).await?;
        let after = ACCOUNTS.read(cursor.0.as_deref())?;
        let limit = u64::from(limit.0);
        let page = self.services.accounts.list(&caller, after, limit).await?;
        Ok(Json(AccountList {
            items: page.items.into_iter().map(|it| self.details(it)).collect(),
            next_cursor: page.next.map(|id| ACCOUNTS.write(id)),
        }))
    }

    /// Get an account
    ///
    /// The admin key sees every account, an access key sees its own account.
    #[oai(path = "/accounts/:id", method = "get", operation_id = "get_account")]
    async fn get(
        &self,
        bearer: NeededBearer,
        /// The id of the account.
        id: Path<String>,
    ) -> Result<Json<AccountDetails>, Failure<GetAccount>> {
        let caller = bearer.caller(&self.services.keys).await?;
        let account = self.services.accounts.get(&caller, account_id(&id)).await?;
        Ok(Json(self.details(account)))
    }

    /// Delete an account
    ///
    /// Deletes the account with its tokens, links and keys, whatever the provider answers, and revokes the tokens at the
    /// provider. Needs the admin key or the key that came with a link code of the account. Takes at most 15 seconds. A
    /// person who links again gets a new account and needs new keys.
    #[oai(
        path = "/accounts/:id",
        method = "delete",
        operation_id = "delete_account"
    )]
    async fn delete(
        &self,
        bearer: NeededBearer,
        /// The id of the account.
        id: Path<String>,
    ) -> Result<Json<DeletedAccount>, Failure<DeleteAccount>> {
        let caller = bearer.caller(&self.services.keys).await?;
        let status = self
            .services
            .accounts
            .delete(&caller, account_id(&id), bearer.address())
            .await?;
        Ok(Json(status.into()))
    }

    /// Refresh an account
    ///
    /// Gets new tokens from the provider now, due or not. Needs the admin key or the key that came with a link code of
    /// the account. An account with `relink_required` is tried once more; a success makes it `active`.
    #[oai(
        path = "/accounts/:id/refresh",
        method = "post",
        operation_id = "refresh_account"
    )]
    async fn refresh(
        &self,
        bearer: NeededBearer,
        /// The id of the account.
        id: Path<String>,
    ) -> Result<Json<AccountDetails>, Failure<RefreshAccount>> {
        let caller = bearer.caller(&self.services.keys).await?;
        let account = self
            .services
            .accounts
            .refresh(&caller, account_id(&id))
            .await?;
        Ok(Json(self.details(account)))
    }
}

impl Accounts {
    fn details(&self, account: Account) -> AccountDetails {
        let warning = self.services.accounts.warning(&account);
        AccountDetails::new(account, warning)
    }
}

/// Parses the account id of an address.
pub(crate) fn account_id(text: &str) -> AccountId {
    id::read(text, AccountId(-1))
}

struct ListAccounts;

impl Documented for ListAccounts {
    const PROBLEMS: &'static [Answer] = &[
        Answer(400, "`invalid_request`: the limit or the cursor is invalid"),
        UNAUTHORIZED,
        ENROLMENT_ONLY,
        LINK_PENDING,
        TOO_MANY_UNKNOWN_KEYS,
        STORE_UNAVAILABLE,
    ];
}

struct GetAccount;

impl Documented for GetAccount {
    const PROBLEMS: &'static [Answer] = &[
        UNAUTHORIZED,
        ENROLMENT_ONLY,
        NO_SUCH_ACCOUNT,
        LINK_PENDING,
        TOO_MANY_UNKNOWN_KEYS,
        STORE_UNAVAILABLE,
    ];
}

struct DeleteAccount;

impl Documented for DeleteAccount {
    const PROBLEMS: &'static [Answer] = &[
        UNAUTHORIZED,
        OWNERS_ONLY,
        NO_SUCH_ACCOUNT,
        LINK_PENDING,
        TOO_MANY_UNKNOWN_KEYS,
        STORE_UNAVAILABLE,
    ];
}

struct RefreshAccount;

impl Documented for RefreshAccount {
    const PROBLEMS: &'static [Answer] = &[
        UNAUTHORIZED,
        OWNERS_ONLY,
        NO_SUCH_ACCOUNT,
        Answer(
            409,
            "`link_pending`: the link of this key has not been completed; `relink_required`: the grant is over, and a \
             person must consent again",
        ),
        Answer(
            422,
            "`unprocessable`: the provider gave no refresh token, so the account cannot be refreshed",
        ),
        TOO_MANY_UNKNOWN_KEYS,
        Answer(502, "`provider_error`: the provider rejected the refresh"),
        Answer(
            503,
            "`provider_unavailable`: the provider gives no usable answer, or gave none a moment ago; \
             `provider_not_configured`: it is not in the configuration any more; `store_unavailable`: the service cannot use its database at the moment",
        ),
    ];
}
