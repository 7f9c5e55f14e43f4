//! The pause that a provider asks for.

use std::time::Duration;

use central_oauth_domain::Timestamp;
use reqwest::header::HeaderMap;

use super::{Fields, date};

/// Maximum pause, whatever a server says.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Headers with a pause in seconds or a date (RFC 9110 section 10.2.3). Some servers use `X-Retry-After`.
const PAUSES: [&str; 2] = ["retry-after", "x-retry-after"];

/// Headers with the number of remaining requests, each with the header for its reset: the IETF draft "RateLimit header
/// fields for HTTP" (03), Discord's "Rate Limits", GitHub's "Rate limits for the REST API", Okta's "Rate limits",
/// Fitbit's "Rate Limits".
const LIMITS: [(&str, &str); 5] = [
    ("ratelimit-remaining", "ratelimit-reset"),
    ("x-ratelimit-remaining", "x-ratelimit-reset-after"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("x-rate-limit-remaining", "x-rate-limit-reset"),
    ("fitbit-rate-limit-remaining", "fitbit-rate-limit-reset"),
];

/// Returns the pause of a failed response: `Retry-After`, or else the reset of an exhausted rate limit. If the pause
/// ends at a point in time, it is counted from the `Date` of the response (if any), because this machine's clock may be
/// wrong.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let now = text("date").and_then(date::parse).unwrap_or(now);
    let named = PAUSES.iter().find_map(|name| pause(text(name)?, now));
    named.or_else(|| {
        let mut resets = LIMITS
            .iter()
            .filter(|(count, _)| is_used_up(headers, count));
        resets.find_map(|(_, reset)| pause(text(reset)?, now))
    })
}

/// Returns the pause in the body of a failed response, in seconds (Discord's "Rate Limits", Cloudflare's "Error 1xxx").
/// It is used if the headers have no pause.
pub(super) fn retry_after_in(fields: &Fields) -> Option<Duration> {
    Some(fields.seconds("retry_after")?.min(LONGEST))
}

/// Whether the header says that no requests remain. Reddit writes `0.0`.
pub(crate) fn is_used_up(headers: &HeaderMap, count: &str) -> bool {
    let text = headers.get(count).and_then(|count| count.to_str().ok());
    let count = text.and_then(|count| count.trim().parse::<f64>().ok());
    count.is_some_and(|count| count <= 0.0)
}

/// Parses a date, seconds from now, or a Unix time.
fn pause(text: &str, now: Timestamp) -> Option<Duration> {
    let seconds = seconds(text).map(duration);
    let at = seconds.map_or_else(|| date::parse(text), date::of_unix);
    let pause = at.map(|at| at.since(now)).or(seconds)?;
    Some(pause.min(LONGEST))
}

/// Parses a number, perhaps with its unit (`20s`). If a proxy has joined two headers (`20, 20`), the first counts.
fn seconds(text: &str) -> Option<f64> {
    let first = text.split(',').next()?.trim_end();
    let is_number = first.starts_with(|c: char| c.is_ascii_digit());
    let number = first.trim_end_matches(char::is_alphabetic);
    let unit = first.strip_prefix(number)?;
    let is_seconds = ["", "s", "sec", "secs", "second", "seconds"].contains(&unit);
    let number = number.trim_end().parse().ok();
    number.filter(|_| is_number && is_seconds)
}

