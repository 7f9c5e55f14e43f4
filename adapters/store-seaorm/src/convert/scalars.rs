//! Single values.

use std::time::Duration;

use central_oauth_domain::grant::{AccountStatus, KeyRole};
use central_oauth_domain::secret::{KeyedHash, Sealed};
use central_oauth_domain::{Fault, FaultCode, Timestamp};

use crate::entities::access_keys::Role;
use crate::entities::accounts::Status;

pub(crate) fn hash(bytes: &[u8]) -> Option<KeyedHash> {
    bytes.try_into().ok().map(KeyedHash::from_bytes)
}

pub(crate) fn bytes(sealed: &Sealed) -> Vec<u8> {
    sealed.as_bytes().to_vec()
}

pub(crate) fn time(millis: Option<i64>) -> Option<Timestamp> {
    millis.map(Timestamp::from_millis)
}

/// A duration beyond the range of the column counts as unlimited.
pub(super) fn millis(duration: Duration) -> i64 {
    duration.as_millis().try_into().unwrap_or(i64::MAX)
}

pub(super) fn duration(millis: i64) -> Option<Duration> {
    millis.try_into().ok().map(Duration::from_millis)
}

/// Returns a number of rows within the range of the databases; SeaORM panics beyond it.
pub(crate) fn row_count(rows: u64) -> u64 {
    rows.min(i64::MAX.unsigned_abs())
}

pub(super) fn scopes(joined: &str) -> Vec<String> {
    joined.split_ascii_whitespace().map(str::to_owned).collect()
}

/// A fault has both parts or neither.
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

pub(super) fn role(role: Role) -> KeyRole {
    match role {
        Role::Owner => KeyRole::Owner,
        Role::Reader => KeyRole::Reader,
    }
}

pub(super) fn role_column(role: KeyRole) -> Role {
    match role {
        KeyRole::Owner => Role::Owner,
        KeyRole::Reader => Role::Reader,
    }
}

pub(crate) fn status(status: Status) -> AccountStatus {
    match status {
        Status::Active => AccountStatus::Active,
        Status::Degraded => AccountStatus::Degraded,
        Status::RelinkRequired => AccountStatus::RelinkRequired,
    }
}

pub(super) fn status_column(status: AccountStatus) -> Status {
    match status {
        AccountStatus::Active => Status::Active,
        AccountStatus::Degraded => Status::Degraded,
        AccountStatus::RelinkRequired => Status::RelinkRequired,
    }
}
