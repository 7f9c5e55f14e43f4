//! The page at `/device`: a person enters a link code, sees who asks, and continues to the provider.
//!
//! | file | what it does |
//! | --- | --- |
//! | [`show`] | `GET /device`: the form, or this browser's link |
//! | [`answer`] | `POST /device`: look up, confirm, cancel |
//! | [`consent`] | starts the provider's flow, with retries |
//! | [`callback`] | `GET /callback/{provider}`: the provider sends the browser back |
//! | [`progress`] | the page of a link that this browser confirmed |
//! | [`status`] | `GET /device/status`: its status in one word, for the script |
//! | [`refused`] | error pages |
//! | [`cookie`] | identifies the browser |
//! | [`prefetch`] | detects prefetching |

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
mod show;
mod site;
mod status;
mod templates;
#[cfg(test)]
mod tests;
mod visit;
mod words;

use std::sync::Arc;

use central_oauth_domain::usecases::Consents;
use poem::{EndpointExt as _, Route, get};
use url::Url;

use site::Site;

/// Returns the routes of the pages: those of `/device`, and the callback.
pub(crate) fn routes(route: Route, consents: Arc<Consents>, public_url: &Url) -> Route {
    let site = Arc::new(Site::new(consents, public_url));
    let callback = get(callback::take)
        .data(Arc::clone(&site))
        .with(headers::private());
    let page = get(show::show)
        .post(answer::take)
        .data(Arc::clone(&site))
        .with(headers::private());
    let status = get(status::report).data(site).with(headers::private());
    let device = Route::new()
        .at("/", page)
        .at("/status", status)
        .at("/assets/:name", get(assets::serve));
    route
        .nest("/device", device)
        .at("/callback/:provider", callback)
}
