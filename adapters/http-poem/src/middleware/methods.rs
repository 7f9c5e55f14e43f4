//! Methods of an address, for the `Allow` header of a 405.

use std::sync::LazyLock;

use poem::http::Method;
use poem_openapi::OpenApi as _;

use crate::api::Api;

/// The documented addresses with their methods.
static OPERATIONS: LazyLock<Vec<(String, Vec<Method>)>> = LazyLock::new(|| {
    let paths = Api::meta().into_iter().flat_map(|api| api.paths);
    paths
        .map(|path| {
            let methods = path.operations.into_iter().map(|op| op.method);
            (path.path, methods.collect())
        })
        .collect()
});

/// Returns the `Allow` header of an address.
pub(super) fn allowed(path: &str) -> String {
    let documented = OPERATIONS.iter().find(|(known, _)| matches(known, path));
    let methods = match (documented, path) {
        (Some((_, methods)), _) => methods.as_slice(),
        (None, "/admin/logout") => &[Method::POST],
        (None, "/device" | "/device/" | "/admin/login") => &[Method::GET, Method::POST],
        (None, _) if is_action(path) || is_relink(path) => &[Method::GET, Method::POST],
        (None, _) => &[Method::GET],
    };
    let mut names: Vec<&str> = methods.iter().map(Method::as_str).collect();
    if methods.contains(&Method::GET) {
        names.push(Method::HEAD.as_str());
    }
    names.join(", ")
}

/// Whether an address is that of something which operators can do to an account.
fn is_action(path: &str) -> bool {
    let account = path.strip_prefix("/admin/accounts/");
    account.is_some_and(|rest| rest.contains('/'))
}

/// Whether an address is one at which a person starts a relink.
fn is_relink(path: &str) -> bool {
    let value = path.strip_prefix("/device/relink/");
    value.is_some_and(|value| !value.contains('/'))
}

/// Returns the documented template of an address; `None` if it is unknown.
pub(super) fn documented(path: &str) -> Option<&'static str> {
    let mut templates = OPERATIONS.iter().map(|(path, _)| path.as_str());
    templates.find(|template| matches(template, path))
}

/// Converts a route pattern to the document's notation; undocumented patterns stay as they are.
pub(super) fn template(pattern: &str) -> &str {
    documented(pattern).unwrap_or_else(|| match pattern.trim_end_matches('/') {
        "" => pattern,
        bare => bare,
    })
}

/// Whether an address matches a template such as `/v1/accounts/{id}`.
pub(super) fn matches(template: &str, path: &str) -> bool {
    let (mut known, mut asked) = (template.split('/'), path.split('/'));
    loop {
        match (known.next(), asked.next()) {
            (None, None) => return true,
            (Some(known), Some(asked)) if known == asked || known.starts_with('{') => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_named_as_documented() {
        assert_eq!(template("/v1/poll/:param0"), "/v1/poll/{link_code}");
        assert_eq!(template("/device/"), "/device");
        assert_eq!(template("/"), "/");
        assert_eq!(
            documented("/v1/poll/12345678"),
            Some("/v1/poll/{link_code}")
        );
        assert_eq!(documented("/anything"), None);
    }

    #[test]
    fn every_address_names_its_methods() {
        assert_eq!(allowed("/v1/link-code"), "POST");
        assert_eq!(allowed("/v1/poll/12345678"), "GET, HEAD");
        assert_eq!(allowed("/openapi.json"), "GET, HEAD");
        assert_eq!(allowed("/device"), "GET, POST, HEAD");
        assert_eq!(allowed("/admin/logout"), "POST");
        assert_eq!(allowed("/admin/accounts/1"), "GET, HEAD");
        assert_eq!(allowed("/admin/accounts/1/revoke"), "GET, POST, HEAD");
    }
}
