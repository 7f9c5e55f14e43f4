//! The pages at `/device` for people, and those at `/admin` for operators. At `/device`, a person enters a link code,
//! sees which program requests access, and continues to the provider.
//!
//! | file | what it does |
//! | --- | --- |
//! | [`show`] | `GET /device`: the form, or this browser's link |
//! | [`answer`] | `POST /device`: look up, confirm, cancel, disown |
//! | [`consent`] | starts the provider's flow, with retries |
//! | [`callback`] | `GET /callback/{provider}`: the provider sends the browser back |
//! | [`progress`] | the page of a link that this browser confirmed |
//! | [`relink`] | `/device/relink/{value}`: a person starts a relink of their account |
//! | [`status`] | `GET /device/status`: the status of this browser's link, for the script |
//! | [`refused`] | error pages |
//! | [`cookie`] | identifies the browser |
//! | [`prefetch`] | detects prefetching |
//! | [`texts`] | the texts, in the language of the browser |
//! | [`admin`] | the pages at `/admin` |

mod admin;
mod answer;
mod assets;
mod callback;
mod consent;
mod cookie;
mod form;
mod headers;
mod prefetch;
mod progress;
mod refused;
mod relink;
mod show;
mod site;
mod status;
mod templates;
#[cfg(test)]
mod tests;
mod texts;
mod visit;
mod words;

use std::sync::Arc;

use central_oauth_domain::usecases::Services;
use poem::endpoint::make_sync;
use poem::http::{Method, StatusCode, header};
use poem::{EndpointExt as _, Request, Response, Route, get};
use url::Url;

use crate::operator_details::OperatorDetails;
use assets::Asset;
use site::Site;

/// Whether a request may change something: a form, or a callback from a provider.
pub(crate) fn may_change(request: &Request) -> bool {
    let is_safe = [Method::GET, Method::HEAD].contains(request.method());
    !is_safe || request.uri().path().starts_with("/callback/")
}

/// Returns the routes of the pages: those of `/device` and `/admin`, and the callback. `/` redirects to `/device`.
pub(crate) fn routes(
    route: Route,
    services: Arc<Services>,
    public_url: &Url,
    operator: OperatorDetails,
) -> Route {
    let (consents, links) = (Arc::clone(&services.consents), Arc::clone(&services.links));
    let logo = operator.logo.as_ref().map(Asset::from);
    let site = Arc::new(Site::new(consents, public_url, operator, logo.as_ref()));
    let admin = admin::routes(services, Arc::clone(&site));
    let start = site.frame.page.clone();
    let callback = get(callback::take)
        .post(callback::refuse_form)
        .data(Arc::clone(&site))
        .with(headers::private());
    let page = get(show::show)
        .post(answer::take)
        .data(Arc::clone(&site))
        .with(headers::private());
    let relink = get(relink::show)
        .post(relink::start)
        .data(Arc::clone(&site))
        .data(links)
        .with(headers::private());
    let status = get(status::report).data(site).with(headers::private());
    let device = Route::new()
        .at("/", page)
        .at("/status", status)
        .at("/relink/:value", relink)
        .at("/assets/:name", get(assets::serve).data(Arc::new(logo)));
    route
        .at("/", get(make_sync(move |_| see_other(&start))))
        .nest("/admin", admin)
        .nest("/device", device)
        .at("/callback/:provider", callback)
}

/// Redirects a browser to another page.
fn see_other(address: &str) -> Response {
    Response::builder()
        .status(StatusCode::SEE_OTHER)
        .header(header::LOCATION, address)
        .finish()
}
