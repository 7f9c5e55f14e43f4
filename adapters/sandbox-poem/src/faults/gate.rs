//! The gate that every request and response of a program passes.

use std::sync::{Arc, OnceLock};

use poem::http::StatusCode;
use poem::{Endpoint, IntoResponse as _, Request, Response};
use url::form_urlencoded;

use super::Verdict;
use super::plan::{Fate, Fault, Place};
use crate::app::App;
use crate::model::Delivery;

/// Data about one request, shared by the gate and the endpoint.
#[derive(Default)]
pub(crate) struct Visit {
    /// The connection of the request.
    pub(crate) connection: Option<u64>,
    /// Its entry in the ledger, if it has one.
    pub(crate) entry: OnceLock<usize>,
}

/// Passes a request on to the rules and applies a random fault to the response. If the client disconnects in between, the
/// ledger shows the response as unsent.
pub(crate) async fn pass<E: Endpoint>(
    app: Arc<App>,
    next: Arc<E>,
    mut request: Request,
) -> poem::Result<Response> {
    let Some(place) = Place::at(request.uri().path()) else {
        return next.call(request).await.map(|out| out.into_response());
    };
    let line = app.lines.of(request.remote_addr());
    let Verdict::Up(fate) = app.faults.judge(place) else {
        if place == Place::Token {
            note_turned_away(&app, &mut request).await;
        }
        app.cut(line.as_deref());
        return Ok(StatusCode::SERVICE_UNAVAILABLE.into_response());
    };
    let visit = Arc::new(Visit {
        connection: line.as_ref().map(|line| line.number),
        ..Visit::default()
    });
    request.extensions_mut().insert(Arc::clone(&visit));
    let answer = next.get_response(request).await;
    let is_gone = || line.as_ref().is_some_and(|line| line.has_ended());
    if let (Some(line), true) = (&line, is_gone()) {
        // The connection may have ended before the ledger knew about the request.
        app.closed(line.number);
    }
    if !fate.delay.is_zero() {
        tokio::time::sleep(fate.delay).await;
    }
    let answer = spoil(answer, fate).await;
    if fate.fault == Some(Fault::Lost) {
        app.cut(line.as_deref());
    }
    if let (Some(entry), false) = (visit.entry.get(), is_gone()) {
        app.answered(*entry, delivery(fate));
    }
    Ok(answer)
}

/// Records a refresh request during an outage.
async fn note_turned_away(app: &App, request: &mut Request) {
    let body = request.take_body().into_vec().await.unwrap_or_default();
    let mut fields = form_urlencoded::parse(&body);
    if let Some((_, token)) = fields.find(|(name, _)| name == "refresh_token") {
        app.turned_away(&token, None);
    }
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
        // Sends nothing: the connection is cut.
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
