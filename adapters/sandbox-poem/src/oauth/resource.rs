//! Resources that require an access token (RFC 6750).

use std::fmt;
use std::sync::Arc;

use poem::error::ResponseError;
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};
use serde_json::json;

use super::secret_json;
use crate::app::App;
use crate::model::Person;

/// `GET /userinfo`
#[handler]
pub(crate) fn userinfo(
    Data(app): Data<&Arc<App>>,
    request: &Request,
) -> Result<Response, Unauthorized> {
    let person = bearer(app, request)?;
    Ok(secret_json(&json!({
        "sub": person.subject(),
        "name": person.name(),
        "preferred_username": person.username(),
    })))
}

/// `GET /api/hello`: shows that the access token works.
#[handler]
pub(crate) fn hello(
    Data(app): Data<&Arc<App>>,
    request: &Request,
) -> Result<Response, Unauthorized> {
    let person = bearer(app, request)?;
    let message = format!("Hello, {}! Your access token works.", person.name());
    Ok(secret_json(
        &json!({ "message": message, "sub": person.subject() }),
    ))
}

fn bearer(app: &App, request: &Request) -> Result<Person, Unauthorized> {
    let header = request.header("authorization").unwrap_or_default();
    let (scheme, token) = header.split_once(' ').unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Unauthorized::NoToken);
    }
    let state = app.state();
    let person = state.families.person(token.trim(), app.now());
    person.cloned().ok_or(Unauthorized::InvalidToken)
}

/// A 401 response. If the request had no token, the challenge contains no error code (RFC 6750 section 3.1).
#[derive(Debug)]
pub(crate) enum Unauthorized {
    NoToken,
    InvalidToken,
}

impl fmt::Display for Unauthorized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoToken => "an access token is needed",
            Self::InvalidToken => "the access token is unknown, expired or revoked",
        })
    }
}

impl std::error::Error for Unauthorized {}

impl ResponseError for Unauthorized {
    fn status(&self) -> StatusCode {
        StatusCode::UNAUTHORIZED
    }

    fn as_response(&self) -> Response {
        let challenge = match self {
            Self::NoToken => r#"Bearer realm="sandbox""#.to_owned(),
            Self::InvalidToken => format!(
                r#"Bearer realm="sandbox", error="invalid_token", error_description="{self}""#
            ),
        };
        let body = json!({ "error": "invalid_token", "error_description": self.to_string() });
        Response::builder()
            .status(self.status())
            .content_type("application/json")
            .header("www-authenticate", challenge)
            .header("cache-control", "no-store")
            .body(body.to_string())
    }
}
