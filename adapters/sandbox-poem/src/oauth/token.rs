use std::sync::Arc;

use poem::web::Data;
use poem::{Request, Response, handler};
use serde_json::json;

use super::error::OAuthError;
use super::params::{Form, Params};
use super::{DEVICE_CODE_GRANT, client_auth, secret_json};
use crate::app::App;
use crate::model::{Fresh, Issued, PollRefusal, RefreshRefusal};
use crate::random;

/// `POST /token`
#[handler]
pub(crate) fn issue_tokens(
    Data(app): Data<&Arc<App>>,
    request: &Request,
    Form(params): Form,
) -> Result<Response, OAuthError> {
    client_auth::authenticate(&app.options, request, &params)?;
    let issued = match params.required("grant_type")? {
        DEVICE_CODE_GRANT => device_code(app, &params)?,
        "refresh_token" => refresh(app, &params, request)?,
        other => {
            let problem = format!("unsupported grant type: {other}");
            return Err(OAuthError::new("unsupported_grant_type", problem));
        }
    };
    Ok(secret_json(&json!({
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": issued.expires_in.as_secs(),
        "refresh_token": issued.refresh_token,
        "scope": issued.scopes.join(" "),
    })))
}

fn device_code(app: &App, params: &Params) -> Result<Issued, OAuthError> {
    let code = params.required("device_code")?;
    let (family, fresh) = (random::secret(), fresh());
    let now = app.now();
    let mut state = app.state();
    match state.flows.redeem(code, &family, now) {
        Ok(granted) => {
            let subject = granted.0.subject();
            let issued = state.families.start(&family, granted, fresh, now);
            if let Some(witness) = &app.witness {
                witness.started(&family, subject, &issued);
            }
            Ok(issued)
        }
        Err(refusal) => {
            if let PollRefusal::Redeemed { family } = &refusal {
                state.families.end(family);
            }
            Err(refusal.into())
        }
    }
}

fn refresh(app: &App, params: &Params, request: &Request) -> Result<Issued, OAuthError> {
    let presented = params.required("refresh_token")?;
    let (scopes, fresh) = (params.scopes()?, fresh());
    let mut state = app.state();
    // The call to the witness happens under the lock, so it gets the requests in the order of their decisions.
    let now = app.now();
    let outcome = state.families.refresh(presented, scopes, fresh, now);
    if let Some(witness) = &app.witness {
        witness.presented(request, presented, &outcome);
    }
    Ok(outcome?)
}

fn fresh() -> Fresh {
    Fresh {
        access: random::secret(),
        refresh: random::secret(),
    }
}

impl From<PollRefusal> for OAuthError {
    fn from(refusal: PollRefusal) -> Self {
        match refusal {
            PollRefusal::Unknown => Self::invalid_grant("no such device code"),
            PollRefusal::Pending => Self::new("authorization_pending", "nobody has decided yet"),
            PollRefusal::TooSoon => Self::new("slow_down", "wait five seconds longer each time"),
            PollRefusal::Denied => Self::new("access_denied", "the person declined"),
            PollRefusal::Expired => Self::new("expired_token", "the device code has expired"),
            PollRefusal::Redeemed { .. } => {
                Self::invalid_grant("the device code was redeemed before; its tokens are revoked")
            }
        }
    }
}

impl From<RefreshRefusal> for OAuthError {
    fn from(refusal: RefreshRefusal) -> Self {
        match refusal {
            RefreshRefusal::Unknown => Self::invalid_grant("no such refresh token"),
            RefreshRefusal::Expired => Self::invalid_grant("the refresh token has expired"),
            RefreshRefusal::Reused => Self::invalid_grant(
                "the refresh token was used before; all tokens of its family are revoked",
            ),
            RefreshRefusal::ScopeTooWide => {
                Self::new("invalid_scope", "the person did not consent to that scope")
            }
        }
    }
}
