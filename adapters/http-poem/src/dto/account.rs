use std::collections::BTreeMap;

use central_oauth_domain::{Fault, Labels, grant};
use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::Serialize;
use time::OffsetDateTime;

use super::{ErrorDetail, example_time, mirror, page, utc};

/// An account inside another response.
#[derive(Object, Serialize)]
pub(crate) struct Account {
    /// The account's id at this service.
    id: String,
    /// The provider's name.
    provider: String,
    /// The person's id at the provider; random if the provider does not say who the person is.
    account_id: String,
    /// A display name.
    display_name: String,
    pub(super) status: AccountStatus,
}

mirror! {
    /// Status of an account: `active`; `degraded`, if refreshing fails at the moment; `relink_required`, if the grant
    /// is over and a person must consent again.
    #[derive(Serialize)]
    #[serde(rename_all = "snake_case")]
    AccountStatus of grant::AccountStatus { Active, Degraded, RelinkRequired }
}

/// An account and its health, without tokens.
#[derive(Object)]
#[oai(skip_serializing_if_is_none, example)]
pub(crate) struct AccountDetails {
    #[oai(flatten)]
    account: Account,
    /// The granted scopes.
    scopes: Vec<String>,
    /// When the account was first linked.
    created_at: OffsetDateTime,
    /// When a person last consented.
    linked_at: OffsetDateTime,
    /// When the stored access token expires. Absent if it does not expire, as far as the provider says.
    access_token_expires_at: Option<OffsetDateTime>,
    /// When the refresh token expires if it is not used; a person must consent again then. Absent if unknown. If using
    /// the refresh token extends its lifetime, the service uses it in time.
    refresh_token_expires_at: Option<OffsetDateTime>,
    /// When the grant ends in any case, if known. A person must consent again before then.
    grant_expires_at: Option<OffsetDateTime>,
    /// When the tokens were last refreshed, if ever.
    last_refreshed_at: Option<OffsetDateTime>,
    /// When the tokens are refreshed next, if a refresh is scheduled.
    next_refresh_at: Option<OffsetDateTime>,
    /// The labels that clients gave with their link codes. Nobody has verified them.
    labels: BTreeMap<String, String>,
    /// The last error, if it still matters.
    last_error: Option<ErrorDetail>,
    /// A warning although nothing has failed. `no_refresh_token`: the account cannot be refreshed and ends when its
    /// access token expires. `grant_expires_soon`: the grant ends within 7 days, and no refresh changes that.
    warning: Option<ErrorDetail>,
}

page! {
    /// One page of accounts.
    AccountList,
    /// The accounts of this page, the oldest first.
    AccountDetails
}

impl From<grant::Account> for Account {
    fn from(account: grant::Account) -> Self {
        Self {
            id: account.id.to_string(),
            provider: account.key.provider.to_string(),
            account_id: account.key.account_id,
            display_name: account.display_name,
            status: account.status.into(),
        }
    }
}

impl AccountDetails {
    /// Converts an account, with its labels and its warning at this moment.
    pub(crate) fn new(mut account: grant::Account, labels: Labels, warning: Option<Fault>) -> Self {
        Self {
            warning: warning.map(ErrorDetail::from),
            created_at: utc(account.created_at),
            linked_at: utc(account.linked_at),
            access_token_expires_at: account.access_token_expires_at.map(utc),
            refresh_token_expires_at: account.refresh_token_expires_at.map(utc),
            grant_expires_at: account.grant_expires_at.map(utc),
            last_refreshed_at: account.last_refreshed_at.map(utc),
            next_refresh_at: account.next_refresh_at.map(utc),
            labels: labels.into_iter().collect(),
            last_error: account.last_error.take().map(ErrorDetail::from),
            scopes: std::mem::take(&mut account.scopes),
            account: account.into(),
        }
    }
}

/// Returns the labels for the examples.
pub(super) fn example_labels() -> BTreeMap<String, String> {
    [("team".to_owned(), "billing".to_owned())].into()
}

impl Example for Account {
    fn example() -> Self {
        Self {
            id: "42".to_owned(),
            provider: "github".to_owned(),
            account_id: "583231".to_owned(),
            display_name: "Mona".to_owned(),
            status: AccountStatus::Active,
        }
    }
}

impl Example for AccountDetails {
    fn example() -> Self {
        Self {
            account: Account::example(),
            scopes: vec!["repo".to_owned(), "read:user".to_owned()],
            created_at: example_time(0),
            linked_at: example_time(0),
            access_token_expires_at: Some(example_time(480)),
            refresh_token_expires_at: None,
            grant_expires_at: None,
            last_refreshed_at: None,
            next_refresh_at: Some(example_time(432)),
            labels: example_labels(),
            last_error: None,
            warning: None,
        }
    }
}
