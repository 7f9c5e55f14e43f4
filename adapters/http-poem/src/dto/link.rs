use std::collections::BTreeMap;

use central_oauth_domain::link::LinkStatus as Status;
use central_oauth_domain::usecases;
use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use serde::Deserialize;
use url::Url;

use super::account::example_labels;
use super::key::AccessKeyRole;
use super::time_text::TimeText;
use super::{Account, ErrorDetail, seconds_down, seconds_up};
use crate::body::RequestObject;
use crate::error::Problem;

/// A request for a link code.
#[derive(Object, Deserialize, Default)]
#[oai(skip_serializing_if_is_none, example)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewLink {
    /// The provider's name. Needed only if several are configured and none is the default.
    #[oai(nullable, validator(max_length = 100))]
    pub(crate) provider: Option<String>,
    /// The name of the client, in at most 100 characters. The person sees it before they consent.
    #[oai(nullable, validator(max_length = 100))]
    pub(crate) client_name: Option<String>,
    /// What the new key may do once the account is linked. Default: `owner`.
    #[oai(nullable)]
    pub(crate) role: Option<AccessKeyRole>,
    /// When the new key expires; must be in the future. A key without an expiry works until it is deleted.
    #[oai(nullable)]
    pub(crate) key_expires_at: Option<TimeText>,
    /// Whether the key opens the account only after `POST /v1/link/{link_code}/confirm` with the return code that the
    /// page shows to the person. Only for providers that send people back to the page.
    #[oai(nullable)]
    pub(crate) return_code: Option<bool>,
    /// Labels that the account gets: at most 16. A name has 1 to 63 characters of `a-z`, `0-9`, `.`, `_`, `/` and `-`.
    /// A value has at most 255 characters; deceptive characters are rejected, as in names. The account keeps its
    /// labels: a later link adds new names and overwrites nothing. Nobody verifies labels, and they authorise nothing.
    #[oai(nullable, validator(max_properties = 16, max_length = 255))]
    pub(crate) labels: Option<BTreeMap<String, String>>,
}

/// The return code of a link.
#[derive(Object, Deserialize)]
#[oai(example)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confirmation {
    /// The six letters that the page shows after the consent. Case, spaces and hyphens do not matter.
    #[oai(validator(max_length = 64))]
    pub(crate) return_code: String,
}

/// A new link code.
#[derive(Object)]
#[oai(skip_serializing_if_is_none, example)]
pub(crate) struct StartedLink {
    /// The code for the person: eight digits; up to twelve while somebody is guessing codes.
    link_code: String,
    /// Where the person enters the code.
    verification_url: String,
    /// The same URL with the code filled in. The person must still confirm the code.
    verification_url_complete: String,
    /// Seconds until the code expires. After the person has confirmed it, polls return the new deadline.
    expires_in: u64,
    /// Seconds to wait between polls.
    interval: u64,
    /// The client's key. It polls this link and, once linked, opens the account. Only this response contains it. Absent
    /// when an account is linked again: keep using the old key.
    access_key: Option<String>,
    /// The provider where the person will consent.
    provider: String,
    /// `return_code` of the request.
    return_code: Option<bool>,
}

impl StartedLink {
    /// Converts a new link. `page` is the URL at which the person enters the code.
    pub(crate) fn new(
        started: usecases::StartedLink,
        return_code: Option<bool>,
        page: &Url,
    ) -> Self {
        let code = started.code.digits();
        let mut complete = page.clone();
        complete.set_query(Some(&format!("code={code}")));
        Self {
            link_code: code.to_owned(),
            verification_url: page.to_string(),
            verification_url_complete: complete.into(),
            expires_in: seconds_down(started.expires_in),
            interval: seconds_up(started.interval),
            access_key: started.access_key.map(|key| key.expose().to_owned()),
            provider: started.provider.to_string(),
            return_code,
        }
    }
}

/// Status of a link: `pending` until somebody confirms the code, `authorizing` while the person is at the provider,
/// `confirming` while the link waits for its return code, and finally `linked`, `denied`, `expired` or `failed`.
#[derive(Enum, Clone, Copy)]
#[oai(rename_all = "snake_case")]
pub(crate) enum LinkStatus {
    Pending,
    Authorizing,
    Confirming,
    Linked,
    Denied,
    Expired,
    Failed,
}

/// The status of a link, as far as the caller may see it. `error` says why it failed, or why the provider denied it.
#[derive(Object)]
#[oai(skip_serializing_if_is_none, example)]
pub(crate) struct LinkReport {
    status: LinkStatus,
    /// Seconds until the link expires; 0 once it has ended.
    expires_in: u64,
    /// Seconds to wait between polls.
    interval: u64,
    account: Option<Account>,
    error: Option<ErrorDetail>,
}

impl From<&Status> for LinkStatus {
    fn from(status: &Status) -> Self {
        match status {
            Status::Pending => Self::Pending,
            Status::Authorizing => Self::Authorizing,
            Status::Confirming => Self::Confirming,
            Status::Linked(_) => Self::Linked,
            Status::Denied(_) => Self::Denied,
            Status::Expired => Self::Expired,
            Status::Failed(_) => Self::Failed,
        }
    }
}

impl RequestObject for NewLink {
    const EMPTY: Option<fn() -> Self> = Some(Self::default);
}

impl RequestObject for Confirmation {}

impl NewLink {
    /// Returns the problem of a `key_expires_at` that is not a time.
    pub(crate) fn bad_expiry() -> Problem {
        TimeText::malformed("key_expires_at")
    }
}

impl From<usecases::LinkReport> for LinkReport {
    fn from(report: usecases::LinkReport) -> Self {
        Self {
            status: LinkStatus::from(&report.status),
            expires_in: seconds_down(report.expires_in),
            interval: seconds_up(report.interval),
            account: report.account.map(Account::from),
            error: report.error.map(ErrorDetail::from),
        }
    }
}

impl Example for NewLink {
    fn example() -> Self {
        Self {
            provider: None,
            client_name: Some("nightly backup on db1".to_owned()),
            role: Some(AccessKeyRole::Reader),
            key_expires_at: Some(TimeText::example()),
            return_code: None,
            labels: Some(example_labels()),
        }
    }
}

impl Example for Confirmation {
    fn example() -> Self {
        Self {
            return_code: "BCD-FGH".to_owned(),
        }
    }
}

impl Example for StartedLink {
    fn example() -> Self {
        Self {
            link_code: "12345678".to_owned(),
            verification_url: "https://auth.example.com/device".to_owned(),
            verification_url_complete: "https://auth.example.com/device?code=12345678".to_owned(),
            expires_in: 600,
            interval: 2,
            access_key: Some("coak_0123456789abcdefghjkmnpqrstvwxyz012345671238hhy".to_owned()),
            provider: "github".to_owned(),
            return_code: None,
        }
    }
}

impl Example for LinkReport {
    fn example() -> Self {
        Self {
            status: LinkStatus::Linked,
            expires_in: 0,
            interval: 2,
            account: Some(Account::example()),
            error: None,
        }
    }
}
