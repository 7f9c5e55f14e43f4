//! What the log knows about a request, and the id that its answer carries.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use poem::http::{HeaderName, HeaderValue};

use poem::{Endpoint, PathPattern, Request, Response, Result};
use tokio::time::Instant;
use tracing::Instrument as _;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Runs a request inside a span with its id, and writes one line about it. The line names the route's pattern: paths
/// and queries hold link codes.
pub(crate) async fn trace<E: Endpoint>(next: Arc<E>, request: Request) -> Result<Response> {
    let id = request_id(&request);
    let span = tracing::info_span!("request", id = %id, method = %request.method());
    async move {
        let started = Instant::now();
        let mut response = next.get_response(request).await;
        let pattern = response.data::<PathPattern>();
        tracing::debug!(
            route = pattern.map_or("none", |pattern| &pattern.0),
            status = response.status().as_u16(),
            milliseconds = started.elapsed().as_millis(),
            "answered"
        );
        if let Ok(id) = HeaderValue::try_from(id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        Ok(response)
    }
    .instrument(span)
    .await
}

/// The id that came with the request, where it is one that we would write to a log; otherwise a new one.
fn request_id(request: &Request) -> String {
    let shown = request.header(REQUEST_ID).filter(|id| is_sane(id));
    shown.map_or_else(new_id, str::to_owned)
}

fn is_sane(id: &str) -> bool {
    let is_harmless = |b: u8| b.is_ascii_alphanumeric() || b"-_.:=".contains(&b);
    (1..=128).contains(&id.len()) && id.bytes().all(is_harmless)
}

/// A number under a hash whose key is new with every process: it need not be a secret, only differ from others.
fn new_id() -> String {
    static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!(
        "{:016x}",
        KEY.hash_one(NEXT.fetch_add(1, Ordering::Relaxed))
    )
}
