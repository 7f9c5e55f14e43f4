//! The device authorization endpoint (RFC 8628 section 3.1).

use std::sync::Arc;

use poem::web::Data;
use poem::{Request, Response, handler};
use serde_json::json;

use super::error::OAuthError;
use super::params::Form;
use super::{client_auth, secret_json};
use crate::app::App;
use crate::model::{self, UserCode};
use crate::options::DEVICE_CODE_TTL;
use crate::random;

const DEFAULT_SCOPES: [&str; 2] = ["profile", "hello"];

/// `POST /device_authorization`: starts a flow.
#[handler]
pub(crate) fn start_flow(
    Data(app): Data<&Arc<App>>,
    request: &Request,
    Form(params): Form,
) -> Result<Response, OAuthError> {
    client_auth::authenticate(&app.options, request, &params)?;
    let scopes = params.scopes()?;
    let asked = model::Request {
        user_code: UserCode::from_number(random::number()),
        scopes: scopes.unwrap_or_else(|| DEFAULT_SCOPES.map(str::to_owned).to_vec()),
    };
    let user_code = asked.user_code.to_string();
    let device_code = random::secret();
    let started = app
        .state()
        .flows
        .start(device_code.clone(), asked, app.now());
    started.map_err(|_| OAuthError::busy())?;

    let verification = &app.endpoints.verification;
    Ok(secret_json(&json!({
        "device_code": device_code,
        "user_code": user_code,
        "verification_uri": verification,
        "verification_uri_complete": format!("{verification}?user_code={user_code}"),
        "expires_in": DEVICE_CODE_TTL.as_secs(),
        "interval": app.options.interval.as_secs(),
    })))
}
