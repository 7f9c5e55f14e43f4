use std::future::ready;
use std::sync::Arc;

use central_oauth_domain::cidr::Cidr;
use central_oauth_domain::usecases::Services;
use futures_util::TryFutureExt as _;
use futures_util::future::{BoxFuture, Either};
use poem::endpoint::{BoxEndpoint, DynEndpoint};
use poem::{Endpoint, Error, IntoEndpoint as _, PathPattern, Request, Response, Result, Route};
use url::{Host, Url};

use crate::host;
use crate::middleware::{Shell, check_parameters, in_time, to_its_end};
use crate::operator_details::OperatorDetails;
use crate::presented::PresentedJwt;
use crate::requests::Requests;
use crate::{api, docs, pages};

/// The path prefixes of the API: its own, and those that OAuth clients expect.
const API: [&str; 3] = [V1, "/oauth", "/.well-known"];
/// The prefix of the service's own API. A workload may send its JWT as the bearer token only below this prefix. At
/// `/oauth/token`, the JWT is a form parameter.
const V1: &str = "/v1";

/// Settings of the HTTP interface besides the services.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// The public URL of this service.
    pub public_url: Url,
    /// The allowed hosts of pages and anonymous POSTs, besides loopback names. `None` allows any host.
    pub allowed_hosts: Option<Vec<Host>>,
    /// The proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<Cidr>,
    /// The operator's name, contact and logo.
    pub operator: OperatorDetails,
}

/// Returns the whole service as an endpoint that never fails: errors become problem responses (RFC 9457).
///
/// Reports requests to `requests`. No response allows cross-origin reads (CORS): clients are programs and do not need
/// them, and a web page that calls the API could leak its key.
pub fn app(
    services: Arc<Services>,
    settings: HttpSettings,
    requests: Option<Arc<dyn Requests>>,
) -> impl Endpoint<Output = Response> + 'static {
    let public_url = settings.public_url;
    let docs = docs::routes(&public_url);
    let pages = pages::routes(docs, Arc::clone(&services), &public_url, settings.operator);
    let api = api::service(api::new(Arc::clone(&services), &public_url));
    Shell {
        is_https: public_url.scheme() == "https",
        routes: Routes {
            api: api.into_endpoint(),
            others: Arc::new(pages),
            services,
            public_url,
            allowed_hosts: settings.allowed_hosts,
        },
        trusted_proxies: settings.trusted_proxies,
        requests,
    }
}

/// The routes. The API routes are not nested in the other routes, because nesting would parse the URL of each request
/// again.
struct Routes {
    api: BoxEndpoint<'static>,
    others: Arc<Route>,
    services: Arc<Services>,
    public_url: Url,
    allowed_hosts: Option<Vec<Host>>,
}

impl DynEndpoint for Routes {
    type Output = Response;

    fn call(&self, mut request: Request) -> BoxFuture<'_, Result<Response>> {
        let allowed = self.allowed_hosts.as_deref();
        if let Err(foreign) = host::check(allowed, &request, &self.public_url) {
            return Box::pin(ready(Err(foreign.into())));
        }
        let path = request.uri().path();
        let part = API.into_iter().find(|part| host::is_below(path, part));
        let Some(part) = part else {
            if !pages::may_change(&request) {
                return Box::pin(self.others.call(request));
            }
            // A person may close the tab while the service still stores what the page has sent.
            let others = Arc::clone(&self.others);
            return Box::pin(to_its_end(async move { others.call(request).await }));
        };
        let workloads = &self.services.workloads;
        let presented = (part == V1).then(|| PresentedJwt::of(&mut request, workloads));
        let answer = match check_parameters(&request) {
            Ok(()) => Either::Left(DynEndpoint::call(&*self.api, request)),
            Err(problem) => Either::Right(ready(Err(problem.into()))),
        };
        let of_part = |mut error: Error| {
            if error.data::<PathPattern>().is_none() {
                error.set_data(PathPattern(part.into()));
            }
            error
        };
        let answer = answer.map_err(of_part);
        match presented.flatten() {
            None => Box::pin(in_time(answer).map_err(of_part)),
            Some(presented) => {
                let recorded = presented.await_and_record(workloads, answer);
                Box::pin(in_time(recorded).map_err(of_part))
            }
        }
    }
}
