//! Headers of every response.

use std::sync::Arc;

use poem::http::{HeaderName, HeaderValue, header};
use poem::{Endpoint, IntoResponse as _, Request, Response, Result};

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
pub(crate) async fn secure<E: Endpoint>(next: Arc<E>, request: Request) -> Result<Response> {
    let mut response = next.call(request).await?.into_response();
    for (name, value) in DEFAULTS {
        let value = HeaderValue::from_static(value);
        response.headers_mut().entry(name).or_insert(value);
    }
    Ok(response)
}
