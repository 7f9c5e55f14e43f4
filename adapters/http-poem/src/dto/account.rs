//! Accounts.

use central_oauth_domain::{Fault, grant};
use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use time::OffsetDateTime;

use super::{Trouble, example_time, utc};

/// An account, as it stands inside other answers.
#[derive(Object)]
pub(crate) struct Account {
    /// This service's id of the account.
    id: String,
    /// The provider's name.
    provider: String,
    /// The provider's id of the person; a random one where the provider does not say who the person is.
    account_id: String,
    /// A name to show.
    display_name: String,
    status: AccountStatus,
}

/// How an account is: `active`; `degraded`, when refreshing fails for now; `relink_required`, when the grant is over
/// and a person must consent again.
#[derive(Enum, Clone, Copy)]
#[oai(rename_all = "snake_case")]
pub(crate) enum AccountStatus {
    Active,
    Degraded,
    RelinkRequired,
}

/// An account and its health. It holds no token.
#[derive(Object)]
#[oai(skip_serializing_if_is_none, example)]
pub(crate) struct AccountDetails {
    /// This service's id of the account.
    id: String,
    /// The provider's name.
    provider: String,
    /// The provider's id of the person; a random one where the provider does not say who the person is.
    account_id: String,
    /// A name to show.
    display_name: String,
    status: AccountStatus,
    /// What was granted.
    scopes: Vec<String>,
    /// When the account was first linked.
    created_at: OffsetDateTime,
    /// When a person last consented.
    linked_at: OffsetDateTime,
    /// When the stored access token expires. Left out when it does not, as far as the provider says.
    access_token_expires_at: Option<OffsetDateTime>,
    /// When the refresh token dies unless it is used before, where that is known: from then on a person must consent
    /// again. The service uses it in time where that helps.
    refresh_token_expires_at: Option<OffsetDateTime>,
    /// When the grant ends whatever is done, where that is known: a person must consent again by then.
    grant_expires_at: Option<OffsetDateTime>,
    /// When the tokens were last refreshed, if ever.
    last_refreshed_at: Option<OffsetDateTime>,
    /// When they are refreshed next, if that is planned.
    next_refresh_at: Option<OffsetDateTime>,
    /// What went wrong last and still matters.
    last_error: Option<Trouble>,
    /// What is to be known although nothing has gone wrong: `no_refresh_token` says that the account is not refreshed, and
    /// ends when its access token expires; otherwise `grant_expires_soon` says that the grant ends within 7 days, and that
    /// no refresh puts that off.
    warning: Option<Trouble>,
}

/// One page of accounts.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct AccountList {
    /// The accounts of this page, the oldest first.
    pub(crate) items: Vec<AccountDetails>,
    /// What to ask for as `cursor` to get the next page. Left out on the last one.
    pub(crate) next_cursor: Option<String>,
}

impl From<grant::AccountStatus> for AccountStatus {
    fn from(status: grant::AccountStatus) -> Self {
        match status {
            grant::AccountStatus::Active => Self::Active,
            grant::AccountStatus::Degraded => Self::Degraded,
            grant::AccountStatus::RelinkRequired => Self::RelinkRequired,
        }
    }
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
    /// An account, and what is to be known of it now.
    pub(crate) fn new(account: grant::Account, warning: Option<Fault>) -> Self {
        Self {
            warning: warning.map(Trouble::from),
            id: account.id.to_string(),
            provider: account.key.provider.to_string(),
            account_id: account.key.account_id,
            display_name: account.display_name,
            status: account.status.into(),
            scopes: account.scopes,
            created_at: utc(account.created_at),
            linked_at: utc(account.linked_at),
            access_token_expires_at: account.access_token_expires_at.map(utc),
            refresh_token_expires_at: account.refresh_token_expires_at.map(utc),
            grant_expires_at: account.grant_expires_at.map(utc),
            last_refreshed_at: account.last_refreshed_at.map(utc),
            next_refresh_at: account.next_refresh_at.map(utc),
            last_error: account.last_error.map(Trouble::from),
        }
    }
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
        let account = Account::example();
        Self {
            id: account.id,
            provider: account.provider,
            account_id: account.account_id,
            display_name: account.display_name,
            status: account.status,
            scopes: vec!["repo".to_owned(), "read:user".to_owned()],
            created_at: example_time(0),
            linked_at: example_time(0),
            access_token_expires_at: Some(example_time(480)),
            refresh_token_expires_at: None,
            grant_expires_at: None,
            last_refreshed_at: None,
            next_refresh_at: Some(example_time(432)),
            last_error: None,
            warning: None,
        }
    }
}
