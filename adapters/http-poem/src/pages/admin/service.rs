//! Providers, replicas and receivers of webhooks.

use askama::Template;
use central_oauth_domain::usecases::ServiceState;
use poem::{Response, handler};

use super::desk::Desk;
use super::templates::Status;
use crate::pages::visit::Visit;

#[derive(Template)]
#[template(path = "admin/service.html")]
struct Service<'a> {
    visit: &'a Visit<'a>,
    desk: &'a Desk<'a>,
    state: ServiceState,
}

/// `GET /admin/service`.
#[handler]
pub(super) async fn state(mut desk: Desk<'_>) -> Response {
    let state = desk.services().overview.state(desk.caller()).await;
    if let Ok(state) = &state {
        // The page shows times relative to this later moment, because a replica may have checked in after the request
        // arrived.
        desk.now = state.now;
    }
    desk.answer(state.map(|state| {
        desk.page(&Service {
            visit: &desk.visit,
            desk: &desk,
            state,
        })
    }))
}
