//! `GET /callback/{provider}`: a provider sends the browser back (RFC 6749 section 4.1.2).

use std::sync::Arc;

use central_oauth_domain::secret::CallbackQuery;
use central_oauth_domain::usecases::{Callback, Refusal};
use poem::web::{Data, Path};
use poem::{Request, Response, handler};
use url::form_urlencoded;

use super::refused;
use super::site::Site;
use super::visit::Visit;

/// Longer than any code of a provider.
const MOST_BYTES: usize = 8192;

/// Takes what the browser brought, and shows how its link stands. That answer is a redirect, so that reloading repeats
/// nothing and the code leaves the address bar.
#[handler]
pub(super) async fn take(
    request: &Request,
    Path(provider): Path<String>,
    Data(site): Data<&Arc<Site>>,
) -> Response {
    let visit = Visit::of(site, request);
    let query = request.uri().query().unwrap_or_default();
    if query.len() > MOST_BYTES {
        let refusal = Refusal::ForeignCallback("the answer of the provider is too long");
        return refused::answer(&visit, refusal, None);
    }
    let callback = Callback {
        provider: &provider,
        state: &state_of(query),
        query: CallbackQuery::new(query),
    };
    let broker = visit.broker();
    match broker.take_callback(&callback, &visit.browser).await {
        Ok(code) => visit.to_link(&code),
        Err(refusal) => refused::answer(&visit, refusal, None),
    }
}

fn state_of(query: &str) -> String {
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "state")
        .map(|(_, state)| state.into_owned())
        .unwrap_or_default()
}
