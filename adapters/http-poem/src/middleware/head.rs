//! `HEAD` responds like `GET` without the body, and changes nothing (RFC 9110 section 9.3.2).

use std::sync::Arc;

use poem::http::Method;
use poem::{Endpoint, Request, Result};

/// Marks a `HEAD` request.
#[derive(Clone, Copy)]
struct Head;

/// Marks `HEAD` requests, because the router passes them on as `GET`.
pub(crate) async fn note_head<E: Endpoint>(
    next: Arc<E>,
    mut request: Request,
) -> Result<E::Output> {
    if request.method() == Method::HEAD {
        request.set_data(Head);
    }
    next.call(request).await
}

/// Whether a request handled as `GET` was a `HEAD`, which must not change anything.
pub(crate) fn is_head(request: &Request) -> bool {
    request.data::<Head>().is_some()
}
