//! `HEAD` answers as `GET` would, without the body, and changes nothing (RFC 9110 section 9.3.2).

use std::sync::Arc;

use poem::http::Method;
use poem::{Endpoint, Request, Result};

/// What a request carries that came as `HEAD`.
#[derive(Clone, Copy)]
struct Head;

/// Notes that a request is a `HEAD`: the router passes it on as a `GET`.
pub(crate) async fn note_head<E: Endpoint>(
    next: Arc<E>,
    mut request: Request,
) -> Result<E::Output> {
    if request.method() == Method::HEAD {
        request.set_data(Head);
    }
    next.call(request).await
}

/// Whether a request that is handled as a `GET` came as `HEAD`, so that it must leave everything as it is.
pub(crate) fn is_head(request: &Request) -> bool {
    request.data::<Head>().is_some()
}
