//! Assembles routes and middleware.

use std::sync::Arc;

use central_oauth_domain::usecases::Services;
use ipnet::IpNet;
use poem::{Endpoint, EndpointExt as _, Response, Route};
use url::Url;

use crate::connections::Connections;
use crate::requests::Requests;
use crate::{address, api, docs, middleware, pages};

/// Settings of the HTTP interface besides the services.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// The public address of this service.
    pub public_url: Url,
    /// The proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// The connections over which requests come.
    pub connections: Connections,
}

/// Returns the whole service as an endpoint that never fails: errors become problem responses (RFC 9457).
///
/// No response allows cross-origin reads (CORS). Clients are programs, which do not need it, and a web page that can call
/// the API could leak a key.
pub fn app(
    services: Arc<Services>,
    settings: HttpSettings,
) -> impl Endpoint<Output = Response> + 'static {
    watched_app(services, settings, Arc::new(()))
}

/// As [`app`], and reports requests to `requests`.
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
    let api = api.around(middleware::request_timeout);
    let route = docs::routes().nest_no_strip("/v1", api);
    pages::routes(route, consents, public_url)
}
