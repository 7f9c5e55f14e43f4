//! The documented paths, and the methods of each path for the `Allow` header of a 405.

use std::sync::LazyLock;

use poem_openapi::OpenApi as _;
use poem_openapi::registry::MetaPath;

use crate::api::Api;

static PATHS: LazyLock<Vec<MetaPath>> = LazyLock::new(|| {
    let paths = Api::meta().into_iter().flat_map(|api| api.paths);
    paths.collect()
});

pub(super) fn allowed(path: &str) -> String {
    let mut methods = match (documented(path), path) {
        (Some(path), _) => path
            .operations
            .iter()
            .map(|op| op.method.as_str())
            .collect(),
        (None, "/admin/logout") => vec!["POST"],
        (None, "/device" | "/device/" | "/admin/login") => vec!["GET", "POST"],
        (None, _) if is_action(path) || is_relink(path) => vec!["GET", "POST"],
        (None, _) => vec!["GET"],
    };
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.join(", ")
}

/// Whether this is the path of an operator's action on an account.
fn is_action(path: &str) -> bool {
    let account = path.strip_prefix("/admin/accounts/");
    account.is_some_and(|rest| rest.contains('/'))
}

/// Whether this is the path of a relink URL.
fn is_relink(path: &str) -> bool {
    let value = path.strip_prefix("/device/relink/");
    value.is_some_and(|value| !value.contains('/'))
}

/// Returns the documented path that matches, or `None`.
pub(super) fn documented(path: &str) -> Option<&'static MetaPath> {
    PATHS.iter().find(|known| matches(&known.path, path))
}

/// Converts a route pattern to the document's notation. Undocumented patterns only lose a trailing slash.
pub(super) fn template(pattern: &str) -> &str {
    match (documented(pattern), pattern.trim_end_matches('/')) {
        (Some(known), _) => &known.path,
        (None, "") => pattern,
        (None, bare) => bare,
    }
}

/// Whether a path matches a template such as `/v1/accounts/{id}`.
fn matches(template: &str, path: &str) -> bool {
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
        assert_eq!(template("/v1/poll/12345678"), "/v1/poll/{link_code}");
        assert!(documented("/anything").is_none());
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
