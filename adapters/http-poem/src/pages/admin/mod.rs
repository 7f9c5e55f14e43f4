//! The pages at `/admin`: an operator logs in, sees the state of accounts, providers and replicas, and acts.
//!
//! The rules of the API apply: each handler calls the same service as the API, with the operator as the caller.
//!
//! | file | what it does |
//! | --- | --- |
//! | [`login`] | logs operators in and out |
//! | [`desk`] | a request of an operator who has logged in, and its response |
//! | [`accounts`], [`account`] | the list of accounts, and one account with its keys |
//! | [`actions`] | refresh, delete and revoke |
//! | [`relinks`] | ask the person of an account to consent again |
//! | [`keys`] | make and delete keys |
//! | [`revocations`] | the list of revocations |
//! | [`service`] | providers and replicas |
//! | [`templates`] | data that several pages have in common |
//! | [`qr`] | draws QR codes |

mod account;
mod accounts;
mod actions;
mod desk;
mod keys;
mod login;
mod qr;
mod relinks;
mod revocations;
mod service;
mod templates;

use std::future::ready;
use std::sync::Arc;

use central_oauth_domain::usecases::Services;
use poem::{Endpoint, EndpointExt as _, Response, Route, get, post};

use actions::Words;

use super::assets;
use super::cookie::BrowserCookie;
use super::headers;
use super::site::Site;
use crate::middleware::answer_error;

/// The state that all requests to the admin pages share.
struct AdminSite {
    services: Arc<Services>,
    /// The site of `/device`. The admin pages use its public URL and its assets.
    device: Arc<Site>,
    cookie: BrowserCookie,
    /// The path of the admin pages.
    base: String,
    style: String,
}

impl AdminSite {
    fn new(services: Arc<Services>, device: Arc<Site>) -> Self {
        let below = device.public_url.path().trim_end_matches('/');
        Self {
            base: format!("{below}/admin"),
            style: assets::address(&device.frame.page, &assets::ADMIN_STYLE),
            cookie: BrowserCookie::of_session(&device.public_url),
            services,
            device,
        }
    }
}

pub(super) fn routes(
    services: Arc<Services>,
    device: Arc<Site>,
) -> impl Endpoint<Output = Response> {
    let site = Arc::new(AdminSite::new(services, device));
    Route::new()
        .at("/", get(accounts::list))
        .at("/login", get(login::show).post(login::log_in))
        .at("/logout", post(login::log_out))
        .at("/accounts/:id", get(account::show))
        .at(
            "/accounts/:id/refresh",
            asked(actions::REFRESH, actions::refresh),
        )
        .at(
            "/accounts/:id/relink",
            asked(relinks::CODE, relinks::make_code),
        )
        .at(
            "/accounts/:id/relink-link",
            asked(relinks::LINK, relinks::make_link),
        )
        .at(
            "/accounts/:id/revoke",
            asked(actions::REVOKE, actions::revoke),
        )
        .at(
            "/accounts/:id/keys/new",
            get(keys::ask_new).post(keys::create),
        )
        .at(
            "/accounts/:id/keys/:key/delete",
            get(keys::ask_delete).post(keys::delete),
        )
        .at("/revocations", get(revocations::list))
        .at("/service", get(service::state))
        .data(site)
        // Error pages are returned as errors, and need the headers too.
        .catch_all_error(|error| ready(answer_error(error)))
        .with(headers::private())
}

/// Returns the endpoint of an action on an account. `GET` asks for confirmation with `words`, `POST` performs `action`.
fn asked(words: Words<'static>, action: impl Endpoint + 'static) -> impl Endpoint {
    get(actions::ask).post(action).data(words)
}
