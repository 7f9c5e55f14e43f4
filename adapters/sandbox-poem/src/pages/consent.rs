//! The pages where a person consents or declines, and sees the result.

use std::sync::Arc;

use askama::Template;
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};

use super::page::{DeadEnd, go_to, page};
use super::visitor::Visitor;
use crate::app::App;
use crate::model::{Outcome, UserCode};
use crate::oauth::{Form, Params};
use crate::options::CLIENT_NAME;

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage<'a> {
    csrf: &'a str,
    user_code: &'a UserCode,
    client: &'a str,
    person: &'a str,
    scopes: &'a [(String, &'static str)],
}

#[derive(Template)]
#[template(path = "done.html")]
struct DonePage<'a> {
    client: &'a str,
    is_allowed: bool,
}

/// Returns the user code in the fields of a page.
pub(super) fn user_code(params: &Params) -> Result<UserCode, DeadEnd> {
    UserCode::parse(params.first("user_code")).ok_or(DeadEnd::UnknownCode)
}

/// `GET /consent`: redirects to `/login` if nobody is logged in, and to `/done` if the decision was made.
#[handler]
pub(crate) fn ask_consent(Data(app): Data<&Arc<App>>, request: &Request) -> poem::Result<Response> {
    let code = user_code(&Params::of_query(request))?;
    let Some(scopes) = waiting(app, &code)? else {
        return Ok(go_to("/done", &code));
    };
    let visitor = Visitor::welcome(app, request);
    let Some(person) = &visitor.person else {
        return Ok(visitor.remember(go_to("/login", &code)));
    };
    page(
        StatusCode::OK,
        &ConsentPage {
            csrf: &visitor.csrf,
            user_code: &code,
            client: CLIENT_NAME,
            person: &person.name(),
            scopes: &scopes,
        },
    )
}

/// `POST /consent`
#[handler]
pub(crate) fn take_consent(
    Data(app): Data<&Arc<App>>,
    request: &Request,
    Form(form): Form,
) -> poem::Result<Response> {
    let code = user_code(&form)?;
    let visitor = Visitor::of_form(app, request, &form)?;
    let Some(person) = visitor.person else {
        return Ok(go_to("/login", &code));
    };
    let allowed = match form.first("decision") {
        "allow" => Some(person),
        "deny" => None,
        _ => return Err(DeadEnd::NoDecision.into()),
    };
    let now = app.now();
    // If the person has already decided in another browser, this decision is ignored, and `/done` shows the first one.
    app.state().flows.decide(&code, allowed, now);
    Ok(go_to("/done", &code))
}

/// `GET /done`
#[handler]
pub(crate) fn done(Data(app): Data<&Arc<App>>, request: &Request) -> poem::Result<Response> {
    let code = user_code(&Params::of_query(request))?;
    let is_allowed = match outcome(app, &code)? {
        Outcome::Waiting => return Ok(go_to("/consent", &code)),
        Outcome::Allowed => true,
        Outcome::Denied => false,
    };
    page(
        StatusCode::OK,
        &DonePage {
            client: CLIENT_NAME,
            is_allowed,
        },
    )
}

fn outcome(app: &App, code: &UserCode) -> Result<Outcome, DeadEnd> {
    let now = app.now();
    let mut state = app.state();
    let (_, outcome) = state.flows.find(code, now).ok_or(DeadEnd::UnknownCode)?;
    Ok(outcome)
}

/// Returns the requested scopes with explanations, or `None` if the decision was made.
fn waiting(app: &App, code: &UserCode) -> Result<Option<Vec<(String, &'static str)>>, DeadEnd> {
    let now = app.now();
    let mut state = app.state();
    let (request, outcome) = state.flows.find(code, now).ok_or(DeadEnd::UnknownCode)?;
    let explained = request
        .scopes
        .iter()
        .map(|scope| (scope.clone(), meaning(scope)));
    Ok((outcome == Outcome::Waiting).then(|| explained.collect()))
}

fn meaning(scope: &str) -> &'static str {
    match scope {
        "profile" => "see your name",
        "hello" => "be greeted in your name by the sandbox",
        "offline_access" => "go on while you are away",
        _ => "something that only its name tells",
    }
}
