//! Logs operators in and out.

use std::sync::Arc;

use askama::Template;
use central_oauth_domain::secret::AccessKey;
use central_oauth_domain::usecases::Refusal;
use poem::error::NotFoundError;
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Body, Request, Response, Result, handler};

use super::AdminSite;
use super::desk::{Desk, Sent};
use crate::address::client_address;
use crate::error::{Problem, set_retry_after};
use crate::pages::form::Fields;
use crate::pages::see_other;
use crate::pages::visit::Visit;

/// The form for an operator's key.
#[derive(Template)]
#[template(path = "admin/login.html")]
struct Login<'a> {
    visit: &'a Visit<'a>,
    site: &'a AdminSite,
    /// Whether the browser has sent a form after its session had ended.
    was_logged_out: bool,
    problem: Option<&'a str>,
}

/// The query of the login page for a browser that has sent a form without a session.
pub(super) const LOGGED_OUT: &str = "logged_out";

/// `GET /admin/login`.
#[handler]
pub(super) async fn show(
    request: &Request,
    desk: Option<Desk<'_>>,
    Data(site): Data<&Arc<AdminSite>>,
) -> Result<Response> {
    require_open(site)?;
    if desk.is_some() {
        return Ok(see_other(&site.base));
    }
    let visit = Visit::of(&site.device, request).in_english();
    let page = Login {
        visit: &visit,
        site,
        was_logged_out: Fields::of_query(request).get(LOGGED_OUT).is_some(),
        problem: None,
    };
    Ok(visit.page(StatusCode::OK, &page))
}

/// `POST /admin/login`.
#[handler]
pub(super) async fn log_in(
    request: &Request,
    body: Body,
    Data(site): Data<&Arc<AdminSite>>,
) -> Result<Response> {
    require_open(site)?;
    let visit = Visit::of(&site.device, request).in_english();
    let fields = match Fields::read(request, body).await {
        Ok(fields) => fields,
        Err(why) => return Ok(form(site, &visit, why.status(), Some(why.detail()))),
    };
    if let Some(why) = visit.distrust(fields.csrf()) {
        tracing::debug!(?why, "login rejected");
        let text = "The form was not accepted. Allow cookies for this site, then try again.";
        return Ok(form(site, &visit, StatusCode::FORBIDDEN, Some(text)));
    }
    let key = AccessKey::new(fields.get("key").unwrap_or_default().trim());
    let sessions = &site.services.admin_sessions;
    Ok(match sessions.log_in(&key, client_address(request)).await {
        Ok(token) => site.cookie.set(see_other(&site.base), &token),
        Err(refusal) => refused(site, &visit, refusal),
    })
}

/// `POST /admin/logout`.
#[handler]
pub(super) async fn log_out(Sent { desk, .. }: Sent<'_>) -> Response {
    let sessions = &desk.services().admin_sessions;
    let out = sessions
        .log_out(&desk.who, &desk.visit.browser, desk.visit.address)
        .await;
    let login = see_other(&format!("{}/login", desk.site.base));
    desk.answer(out.map(|()| desk.site.cookie.delete(login)))
}

/// Fails with 404 if nobody can log in.
fn require_open(site: &AdminSite) -> Result<()> {
    match site.services.admin_sessions.is_open() {
        true => Ok(()),
        false => Err(NotFoundError.into()),
    }
}

fn refused(site: &AdminSite, visit: &Visit<'_>, refusal: Refusal) -> Response {
    let words = match &refusal {
        Refusal::Unauthorized(_) => Some("This key is not an operator's."),
        Refusal::TooManyUnknownKeys(_) => {
            Some("Too many wrong keys from your network. The right key still works.")
        }
        _ => None,
    };
    let problem = Problem::from(refusal);
    let words = words.unwrap_or_else(|| problem.detail());
    let mut response = form(site, visit, problem.status(), Some(words));
    set_retry_after(&mut response, problem.wait());
    response
}

fn form(
    site: &AdminSite,
    visit: &Visit<'_>,
    status: StatusCode,
    problem: Option<&str>,
) -> Response {
    let page = Login {
        visit,
        site,
        was_logged_out: false,
        problem,
    };
    visit.page(status, &page)
}
