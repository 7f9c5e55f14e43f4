//! When a provider wants to be asked again.

use std::time::{Duration, SystemTime};

use central_oauth_domain::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// No pause is longer than this, whatever a server says.
const LONGEST: Duration = Duration::from_secs(86_400);

/// `Retry-After` (RFC 9110 section 10.2.3): seconds, or a date. Some servers name it `X-Retry-After`.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = headers
        .get(RETRY_AFTER)
        .or_else(|| headers.get("x-retry-after"))?;
    let text = value.to_str().ok()?.trim();
    let pause = match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok()?,
        Err(_) => at(httpdate::parse_http_date(text).ok()?)?.since(now),
    };
    Some(pause.min(LONGEST))
}

fn at(date: SystemTime) -> Option<Timestamp> {
    let since_epoch = date.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(Timestamp::from_millis(0) + since_epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates() {
        // Sun, 06 Nov 1994 08:49:07 GMT: thirty seconds before the date in RFC 9110.
        let now = Timestamp::from_millis(784_111_747_000);
        let read = |name: &'static str, value: &'static str| {
            let header = (name.parse(), value.parse());
            let (Ok(name), Ok(value)) = header as (Result<reqwest::header::HeaderName, _>, _)
            else {
                panic!("a header");
            };
            retry_after(&HeaderMap::from_iter([(name, value)]), now)
        };
        let thirty = Some(Duration::from_secs(30));
        assert_eq!(read("retry-after", "30"), thirty);
        assert_eq!(read("x-retry-after", "30"), thirty);
        assert_eq!(read("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"), thirty);
        let past = read("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT");
        assert_eq!(past, Some(Duration::ZERO));
        assert_eq!(read("retry-after", "1e19"), Some(LONGEST));
        let far = read("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(far, Some(LONGEST));
        assert_eq!(read("retry-after", "later"), None);
        assert_eq!(read("retry-after", "-5"), None);
    }
}
