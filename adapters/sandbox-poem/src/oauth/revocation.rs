//! Revocation (RFC 7009).

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, handler};

use super::client_auth;
use super::error::OAuthError;
use super::params::Form;
use crate::app::App;

/// `POST /revoke`. Ignores `token_type_hint`, because the prefix of a token shows its type.
#[handler]
pub(crate) fn revoke(
    Data(app): Data<&Arc<App>>,
    request: &Request,
    Form(params): Form,
) -> Result<StatusCode, OAuthError> {
    client_auth::authenticate(&app.options, request, &params)?;
    let token = params.required("token")?;
    app.state().families.revoke(token);
    Ok(StatusCode::OK)
}
