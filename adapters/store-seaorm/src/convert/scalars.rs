use std::time::Duration;

use central_oauth_domain::grant::revocation::RevocationStatus;
use central_oauth_domain::grant::{AccountStatus, KeyRole};
use central_oauth_domain::secret::{KeyedHash, Sealed};
use central_oauth_domain::{Fault, FaultCode, Timestamp};

use crate::entities::{access_keys, accounts, revocations};

pub(crate) fn hash(bytes: &[u8]) -> Option<KeyedHash> {
    bytes.try_into().ok().map(KeyedHash::from_bytes)
}

pub(crate) fn hash_bytes(hash: &KeyedHash) -> Vec<u8> {
    hash.as_bytes().to_vec()
}

pub(crate) fn bytes(sealed: &Sealed) -> Vec<u8> {
    sealed.as_bytes().to_vec()
}

pub(crate) fn time(millis: Option<i64>) -> Option<Timestamp> {
    millis.map(Timestamp::from_millis)
}

/// Converts a duration to milliseconds, capped at the maximum of the column.
pub(super) fn millis(duration: Duration) -> i64 {
    duration.as_millis().try_into().unwrap_or(i64::MAX)
}

pub(super) fn duration(millis: i64) -> Option<Duration> {
    millis.try_into().ok().map(Duration::from_millis)
}

/// Limits a number of rows to the range of `i64`, because SeaORM panics beyond it.
pub(crate) fn row_count(rows: u64) -> u64 {
    rows.min(i64::MAX.unsigned_abs())
}

pub(super) fn scopes(joined: &str) -> Vec<String> {
    joined.split_ascii_whitespace().map(str::to_owned).collect()
}

/// Reads a fault from its two columns. Returns an error if only one of them is NULL.
pub(crate) fn fault(code: Option<String>, detail: Option<String>) -> Result<Option<Fault>, ()> {
    match (code, detail) {
        (Some(code), Some(detail)) => {
            let code = FaultCode::from(&*code);
            Ok(Some(Fault { code, detail }))
        }
        (None, None) => Ok(None),
        _ => Err(()),
    }
}

/// Returns the columns of a fault: its code and its detail.
pub(crate) fn fault_columns(fault: Option<Fault>) -> (Option<String>, Option<String>) {
    let columns = fault.map(|fault| (fault.code.to_string(), fault.detail));
    columns.unzip()
}

/// Converts between the enums of a column and of the domain, which have the same variants.
macro_rules! same_variants {
    ($column:ty, $domain:ty, [$($variant:ident),+]) => {
        impl From<$column> for $domain {
            fn from(column: $column) -> Self {
                match column {
                    $(<$column>::$variant => Self::$variant,)+
                }
            }
        }

        impl From<$domain> for $column {
            fn from(value: $domain) -> Self {
                match value {
                    $(<$domain>::$variant => Self::$variant,)+
                }
            }
        }
    };
}

same_variants!(access_keys::Role, KeyRole, [Owner, Reader]);
same_variants!(
    accounts::Status,
    AccountStatus,
    [Active, Degraded, RelinkRequired]
);
same_variants!(
    revocations::Status,
    RevocationStatus,
    [Pending, Revoked, Unsupported, Failed, Cancelled]
);
