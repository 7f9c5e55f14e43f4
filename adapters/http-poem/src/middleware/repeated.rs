//! Rejects query parameters that come twice, because the sender and the service could read different ones.

use std::collections::BTreeSet;

use poem::Request;
use poem_openapi::registry::{MetaParamIn, MetaPath};
use url::form_urlencoded;

use super::methods::documented;
use crate::auth::shows_bearer;
use crate::error::Problem;

/// Rejects a request with a documented query parameter that comes twice, before its key is checked. Operations with
/// parameters need a key; a request without one gets 401 instead.
pub(crate) fn reject_repeated(request: &Request) -> Result<(), Problem> {
    let query = request.uri().query().unwrap_or_default();
    if !query.contains('&') || !shows_bearer(request.headers()) {
        return Ok(());
    }
    let Some(path) = documented(request.uri().path()) else {
        return Ok(());
    };
    let mut seen = BTreeSet::new();
    let sent = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
    let mut repeated = sent.filter(|name| is_parameter(path, name) && !seen.insert(name.clone()));
    match repeated.next() {
        None => Ok(()),
        Some(name) => Err(Problem::bad_parameter(&name, "it comes twice")),
    }
}

fn is_parameter(path: &MetaPath, name: &str) -> bool {
    let mut parameters = path.operations.iter().flat_map(|op| &op.params);
    parameters.any(|it| it.in_type == MetaParamIn::Query && it.name == name)
}
