//! Wire types, and their conversion from and to the domain's types. Responses omit unknown values instead of sending
//! null.

mod account;
mod audit;
mod flag;
mod key;
mod link;
mod oauth;
mod problem;
mod provider;
mod revocation;
mod status;
mod time_text;
mod token;
mod workload;

use std::time::Duration;

use central_oauth_domain::{Fault, Timestamp};
use poem_openapi::Object;
use serde::Serialize;
use time::OffsetDateTime;

pub(crate) use account::{Account, AccountDetails, AccountList, AccountStatus};
pub(crate) use audit::{AuditEntry, AuditEntryList};
pub(crate) use flag::Flag;
pub(crate) use key::{AccessKeyDetails, AccessKeyList, CreatedAccessKey, NewAccessKey};
pub(crate) use link::{Confirmation, LinkReport, NewLink, StartedLink};
pub(crate) use oauth::{
    ACCESS_TOKEN, ExchangedToken, ID_TOKEN, JWT, LONGEST_PARAMETER, OAuthErrorBody, ServerMetadata,
    TOKEN_EXCHANGE, TokenExchange,
};
pub(crate) use problem::ProblemDetails;
pub(crate) use provider::{Provider, ProviderList};
pub(crate) use revocation::{DeletedAccount, Revocation, RevocationList};
pub(crate) use status::{Liveness, Readiness};
pub(crate) use time_text::TimeText;
pub(crate) use token::Token;
pub(crate) use workload::{NewWorkloadAccess, Workload, WorkloadList};

/// Defines one page of a list, and its example.
macro_rules! page {
    ($(#[$doc:meta])* $list:ident, $(#[$items_doc:meta])* $item:ident) => {
        $(#[$doc])*
        #[derive(poem_openapi::Object)]
        #[oai(skip_serializing_if_is_none, example)]
        pub(crate) struct $list {
            $(#[$items_doc])*
            pub(crate) items: Vec<$item>,
            /// Send this as `cursor`, with the same filters if any, to get the next page. Absent on the last page.
            pub(crate) next_cursor: Option<String>,
        }

        impl poem_openapi::types::Example for $list {
            fn example() -> Self {
                Self {
                    items: vec![$item::example()],
                    next_cursor: None,
                }
            }
        }
    };
}

use page;

/// Defines an enum of the API with the same values as one of the domain.
macro_rules! mirror {
    ($(#[$attribute:meta])* $name:ident of $($domain:ident)::+ { $($value:ident),+ }) => {
        $(#[$attribute])*
        #[derive(poem_openapi::Enum, Clone, Copy)]
        #[oai(rename_all = "snake_case")]
        pub(crate) enum $name {
            $($value),+
        }

        impl From<$($domain)::+> for $name {
            fn from(value: $($domain)::+) -> Self {
                use $($domain)::+ as Domain;
                match value {
                    $(Domain::$value => Self::$value),+
                }
            }
        }

        impl From<$name> for $($domain)::+ {
            fn from(value: $name) -> Self {
                match value {
                    $($name::$value => Self::$value),+
                }
            }
        }
    };
}

use mirror;

/// An error or a warning that still matters.
#[derive(Object, Serialize)]
// The schema is already published under this name.
#[oai(rename = "Trouble")]
pub(crate) struct ErrorDetail {
    /// What went wrong, for programs.
    code: String,
    /// What went wrong, for people.
    detail: String,
}

impl From<Fault> for ErrorDetail {
    fn from(fault: Fault) -> Self {
        Self {
            code: fault.code.to_string(),
            detail: fault.detail,
        }
    }
}

/// Rounds the remaining time down, so that no client relies on more time than is left.
pub(crate) const fn seconds_down(left: Duration) -> u64 {
    left.as_secs()
}

/// Rounds a waiting time up, so that no client comes back too early.
pub(crate) const fn seconds_up(wait: Duration) -> u64 {
    let whole = wait.as_secs();
    if wait.subsec_nanos() == 0 {
        whole
    } else {
        whole.saturating_add(1)
    }
}

pub(crate) fn instant(time: OffsetDateTime) -> Timestamp {
    let millis = i64::from(time.millisecond());
    Timestamp::from_millis(time.unix_timestamp() * 1000 + millis)
}

/// Converts a time, in whole seconds. A provider may send a time after the year 9999, which RFC 3339 cannot express. It
/// becomes the last second of that year.
pub(crate) fn utc(instant: Timestamp) -> OffsetDateTime {
    const LAST_SECOND: i64 = 253_402_300_799;
    let seconds = instant.as_millis().div_euclid(1000);
    OffsetDateTime::from_unix_timestamp(seconds.clamp(0, LAST_SECOND))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Ten years in minutes.
const A_DECADE: i64 = 3652 * 24 * 60;

/// Returns a time for the examples: `minutes` after noon on a fixed day.
fn example_time(minutes: i64) -> OffsetDateTime {
    const NOON_OF_A_DAY_IN_2026: i64 = 1_780_488_000;
    utc(Timestamp::from_millis(
        (NOON_OF_A_DAY_IN_2026 + minutes * 60) * 1000,
    ))
}

#[cfg(test)]
mod tests {
    use poem_openapi::types::ToJSON as _;

    use super::*;

    #[test]
    fn times_are_whole_seconds_in_utc() {
        let shown = |millis| utc(Timestamp::from_millis(millis)).to_json();
        assert_eq!(
            shown(1_780_488_000_999),
            Some("2026-06-03T12:00:00Z".into())
        );
        assert_eq!(shown(i64::MAX), Some("9999-12-31T23:59:59Z".into()));
        assert_eq!(shown(-1), Some("1970-01-01T00:00:00Z".into()));
    }

    #[test]
    fn remaining_time_is_rounded_down_and_waits_up() {
        let almost_two = Duration::from_millis(1999);
        assert_eq!((seconds_down(almost_two), seconds_up(almost_two)), (1, 2));
        assert_eq!(seconds_up(Duration::from_secs(2)), 2);
        assert_eq!(seconds_up(Duration::MAX), u64::MAX);
    }
}
