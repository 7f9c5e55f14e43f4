use std::net::IpAddr;
use std::time::Duration;

use crate::fault::Fault;
use crate::labels::BadLabel;
use crate::link::MalformedLinkCode;
use crate::ports::{CipherError, ProviderError, StoreError};
use crate::workload::WorkloadRefusal;

/// Why a request was refused, in terms that a caller can act on.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The request has no key, or its key is unknown, expired or revoked.
    #[error("{0}")]
    Unauthorized(&'static str),
    /// The request has no key, and link codes need the enrolment key.
    #[error("this service gives link codes only to programs that send its enrolment key")]
    EnrollKeyRequired,
    /// No new accounts may be linked from the address of the request. `None` if the address is unknown.
    #[error("this service gives link codes only to certain networks, and {}", describe_origin(*.0))]
    EnrollNetwork(Option<IpAddr>),
    /// The JWT of a workload violates a rule.
    #[error(transparent)]
    WorkloadRefused(#[from] WorkloadRefusal),
    /// The key is valid but may not do this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The requested resource does not exist, or this caller must not learn that it exists.
    #[error("{0}")]
    NotFound(&'static str),
    /// The key's link has not been completed.
    #[error("the link of this key has not been completed yet")]
    LinkPending,
    /// The grant has ended: the person must consent again.
    #[error("{}", .0.detail)]
    RelinkRequired(Fault),
    /// The callback matches no consent in progress in this browser.
    #[error("{0}")]
    ForeignCallback(&'static str),
    /// Another browser has confirmed this code.
    #[error("another browser has confirmed this code")]
    CodeInUse,
    /// The link of this code has ended, and another browser had confirmed it.
    #[error("the link of this code has ended; another browser had confirmed it")]
    CodeFinished,
    /// The request is well-formed, but cannot be fulfilled.
    #[error("{0}")]
    Unprocessable(String),
    /// The operator requires a return code, but the request does not ask for one.
    #[error(
        "this service links accounts only with a return code: set `return_code` to true, and send the code that the page \
         shows to `POST /v1/link/{{link_code}}/confirm`"
    )]
    ReturnCodeRequired,
    /// The return code is not the one on the page. This many attempts are left; at 0, the link has failed.
    #[error("{}", wrong_return_code(*.0))]
    WrongReturnCode(u32),
    /// The link has ended without an account.
    #[error("the link has ended without an account")]
    LinkEnded,
    /// Too many wrong link codes were tried. The next attempt is accepted after this time.
    #[error("too many wrong codes have been tried")]
    RateLimited(Duration),
    /// This network has sent too many unknown keys. An unknown key gets a 401 again after this time.
    #[error("too many unknown keys from this network; a valid key still works")]
    TooManyUnknownKeys(Duration),
    /// An access key was used more often than its limit allows. It may be used again after this time.
    #[error("this access key was used more often than its limit allows")]
    KeyUsedTooOften(Duration),
    /// This network, workload or account has got too many link codes. It may get the next one after this time.
    #[error(
        "too many link codes: each network, workload and account gets only so many in the lifetime of one; an enrolment key has no such limit"
    )]
    TooManyLinks(Duration),
    /// Too many consents are in progress, from this network or from all networks. Try again after this time.
    #[error("too many consents are in progress")]
    TooManyConsents(Duration),
    /// A client polled its link faster than the interval allows. It may poll again after this time.
    #[error("polled faster than the interval allows")]
    PolledTooSoon(Duration),
    /// No provider is configured, or this provider is no longer configured.
    #[error("{0}")]
    ProviderNotConfigured(String),
    /// The provider gives no usable response at the moment.
    #[error("{detail}")]
    ProviderUnavailable {
        /// What happened.
        detail: String,
        /// How long to wait before a retry.
        retry_after: Duration,
    },
    /// The provider has rejected the request for a permanent reason.
    #[error("{0}")]
    ProviderRefused(String),
    /// Too many links are open, or too many links without an account wait to be deleted.
    #[error("too many links are open")]
    OverCapacity,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stored value cannot be decrypted.
    #[error("a stored value cannot be decrypted")]
    Cipher(#[from] CipherError),
}

/// An error with a code for programs and the audit log.
pub trait Coded {
    /// Returns the error code, which never changes.
    fn code(&self) -> &'static str;

