//! Points in time that servers write as text or as a Unix time.

use central_oauth_domain::Timestamp;
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;
use time::format_description::well_known::Iso8601;

/// Smaller numbers of seconds are durations, larger ones are Unix times.
pub(crate) const FIRST_UNIX_TIME: Duration = Duration::from_secs(1_000_000_000);
/// Larger Unix times are in milliseconds.
const LAST_SECONDS: Duration = Duration::from_secs(100_000_000_000);

/// Parses a date of HTTP (RFC 9110 section 5.6.7) or of ISO 8601 (Square, Atlassian).
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    of_http(text).or_else(|| of_iso(text))
}

/// Interprets a number of seconds as a Unix time. Returns `None` if the number is small enough to be a duration. Very
/// large numbers are milliseconds.
pub(crate) fn of_unix(seconds: Duration) -> Option<Timestamp> {
    let divisor = if seconds > LAST_SECONDS { 1000 } else { 1 };
    let is_time = seconds >= FIRST_UNIX_TIME;
    is_time.then(|| Timestamp::from_millis(0) + seconds / divisor)
}

/// Parses a date of HTTP (RFC 9110 section 5.6.7).
pub(crate) fn of_http(text: &str) -> Option<Timestamp> {
    let date = httpdate::parse_http_date(text).ok()?;
    let since_epoch = date.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(Timestamp::from_millis(0) + since_epoch)
}

/// Parses a date of ISO 8601. Without a time zone it counts as UTC: Laravel writes `2026-11-30 15:00:00`.
fn of_iso(text: &str) -> Option<Timestamp> {
    let text = text.replacen(' ', "T", 1);
    let parse = |text: &str| OffsetDateTime::parse(text, &Iso8601::PARSING).ok();
    let date = parse(&text).or_else(|| parse(&format!("{text}Z")))?;
    let millis = date.unix_timestamp_nanos() / 1_000_000;
    i64::try_from(millis).ok().map(Timestamp::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_in_several_ways() {
        let expected = Some(Timestamp::from_millis(784_111_777_000));
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "1994-11-06T08:49:37Z",
            " 1994-11-06T08:49:37.000Z",
            "1994-11-06T09:49:37+01:00",
            "19941106T084937Z",
            "1994-11-06T08:49:37",
            "1994-11-06 08:49:37",
            "1994-11-06 08:49:37.000000",
            "1994-11-06 08:49:37Z",
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
        let minute = Some(Timestamp::from_millis(784_111_740_000));
        assert_eq!(parse("1994-11-06T08:49Z"), minute);
        for none in [
            "",
            "3600",
            "soon",
            "1994-11-06",
            "1994 11 06",
            "later today",
        ] {
            assert_eq!(parse(none), None, "{none}");
        }
    }

    #[test]
    fn unix_times_are_in_seconds_or_milliseconds() {
        let unix = |seconds| of_unix(Duration::from_secs(seconds));
        let expected = Some(Timestamp::from_millis(1_800_000_030_000));
        assert_eq!(unix(1_800_000_030), expected);
        assert_eq!(unix(1_800_000_030_000), expected);
        assert_eq!(unix(999_999_999), None);
    }
}
