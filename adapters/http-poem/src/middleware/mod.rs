//! Middleware for every request and response. One endpoint does all of it, because each of poem's wrappers would move
//! the large request once more.

mod headers;
mod limit_body;
mod methods;
mod panics;
mod parameters;
mod problems;
mod timeout;
mod to_its_end;
mod trace;

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;

use central_oauth_domain::cidr::Cidr;
use futures_util::FutureExt as _;
use poem::endpoint::DynEndpoint;
use poem::{Endpoint, Request, Response, Result};
use tracing::Instrument as _;

use crate::address::locate;
use crate::connections::handling;
use crate::error::translate;
use crate::head::note_head;
use crate::requests::Requests;
pub(crate) use parameters::check_parameters;
pub(crate) use problems::answer as answer_error;
pub(crate) use timeout::in_time;
pub(crate) use to_its_end::to_its_end;
use trace::RequestInProgress;
pub(crate) use trace::id_of;

/// The routes with all middleware. This endpoint never fails: errors become problem responses.
pub(crate) struct Shell<R> {
    pub(crate) routes: R,
    pub(crate) trusted_proxies: Vec<Cidr>,
    pub(crate) requests: Option<Arc<dyn Requests>>,
    /// Whether people reach the service by https.
    pub(crate) is_https: bool,
}

impl<R: DynEndpoint<Output = Response>> Endpoint for Shell<R> {
    type Output = Response;

    // Neither this method nor `handle` is an `async fn`, because its future would hold the request twice.
    fn call(&self, mut request: Request) -> impl Future<Output = Result<Response>> + Send {
        let (in_progress, span) = RequestInProgress::begin(&mut request, self.requests.as_ref());
        let challenge = problems::challenge(request.headers());
        let handled = AssertUnwindSafe(self.handle(request)).catch_unwind();
        let handled = handled.instrument(span);
        async move {
            let mut handled = pin!(handled);
            let mut response = match handled.as_mut().await {
                Ok(Ok(response)) => response,
                Ok(Err(error)) => handled.span().in_scope(|| problems::answer(error)),
                Err(panic) => handled.span().in_scope(|| panics::answer(&*panic)),
            };
            translate(in_progress.path(), &mut response);
            problems::complete(&mut response, in_progress.path(), challenge);
            headers::secure(response.headers_mut(), self.is_https);
            in_progress.answered(&mut response);
            Ok(response)
        }
    }
}

impl<R: DynEndpoint<Output = Response>> Shell<R> {
    fn handle(&self, mut request: Request) -> impl Future<Output = Result<Response>> {
        note_head(&mut request);
        async move {
            locate(&mut request, &self.trusted_proxies);
            limit_body::limit_body(&mut request).await?;
            // The whole request has arrived, so from now on its connection cannot be evicted.
            let _handling = handling(&request);
            self.routes.call(request).await
        }
    }
}
