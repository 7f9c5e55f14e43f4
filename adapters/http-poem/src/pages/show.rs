//! `GET /device`.

use std::sync::Arc;

use central_oauth_domain::link::LinkCode;
use central_oauth_domain::text::presentable;
use central_oauth_domain::usecases::Refusal;
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};
use url::form_urlencoded;

use super::site::Site;
use super::templates::{Enter, Notice};
use super::texts::Text;
use super::visit::Visit;
use super::{progress, refused};

/// Shows this browser's link, or else the form. A code in the query is only filled in and not looked up, so the page
/// does not reveal which codes exist.
#[handler]
pub(super) async fn show(request: &Request, Data(site): Data<&Arc<Site>>) -> Response {
    let visit = Visit::of(site, request);
    let code = code_of(request);
    own_link(&visit, code.as_ref())
        .await
        .unwrap_or_else(|refusal| refused::answer(&visit, refusal, code.as_ref()))
}

async fn own_link(visit: &Visit<'_>, code: Option<&LinkCode>) -> Result<Response, Refusal> {
    if let Some(code) = code
        && let Some(view) = visit.own_link(code).await?
    {
        return Ok(progress::page(visit, &view, code, StatusCode::OK));
    }
    let code = code.map(LinkCode::digits).unwrap_or_default();
    Ok(enter(visit, StatusCode::OK, code, None, None))
}

/// Shows the form for a code, with the typed text.
pub(super) fn enter(
    visit: &Visit<'_>,
    status: StatusCode,
    typed: &str,
    problem: Option<Text>,
    notice: Option<Notice>,
) -> Response {
    const MAX_SHOWN: usize = 40;
    let code = match LinkCode::parse(typed) {
        Ok(code) => code.grouped(),
        Err(_) => presentable(typed).chars().take(MAX_SHOWN).collect(),
    };
    let page = Enter {
        visit,
        code: &code,
        problem,
        notice,
    };
    visit.page(status, &page)
}

/// Returns the code in the query, if it is well-formed.
pub(super) fn code_of(request: &Request) -> Option<LinkCode> {
    let query = request.uri().query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "code")
        .and_then(|(_, code)| LinkCode::parse(&code).ok())
}
