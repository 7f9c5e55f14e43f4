//! `GET /device`.

use std::sync::Arc;

use central_oauth_domain::link::LinkCode;
use central_oauth_domain::usecases::Refusal;
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};
use url::form_urlencoded;

use super::site::Site;
use super::templates::Enter;
use super::visit::Visit;
use super::{progress, refused};

/// Shows this browser's link, or else the form. A code in the address is only filled in, so the page does not reveal
/// which codes exist.
#[handler]
pub(super) async fn show(request: &Request, Data(site): Data<&Arc<Site>>) -> Response {
    let visit = Visit::of(site, request);
    let code = code_of(request);
    own_link(&visit, code.as_ref())
        .await
        .unwrap_or_else(|refusal| refused::answer(&visit, refusal, code.as_ref()))
}

async fn own_link(visit: &Visit<'_>, code: Option<&LinkCode>) -> Result<Response, Refusal> {
    let link = match code {
        Some(code) if visit.is_known() => {
            let confirmed = visit.consents().confirmed_by(code.digits(), &visit.browser);
            confirmed.await?.map(|view| (view, code))
        }
        _ => None,
    };
    Ok(match link {
        Some((view, code)) => progress::page(visit, &view, code, StatusCode::OK),
        None => form(visit, code),
    })
}

fn form(visit: &Visit<'_>, code: Option<&LinkCode>) -> Response {
    let code = code.map(LinkCode::grouped).unwrap_or_default();
    let page = Enter {
        t: visit.texts,
        frame: &visit.site.frame,
        csrf: &visit.csrf,
        code: &code,
        problem: None,
        notice: None,
    };
    visit.page(StatusCode::OK, &page)
}

/// Returns the code of the address, if it is well-formed.
pub(super) fn code_of(request: &Request) -> Option<LinkCode> {
    let query = request.uri().query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "code")
        .and_then(|(_, code)| LinkCode::parse(&code).ok())
}
