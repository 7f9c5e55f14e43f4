//! Formats times relative to the clock of the service.

use central_oauth_domain::Timestamp;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::table::distance;

const NOTHING: &str = "-";

pub(super) fn rfc3339(at: Timestamp) -> String {
    let nanos = i128::from(at.as_millis()) * 1_000_000;
    let time = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok();
    let text = time.and_then(|time| time.format(&Rfc3339).ok());
    text.unwrap_or_else(|| at.as_millis().to_string())
}

/// Returns when something expires; "never" without a time.
pub(super) fn expiry(at: Option<OffsetDateTime>, now: Option<OffsetDateTime>) -> String {
    match at.map(|at| until(at, now)) {
        None => "never".to_owned(),
        Some(Until::In(distance)) => format!("in {distance}"),
        Some(Until::Ago(distance)) => format!("expired {distance} ago"),
        Some(Until::Unknown(at)) => at,
    }
}

/// Returns when something is tried next.
pub(super) fn next(at: Option<OffsetDateTime>, now: Option<OffsetDateTime>) -> Option<String> {
    Some(match until(at?, now) {
        Until::In(distance) => format!("in {distance}"),
        Until::Ago(_) => "now".to_owned(),
        Until::Unknown(at) => at,
    })
}

/// Returns when something happened, or a hyphen.
pub(super) fn ago(at: Option<OffsetDateTime>, now: Option<OffsetDateTime>) -> String {
    match at.map(|at| until(at, now)) {
        None => NOTHING.to_owned(),
        Some(Until::In(_)) => "now".to_owned(),
        Some(Until::Ago(distance)) => format!("{distance} ago"),
        Some(Until::Unknown(at)) => at,
    }
}

enum Until {
    In(String),
    Ago(String),
    /// The absolute time, because the clock of the service is unknown.
    Unknown(String),
}

fn until(at: OffsetDateTime, now: Option<OffsetDateTime>) -> Until {
    let Some(now) = now else {
        return Until::Unknown(at.to_string());
    };
    let seconds = (at - now).whole_seconds();
    let distance = distance(seconds.unsigned_abs());
    if seconds > 0 {
        Until::In(distance)
    } else {
        Until::Ago(distance)
    }
}
