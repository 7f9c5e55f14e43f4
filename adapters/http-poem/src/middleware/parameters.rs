//! Rejects repeated query parameters, because the sender and the service could read different values. Also rejects
//! unknown parameters of lists and of the deletion of a key, because a misspelt filter or `descendants` would be
//! ignored silently.

use std::collections::BTreeSet;

use poem::Request;
use poem_openapi::registry::{MetaParamIn, MetaPath};
use url::form_urlencoded;

use super::methods::documented;
use crate::auth::shows_bearer;
use crate::error::Problem;

/// Rejects repeated query parameters, and unknown ones where the module says so, before the key is checked. Skips
/// requests without a bearer token: they get 401, because every operation with query parameters needs a key.
pub(crate) fn check_parameters(request: &Request) -> Result<(), Problem> {
    let query = request.uri().query().unwrap_or_default();
    if query.is_empty() || !shows_bearer(request.headers()) {
        return Ok(());
    }
    let Some(path) = documented(request.uri().path()) else {
        return Ok(());
    };
    let known = parameters(path);
    let mut seen = BTreeSet::new();
    for (name, _) in form_urlencoded::parse(query.as_bytes()) {
        if !known.contains(&*name) {
            if known.contains("cursor") || known.contains("descendants") {
                return Err(Problem::unknown_parameter(&name, &known));
            }
        } else if !seen.insert(name.clone()) {
            return Err(Problem::bad_parameter(&name, "it comes twice"));
        }
    }
    Ok(())
}

fn parameters(path: &MetaPath) -> BTreeSet<&str> {
    let parameters = path.operations.iter().flat_map(|op| &op.params);
    let of_query = parameters.filter(|parameter| parameter.in_type == MetaParamIn::Query);
    of_query.map(|parameter| parameter.name.as_str()).collect()
}
