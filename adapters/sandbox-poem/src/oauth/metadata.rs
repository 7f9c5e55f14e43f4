//! Authorization server metadata (RFC 8414).

use std::sync::Arc;

use poem::web::Data;
use poem::{Response, handler};
use serde_json::json;

use super::DEVICE_CODE_GRANT;
use crate::app::App;

/// `GET /.well-known/oauth-authorization-server`
#[handler]
pub(crate) fn describe(Data(app): Data<&Arc<App>>) -> Response {
    let at = &app.endpoints;
    let methods: &[&str] = match app.options.client_secret {
        Some(_) => &["client_secret_basic", "client_secret_post"],
        None => &["none"],
    };
    let body = json!({
        "issuer": at.issuer,
        "device_authorization_endpoint": at.device_authorization,
        "token_endpoint": at.token,
        "userinfo_endpoint": at.userinfo,
        "revocation_endpoint": at.revocation,
        "grant_types_supported": [DEVICE_CODE_GRANT, "refresh_token"],
        "response_types_supported": [],
        "scopes_supported": ["profile", "hello"],
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
    });
    Response::builder()
        .content_type("application/json")
        .body(body.to_string())
}