/// Returns the longest duration for a number that is too large, because RFC 9110 section 10.2.3 allows any length.
fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sun, 06 Nov 1994 08:49:07 GMT: thirty seconds before the date in RFC 9110.
    const NOW: Timestamp = Timestamp::from_millis(784_111_747_000);
    const THIRTY: Option<Duration> = Some(Duration::from_secs(30));

    fn read(headers: &[(&'static str, &str)]) -> Option<Duration> {
        let parsed = headers.iter().map(|(name, value)| {
            let name = reqwest::header::HeaderName::from_static(name);
            (name, value.parse().expect("a header"))
        });
        retry_after(&parsed.collect(), NOW)
    }

    #[test]
    fn seconds_and_dates() {
        assert_eq!(read(&[("retry-after", "30")]), THIRTY);
        assert_eq!(read(&[("x-retry-after", "30")]), THIRTY);
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(read(&[("retry-after", date)]), THIRTY);
        assert_eq!(read(&[("x-retry-after", date)]), THIRTY);
        let past = read(&[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")]);
        assert_eq!(past, Some(Duration::ZERO));
        assert_eq!(read(&[("retry-after", "1e19")]), Some(LONGEST));
        let far = read(&[("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT")]);
        assert_eq!(far, Some(LONGEST));
        assert_eq!(read(&[("retry-after", "later")]), None);
        assert_eq!(read(&[("retry-after", "-5")]), None);
        for huge in ["9".repeat(23), "9".repeat(400)] {
            assert_eq!(read(&[("retry-after", &huge)]), Some(LONGEST), "{huge}");
        }
        for thirty in ["30, 30", "30,60", "30s", "30 seconds", "30.0"] {
            assert_eq!(read(&[("retry-after", thirty)]), THIRTY, "{thirty}");
        }
        for none in ["30m", "inf", "NaN", "", ",30", "30s later"] {
            assert_eq!(read(&[("retry-after", none)]), None, "{none}");
        }
        let both = [("retry-after", "later"), ("x-retry-after", "30")];
        assert_eq!(read(&both), THIRTY, "the one that can be read");
    }

    #[test]
    fn exhausted_limits_give_a_pause() {
        for (remaining, reset) in LIMITS {
            assert_eq!(read(&[(remaining, "0"), (reset, "30")]), THIRTY);
            assert_eq!(read(&[(remaining, "1"), (reset, "30")]), None);
            assert_eq!(read(&[(reset, "30")]), None);
        }
        let both = [
            ("retry-after", "30"),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "60"),
        ];
        assert_eq!(read(&both), THIRTY);
        let now = Timestamp::from_millis(1_800_000_000_000);
        assert_eq!(pause("1800000030", now), THIRTY);
        assert_eq!(pause("1700000000", now), Some(Duration::ZERO));
        assert_eq!(pause("1800000030000", now), THIRTY, "milliseconds");
    }

    // Reddit writes the number of remaining requests as a decimal. Discord writes the reset in seconds. Atlassian ("Rate
    // limiting") writes the reset as an ISO 8601 date.
    #[test]
    fn limits_are_written_in_several_ways() {
        for (remaining, reset, when) in [
            ("x-ratelimit-remaining", "x-ratelimit-reset", "30.0"),
            ("x-ratelimit-remaining", "x-ratelimit-reset-after", "30.0"),
            (
                "x-ratelimit-remaining",
                "x-ratelimit-reset",
                "1994-11-06T08:49:37Z",
            ),
        ] {
            for none_left in ["0.0", "-1", " 0"] {
                let headers = [(remaining, none_left), (reset, when)];
                assert_eq!(read(&headers), THIRTY, "{headers:?}");
            }
            assert_eq!(read(&[(remaining, "0.5"), (reset, when)]), None);
            assert_eq!(read(&[(remaining, "none"), (reset, when)]), None);
        }
        assert_eq!(read(&[("retry-after", "1994-11-06T08:49:37Z")]), THIRTY);
    }

    #[test]
    fn the_server_s_clock_decides_when_its_time_has_come() {
        let date = ("date", "Sun, 06 Nov 1994 10:00:00 GMT");
        let http = ("retry-after", "Sun, 06 Nov 1994 10:00:30 GMT");
        assert_eq!(read(&[date, http]), THIRTY, "our clock is behind");
        let date = ("date", "Sun, 06 Nov 1994 06:00:00 GMT");
        let http = ("retry-after", "Sun, 06 Nov 1994 06:00:30 GMT");
        assert_eq!(read(&[date, http]), THIRTY, "our clock is ahead");
        assert_eq!(read(&[date, ("retry-after", "30")]), THIRTY);
        let broken = ("date", "yesterday");
        let http = ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(read(&[broken, http]), THIRTY);
    }
}
