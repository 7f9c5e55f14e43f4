//! The headers of every answer.

use std::sync::Arc;

use poem::http::{HeaderName, HeaderValue, header};
use poem::{Endpoint, IntoResponse as _, Request, Response, Result};

/// What an answer says unless it says otherwise itself. Nothing is kept by caches, for most answers hold a secret or
/// change by the second; an answer that a browser shows as a page brings a policy of its own.
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

/// Adds the headers that an answer lacks.
pub(crate) async fn secure<E: Endpoint>(next: Arc<E>, request: Request) -> Result<Response> {
    let mut response = next.call(request).await?.into_response();
    for (name, value) in DEFAULTS {
        let value = HeaderValue::from_static(value);
        response.headers_mut().entry(name).or_insert(value);
    }
    Ok(response)
}