    /// Whether the request was rejected only because the client polls too fast. The same request may succeed soon.
    fn is_too_soon(&self) -> bool {
        false
    }
}

impl Coded for Refusal {
    fn is_too_soon(&self) -> bool {
        matches!(self, Self::PolledTooSoon(_))
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unauthorized(_) => "unauthorized",
            Self::EnrollKeyRequired => "enroll_key_required",
            Self::WorkloadRefused(_) => "workload_refused",
            Self::Forbidden(_) | Self::EnrollNetwork(_) => "forbidden",
            Self::NotFound(_) => "not_found",
            Self::LinkPending => "link_pending",
            Self::RelinkRequired(_) => "relink_required",
            Self::ForeignCallback(_) => "invalid_request",
            Self::CodeInUse | Self::CodeFinished => "code_in_use",
            Self::Unprocessable(_) => "unprocessable",
            Self::ReturnCodeRequired => "return_code_required",
            Self::WrongReturnCode(_) => "wrong_return_code",
            Self::LinkEnded => "link_ended",
            Self::RateLimited(_)
            | Self::TooManyUnknownKeys(_)
            | Self::KeyUsedTooOften(_)
            | Self::TooManyLinks(_)
            | Self::TooManyConsents(_)
            | Self::PolledTooSoon(_) => "rate_limited",
            Self::ProviderNotConfigured(_) => "provider_not_configured",
            Self::ProviderUnavailable { .. } => "provider_unavailable",
            Self::ProviderRefused(_) => "provider_error",
            Self::OverCapacity => "over_capacity",
            Self::Store(
                StoreError::Conflict | StoreError::Unavailable(_) | StoreError::Busy(_),
            ) => "store_unavailable",
            Self::Store(_) | Self::Cipher(_) => "internal_error",
        }
    }
}

impl Refusal {
    /// Returns how long to wait before a retry, if a retry can help.
    pub const fn retry_after(&self) -> Option<Duration> {
        const A_MINUTE: Duration = Duration::from_secs(60);
        match self {
            Self::RateLimited(retry_after)
            | Self::TooManyConsents(retry_after)
            | Self::PolledTooSoon(retry_after)
            | Self::TooManyUnknownKeys(retry_after)
            | Self::KeyUsedTooOften(retry_after)
            | Self::TooManyLinks(retry_after)
            | Self::ProviderUnavailable { retry_after, .. } => Some(*retry_after),
            // An earlier retry does not help: the operator must change the configuration, or links must expire, which
            // takes minutes.
            Self::ProviderNotConfigured(_) | Self::OverCapacity => Some(A_MINUTE),
            _ => None,
        }
    }
}

impl From<MalformedLinkCode> for Refusal {
    /// Treats a malformed code like an unknown one.
    fn from(_: MalformedLinkCode) -> Self {
        UNKNOWN_CODE
    }
}

impl From<BadLabel> for Refusal {
    fn from(label: BadLabel) -> Self {
        Self::Unprocessable(label.to_string())
    }
}

impl From<ProviderError> for Refusal {
    fn from(error: ProviderError) -> Self {
        const SOON: Duration = Duration::from_secs(1);
        if error.is_temporary() {
            Self::ProviderUnavailable {
                retry_after: error.retry_after().unwrap_or(SOON),
                detail: error.to_string(),
            }
        } else {
            Self::ProviderRefused(error.to_string())
        }
    }
}

/// The refusal for a code that no link has.
pub const UNKNOWN_CODE: Refusal = Refusal::NotFound("no link has this code");

/// Why a link at a provider with the device flow cannot have a return code.
pub const NO_RETURN_CODE: &str = "this provider does not send people back to this service (device flow), so a return code \
     would prove nothing";

fn describe_origin(address: Option<IpAddr>) -> String {
    match address {
        Some(address) => format!("this request comes from {address}"),
        None => "the address of this request is unknown".to_owned(),
    }
}

fn wrong_return_code(tries_left: u32) -> String {
    match tries_left {
        0 => "the return code is wrong, and no try is left: the link has failed".to_owned(),
        1 => "the return code is wrong; 1 try is left".to_owned(),
        more => format!("the return code is wrong; {more} tries are left"),
    }
}
