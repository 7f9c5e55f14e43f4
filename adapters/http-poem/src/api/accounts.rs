use std::sync::Arc;

use central_oauth_domain::grant::{Account, AccountId, ProviderName};
use central_oauth_domain::usecases::{AccountQuery, Refusal, Services, WorkloadAction, refusals};
use central_oauth_domain::{BadLabel, Label};
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::ToJSON as _;

use super::cursor::{ACCOUNTS, BAD_PAGE, page_size};
use super::{Tag, id};
use crate::auth::NeededBearer;
use crate::dto::{AccountDetails, AccountList, AccountStatus, DeletedAccount};
use crate::error::Problem;
use crate::failure::{
    AUDITORS_ONLY_READ, ENROLMENT_ONLY, Failure, NO_SUCH_ACCOUNT, OWNERS_ONLY, PROVIDER_GONE,
    RELINK_REQUIRED, WORKLOAD_REFUSED, WORKLOAD_UNKNOWABLE, documented, provider_refused,
    provider_unavailable, unprocessable,
};

pub(crate) struct Accounts {
    pub(super) services: Arc<Services>,
}

#[OpenApi(prefix_path = "/v1", tag = "Tag::Accounts")]
impl Accounts {
    /// List accounts
    ///
    /// An admin's or an auditor's key sees all accounts, an access key sees its own account. Filters can be combined. A
    /// cursor is valid only with the filters of its page.
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
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<String>>,
        /// Only accounts at this provider, by its name.
        #[oai(validator(max_length = 100))]
        provider: Query<Option<String>>,
        /// Only accounts with this status.
        status: Query<Option<AccountStatus>>,
        /// Only accounts with this label, as `NAME:VALUE`.
        #[oai(validator(max_length = 319))]
        label: Query<Option<String>>,
    ) -> Result<Json<AccountList>, Failure<ListAccounts>> {
        let caller = bearer.caller(&self.services.keys).await?;
        let cursors = ACCOUNTS.filtered(&[
            ("provider", provider.0.clone()),
            (
                "status",
                status
                    .0
                    .and_then(|status| status.to_json())
                    .map(|word| word.to_string()),
            ),
            ("label", label.0.clone()),
        ]);
        let after = cursors.read(cursor.0.as_deref())?;
        let query = AccountQuery {
            provider: provider.0.map(ProviderName::new),
            status: status.0.map(Into::into),
            label: label.0.as_deref().map(read_label).transpose()?,
        };
        let (limit, accounts) = (u64::from(limit.0), &self.services.accounts);
        let page = accounts.list(&caller, query, after, limit).await?;
        Ok(Json(AccountList {
            items: self.details(page.items).await?,
            next_cursor: page.next.map(|id| cursors.write(id)),
        }))
    }

    /// Get an account
    ///
    /// An admin's or an auditor's key sees every account, an access key and a trusted workload see their own.
    #[oai(path = "/accounts/:id", method = "get", operation_id = "get_account")]
    async fn get(
        &self,
        bearer: NeededBearer,
        /// The id of the account.
        #[oai(example = "id::example")]
        id: Path<String>,
    ) -> Result<Json<AccountDetails>, Failure<GetAccount>> {
        let id = account_id(&id);
        let accounts = &self.services.accounts;
        let action = WorkloadAction::Account(id);
        let account = bearer.serve(&self.services, action, |caller| async move {
            accounts.get(&caller, id).await
        });
        Ok(Json(self.detail(account.await?).await?))
    }

    /// Delete an account
    ///
    /// Deletes the account with its tokens, links and keys, whatever the provider answers, and revokes the tokens at
    /// the provider. Needs the admin key or the key that came with a link code of the account. Takes at most 15
    /// seconds. A person who links again gets a new account and needs new keys.
    #[oai(
        path = "/accounts/:id",
        method = "delete",
        operation_id = "delete_account"
    )]
    async fn delete(
        &self,
        bearer: NeededBearer,
        /// The id of the account.
        #[oai(example = "id::example")]
        id: Path<String>,
    ) -> Result<Json<DeletedAccount>, Failure<DeleteAccount>> {
        let caller = bearer.caller(&self.services.keys).await?;
        let status = self
            .services
            .accounts
            .delete(&caller, account_id(&id), bearer.address)
            .await?;
        Ok(Json(status.into()))
    }

    /// Refresh an account
    ///
    /// Gets new tokens from the provider now, even if no refresh is due. Needs the admin key or the key that came with
    /// a link code of the account. An account with `relink_required` is tried once more; a success makes it `active`.
    #[oai(
        path = "/accounts/:id/refresh",
        method = "post",
        operation_id = "refresh_account"
    )]
    async fn refresh(
        &self,
        bearer: NeededBearer,
        /// The id of the account.
        #[oai(example = "id::example")]
        id: Path<String>,
    ) -> Result<Json<AccountDetails>, Failure<RefreshAccount>> {
        let caller = bearer.caller(&self.services.keys).await?;
        let account = self
            .services
            .accounts
            .refresh(&caller, account_id(&id), bearer.address)
            .await?;
        Ok(Json(self.detail(account).await?))
    }
}

impl Accounts {
    async fn details(&self, shown: Vec<Account>) -> Result<Vec<AccountDetails>, Refusal> {
        let accounts = &self.services.accounts;
        let mut labels = accounts.labels(&shown).await?;
        let details = shown.into_iter().map(|account| {
            let warning = accounts.warning(&account);
            let labels = labels.remove(&account.id).unwrap_or_default();
            AccountDetails::new(account, labels, warning)
        });
        Ok(details.collect())
    }

    async fn detail(&self, shown: Account) -> Result<AccountDetails, Refusal> {
        let details = self.details(vec![shown]).await?.pop();
        details.ok_or(refusals::NO_SUCH_ACCOUNT)
    }
}

fn read_label(text: &str) -> Result<Label, Problem> {
    Label::parse(text).map_err(|error| Problem::bad_parameter("label", &error.to_string()))
}

/// Parses an account id from a path.
pub(crate) fn account_id(text: &str) -> AccountId {
    id::read(text, AccountId(-1))
}

documented!(ListAccounts, [
    BAD_PAGE,
    "an unknown status, or a label that is not `NAME:VALUE`" =>
        Problem::bad_parameter("label", &BadLabel::Name.to_string()),
    ENROLMENT_ONLY,
]);

documented!(
    GetAccount,
    [
        WORKLOAD_REFUSED,
        ENROLMENT_ONLY,
        NO_SUCH_ACCOUNT,
        WORKLOAD_UNKNOWABLE,
    ]
);

documented!(
    DeleteAccount,
    [
        ENROLMENT_ONLY,
        OWNERS_ONLY,
        AUDITORS_ONLY_READ,
        NO_SUCH_ACCOUNT
    ]
);

documented!(RefreshAccount, [
    ENROLMENT_ONLY,
    OWNERS_ONLY,
    AUDITORS_ONLY_READ,
    NO_SUCH_ACCOUNT,
    RELINK_REQUIRED,
    "the provider gave no refresh token, so the account cannot be refreshed" =>
        unprocessable(refusals::NOTHING_TO_REFRESH_WITH),
    "the provider rejected the refresh" => provider_refused(),
    "the provider gives no usable response, or gave none a moment ago" => provider_unavailable(),
    PROVIDER_GONE,
]);
