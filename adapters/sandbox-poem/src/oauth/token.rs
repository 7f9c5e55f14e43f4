//! The token endpoint.

use std::sync::Arc;

use poem::web::Data;
use poem::{Request, Response, handler};
use serde_json::json;

use super::error::OAuthError;
use super::params::{Form, Params};
use super::{DEVICE_CODE_GRANT, client_auth, secret_json};
use crate::app::{App, State};
use crate::faults::Visit;
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
        "refresh_token" => refresh(app, &params, request.data::<Arc<Visit>>())?,
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
    let (family, fresh) = (random::secret()?, fresh()?);
    let now = app.now();
    let mut state = app.state();
    match state.flows.redeem(code, &family, now) {
        Ok(granted) => {
            let subject = granted.0.subject();
            let issued = state.families.start(&family, granted, fresh, now);
            if let Some(ledger) = &mut state.ledger {
                ledger.started(&family, subject, &issued, now);
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

fn refresh(app: &App, params: &Params, visit: Option<&Arc<Visit>>) -> Result<Issued, OAuthError> {
    let presented = params.required("refresh_token")?;
    refuse_the_ill(app, presented)?;
    let (scopes, fresh) = (params.scopes()?, fresh()?);
    let mut state = app.state();
    // Answers waiting requests in the order of the ledger.
    let now = app.now();
    let State {
        families, ledger, ..
    } = &mut *state;
    let outcome = families.refresh(presented, scopes, fresh, now);
    if let Some(ledger) = ledger {
        let connection = visit.and_then(|visit| visit.connection);
        let entry = ledger.presented(presented, &outcome, connection, now);
        if let (Some(visit), Some(entry)) = (visit, entry) {
            // Set once, because a request presents one refresh token.
            let _ = visit.entry.set(entry);
        }
    }
    Ok(outcome?)
}

/// Rejects the refresh of a person, see [`Illness`](crate::Illness).
fn refuse_the_ill(app: &App, presented: &str) -> Result<(), OAuthError> {
    let illness = {
        let state = app.state();
        let person = state.ledger.as_ref().and_then(|it| it.person_of(presented));
        person.and_then(|person| app.faults.illness(person))
    };
    let Some(illness) = illness else {
        return Ok(());
    };
    app.turned_away(presented, illness.retry_after());
    Err(OAuthError::ill(illness))
}

fn fresh() -> Result<Fresh, OAuthError> {
    Ok(Fresh {
        access: random::secret()?,
        refresh: random::secret()?,
    })
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
