use poem::http::{HeaderMap, HeaderName, HeaderValue, header};

/// Default headers of responses. Nothing is cached, because most responses contain a secret or change quickly.
/// Responses that a browser shows as a page set their own policy.
const DEFAULTS: [(HeaderName, &str); 5] = [
    (header::CACHE_CONTROL, "no-store"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
];

/// Makes browsers use https for a year (RFC 6797).
const HTTPS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Adds the headers that a response lacks.
pub(super) fn secure(headers: &mut HeaderMap, is_https: bool) {
    // Also reserves space for the request id, so that the map grows only once.
    headers.reserve(DEFAULTS.len() + 2);
    if is_https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HTTPS_ONLY);
    }
    for (name, value) in DEFAULTS {
        let value = HeaderValue::from_static(value);
        headers.entry(name).or_insert(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_keep_to_https_where_the_service_has_it() {
        for is_https in [true, false] {
            let mut headers = HeaderMap::new();
            secure(&mut headers, is_https);
            let has_header = headers.contains_key(header::STRICT_TRANSPORT_SECURITY);
            assert_eq!(has_header, is_https);
        }
    }
}
