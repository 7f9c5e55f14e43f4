//! The gate that every request and response of a program passes.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use poem::http::StatusCode;
use poem::{Endpoint, IntoResponse as _, Request, Response};
use serde_json::json;
use url::form_urlencoded;

use crate::faults::Verdict;
use crate::ledger::Delivery;
use crate::plan::{Fate, Fault, Illness, Place};
use crate::watch::Watch;

/// Data about one request, shared by the gate and the endpoint.
#[derive(Default)]
pub(crate) struct Visit {
    /// The connection of the request.
    pub(crate) connection: Option<u64>,
    /// The position of the request in the ledger, if the ledger has recorded it.
    pub(crate) entry: OnceLock<usize>,
}

/// Passes a request on to the rules and applies a random fault to the response. If the client disconnects in between, the
/// ledger shows the response as unsent.
pub(crate) async fn pass<E: Endpoint>(
    watch: Arc<Watch>,
    next: Arc<E>,
    mut request: Request,
) -> poem::Result<Response> {
    let Some(place) = Place::at(request.uri().path()) else {
        return next.call(request).await.map(|out| out.into_response());
    };
    let line = watch.lines.of(request.remote_addr());
    let refresh_token = match place {
        Place::Token => refresh_token_in(&mut request).await,
        _ => None,
    };
    let Verdict::Up(fate) = watch.faults.judge(place) else {
        record_rejection(&watch, refresh_token.as_deref(), None);
        watch.cut(line.as_deref());
        return Ok(StatusCode::SERVICE_UNAVAILABLE.into_response());
    };
    let visit = Arc::new(Visit {
        connection: line.as_ref().map(|line| line.number),
        ..Visit::default()
    });
    request.extensions_mut().insert(Arc::clone(&visit));
    let answer = match refresh_token.and_then(|token| refuse_the_ill(&watch, &token)) {
        Some(refusal) => refusal,
        None => next.get_response(request).await,
    };
    let is_gone = || line.as_ref().is_some_and(|line| line.has_ended());
    if let (Some(line), true) = (&line, is_gone()) {
        // The ledger ignores the end of a connection on which it has recorded no refresh token. If the connection ended
        // before this request was recorded, its end must be recorded now.
        watch.ledger().closed(line.number, watch.now());
    }
    if !fate.delay.is_zero() {
        tokio::time::sleep(fate.delay).await;
    }
    let answer = spoil(answer, fate).await;
    if fate.fault == Some(Fault::Lost) {
        watch.cut(line.as_deref());
    }
    if let (Some(entry), false) = (visit.entry.get(), is_gone()) {
        let mut ledger = watch.ledger();
        ledger.answered(*entry, delivery(fate), watch.now());
    }
    Ok(answer)
}

/// Returns the refresh token in the form that the request contains. The endpoint can still read the body.
async fn refresh_token_in(request: &mut Request) -> Option<String> {
    let body = request.take_body().into_vec().await.unwrap_or_default();
    let mut fields = form_urlencoded::parse(&body);
    let found = fields.find(|(name, _)| name == "refresh_token");
    let token = found.map(|(_, token)| token.into_owned());
    request.set_body(body);
    token
}

/// Records a refresh request that is rejected whatever its refresh token is.
fn record_rejection(watch: &Watch, refresh_token: Option<&str>, retry_after: Option<Duration>) {
    if let Some(token) = refresh_token {
        watch.ledger().refused(token, retry_after, watch.now());
    }
}

/// Rejects the refresh if the person has an [`Illness`].
fn refuse_the_ill(watch: &Watch, refresh_token: &str) -> Option<Response> {
    let illness = {
        let ledger = watch.ledger();
        watch.faults.illness(ledger.person_of(refresh_token)?)?
    };
    record_rejection(watch, Some(refresh_token), illness.retry_after());
    let (status, code) = match illness {
        Illness::RateLimited(_) => (StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded"),
        Illness::ServerError => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
    };
    let description = "this person's tokens cannot be refreshed at present";
    let body = json!({ "error": code, "error_description": description });
    let mut response = Response::builder()
        .status(status)
        .content_type("application/json")
        .header("cache-control", "no-store");
    if let Some(wait) = illness.retry_after() {
        response = response.header("retry-after", wait.as_secs());
    }
    Some(response.body(body.to_string()))
}

const fn delivery(fate: Fate) -> Delivery {
    match fate.fault {
        Some(_) => Delivery::Lost,
        None => Delivery::Sent,
    }
}

async fn spoil(answer: Response, fate: Fate) -> Response {
    let json = |status, body: &'static str| {
        let answer = Response::builder().status(status);
        answer.content_type("application/json").body(body)
    };
    match fate.fault {
        // For `Lost`, `pass` cuts the connection, so nothing is sent.
        None | Some(Fault::Lost) => answer,
        Some(Fault::Html) => Response::builder()
            .content_type("text/html; charset=utf-8")
            .body("<!doctype html><title>Welcome</title><p>Please accept our cookies."),
        Some(Fault::Truncated) => truncate(answer).await,
        Some(Fault::ErrorWith200) => json(
            StatusCode::OK,
            r#"{"error":"temporarily_unavailable","error_description":"try again later"}"#,
        ),
        Some(Fault::ServerError) => json(StatusCode::BAD_GATEWAY, r#"{"error":"server_error"}"#),
    }
}

async fn truncate(mut answer: Response) -> Response {
    let body = answer.take_body().into_vec().await.unwrap_or_default();
    let half = body[..body.len() / 2].to_vec();
    answer.set_body(half);
    answer
}
