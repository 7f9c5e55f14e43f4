//! `HEAD` responds like `GET` without the body, and changes nothing (RFC 9110 section 9.3.2).

use poem::Request;
use poem::http::Method;

#[derive(Clone, Copy)]
struct Head;

/// Marks `HEAD` requests, because the router passes them on as `GET`.
pub(crate) fn note_head(request: &mut Request) {
    if request.method() == Method::HEAD {
        request.set_data(Head);
    }
}

/// Whether a request handled as `GET` was a `HEAD`, which must not change anything.
pub(crate) fn is_head(request: &Request) -> bool {
    request.data::<Head>().is_some()
}
