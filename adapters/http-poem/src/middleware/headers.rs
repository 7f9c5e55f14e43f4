//! Headers of every response.

use poem::http::{HeaderMap, HeaderName, HeaderValue, header};

/// Default headers. Nothing is cached, because most responses contain a secret or change quickly. Responses that a
/// browser shows as a page set their own policy.
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

/// Adds the headers that a response lacks.
pub(super) fn secure(headers: &mut HeaderMap) {
    // And the request id: the map grows once.
    headers.reserve(DEFAULTS.len() + 1);
    for (name, value) in DEFAULTS {
        let value = HeaderValue::from_static(value);
        headers.entry(name).or_insert(value);
    }
}
