//! Rejects query parameters that come twice, because the sender and the service could read different ones.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use poem::Request;
use poem_openapi::OpenApi as _;
use poem_openapi::registry::{MetaParamIn, MetaPath};
use url::form_urlencoded;

use super::methods::matches;
use super::problems::bad_parameter;
use crate::api::Api;
use crate::auth::shows_bearer;
use crate::error::Problem;

/// The documented addresses with their query parameters.
static QUERIES: LazyLock<Vec<(String, BTreeSet<String>)>> = LazyLock::new(|| {
    let paths = Api::meta().into_iter().flat_map(|api| api.paths);
    paths.map(|path| (path.path.clone(), names(path))).collect()
});

fn names(path: MetaPath) -> BTreeSet<String> {
    let parameters = path.operations.into_iter().flat_map(|op| op.params);
    let queried = parameters.filter(|it| it.in_type == MetaParamIn::Query);
    queried.map(|it| it.name).collect()
}

/// Rejects a request with a documented query parameter that comes twice. Operations with parameters need a key, and without
/// one nothing else is looked at.
pub(crate) fn reject_repeated(request: &Request) -> Result<(), Problem> {
    let query = request.uri().query().unwrap_or_default();
    if !query.contains('&') || !shows_bearer(request.headers()) {
        return Ok(());
    }
    let path = request.uri().path();
    let Some((_, known)) = QUERIES.iter().find(|(known, _)| matches(known, path)) else {
        return Ok(());
    };
    let mut seen = BTreeSet::new();
    let sent = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
    let mut repeated = sent.filter(|name| known.contains(&**name) && !seen.insert(name.clone()));
    match repeated.next() {
        None => Ok(()),
        Some(name) => Err(bad_parameter(&name, "it comes twice")),
    }
}
