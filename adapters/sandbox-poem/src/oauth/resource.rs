//! Resources that require an access token (RFC 6750).

use std::sync::Arc;

use poem::web::Data;
use poem::{Request, Response, handler};
use serde_json::json;

use super::error::OAuthError;
use super::secret_json;
use crate::app::App;
use crate::model::Person;

const CHALLENGE: &str = r#"Bearer realm="sandbox""#;
const INVALID: &str = r#"Bearer realm="sandbox", error="invalid_token""#;

/// `GET /userinfo`
#[handler]
pub(crate) fn userinfo(
    Data(app): Data<&Arc<App>>,
    request: &Request,
) -> Result<Response, OAuthError> {
    let person = bearer(app, request)?;
    Ok(secret_json(&json!({
        "sub": person.subject(),
        "name": person.name(),
        "preferred_username": person.username(),
    })))
}

/// `GET /api/hello`: shows that the access token works.
#[handler]
pub(crate) fn hello(Data(app): Data<&Arc<App>>, request: &Request) -> Result<Response, OAuthError> {
    let person = bearer(app, request)?;
    let message = format!("Hello, {}! Your access token works.", person.name());
    Ok(secret_json(
        &json!({ "message": message, "sub": person.subject() }),
    ))
}

fn bearer(app: &App, request: &Request) -> Result<Person, OAuthError> {
    let header = request.header("authorization").unwrap_or_default();
    let (scheme, token) = header.split_once(' ').unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("bearer") {
        // Without a token in the request, the challenge contains no error code (RFC 6750 section 3.1).
        let problem = "an access token is needed";
        return Err(OAuthError::invalid_token(CHALLENGE, problem));
    }
    let state = app.state();
    let person = state.families.person(token.trim(), app.now());
    person.cloned().ok_or_else(|| {
        let problem = "the access token is unknown, expired or revoked";
        OAuthError::invalid_token(INVALID, problem)
    })
}
