//! Routes and middleware, put together.

use std::sync::Arc;

use central_oauth_domain::usecases::Services;
use ipnet::IpNet;
use poem::{Endpoint, EndpointExt as _, Response, Route};
use url::Url;

use crate::connections::Connections;
use crate::requests::Requests;
use crate::{address, api, docs, middleware, pages};

/// What the HTTP surface needs to know beyond the services.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// The address that people and clients know this service by.
    pub public_url: Url,
    /// The proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The connections over which requests come.
    pub connections: Connections,
}

/// The whole service as an endpoint that never fails: what goes wrong is answered as a problem (RFC 9457).
///
/// No answer allows another origin to read it (CORS): the clients are programs, which do not ask, and a web page that
/// could call the API from a person's browser is one more that could leak a key.
pub fn app(
    services: Arc<Services>,
    settings: HttpSettings,
) -> impl Endpoint<Output = Response> + 'static {
    watched_app(services, settings, Arc::new(()))
}

/// The same, with somebody who keeps count.
pub fn watched_app(
    services: Arc<Services>,
    settings: HttpSettings,
    requests: Arc<dyn Requests>,
) -> impl Endpoint<Output = Response> + 'static {
    let HttpSettings {
        public_url,
        trusted_proxies,
        connections,
    } = settings;
    let proxies: Arc<[IpNet]> = trusted_proxies.into();
    routes(services, &public_url)
        .around(middleware::note_head)
        .around(move |next, request| middleware::protect(next, request, connections.clone()))
        .around(middleware::limit_body)
        .around(move |next, request| address::locate(next, request, Arc::clone(&proxies)))
        .around(middleware::answer_problems)
        .with(middleware::catch_panics())
        .around(middleware::secure)
        .around(move |next, request| middleware::trace(next, request, Arc::clone(&requests)))
}

fn routes(services: Arc<Services>, public_url: &Url) -> Route {
    let consents = Arc::clone(&services.consents);
    let api = api::service(api::new(services, public_url));
    let api = api.around(middleware::hurry);
    let route = docs::routes().nest_no_strip("/v1", api);
    pages::routes(route, consents, public_url)
}
