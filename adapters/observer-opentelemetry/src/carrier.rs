//! Sends telemetry to the collector.
//!
//! The SDK exports from its own threads, which have no async runtime. Each request runs as a task on the service's
//! runtime, and the exporting thread waits for it. A slow collector delays only that thread and that task.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use central_oauth_domain::causes::with_causes;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use reqwest::{Client, redirect};
use tokio::runtime::Handle;

const MAX_BYTES: usize = 64 * 1024;
const CONNECT_WITHIN: Duration = Duration::from_secs(3);

/// Counts exports by result.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) taken: AtomicU64,
    pub(crate) failed: AtomicU64,
    in_trouble: AtomicBool,
}

#[derive(Debug)]
pub(crate) struct Carrier {
    client: Client,
    runtime: Handle,
    tally: Arc<Tally>,
}

impl Carrier {
    /// Creates a client. For plain http (`is_plain`) it loads no CA certificates, because a small image may have none.
    pub(crate) fn new(
        is_plain: bool,
        timeout: Duration,
        tally: &Arc<Tally>,
    ) -> Result<Self, reqwest::Error> {
        let mut builder = Client::builder()
            .timeout(timeout)
            .connect_timeout(CONNECT_WITHIN)
            .redirect(redirect::Policy::none());
        if is_plain {
            builder = builder.tls_certs_only([]);
        }
        Ok(Self {
            client: builder.build()?,
            runtime: Handle::current(),
            tally: Arc::clone(tally),
        })
    }
}

#[async_trait]
impl HttpClient for Carrier {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = exchange(self.client.clone(), request);
        let sent = self.runtime.spawn(sent).await;
        let answer = sent.map_err(HttpError::from).and_then(|answer| answer);
        let failure = match &answer {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(answer.status().to_string()),
            Err(error) => Some(with_causes(&**error)),
        };
        self.tally.note(failure.as_deref());
        answer
    }
}

impl Tally {
    /// Counts an export. Logs only the first failure in a row and the next success.
    fn note(&self, failure: Option<&str>) {
        match failure {
            None => {
                self.taken.fetch_add(1, Ordering::Relaxed);
                if self.in_trouble.swap(false, Ordering::Relaxed) {
                    tracing::debug!("the collector accepts telemetry again");
                }
            }
            Some(error) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                if !self.in_trouble.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        error,
                        "the collector does not accept telemetry; some is lost"
                    );
                }
            }
        }
    }
}

async fn exchange(client: Client, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let request = reqwest::Request::try_from(request)?;
    let sent = client.execute(request).await;
    let mut response = sent.map_err(reqwest::Error::without_url)?;
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await? {
        if body.len() + piece.len() > MAX_BYTES {
            break;
        }
        body.extend_from_slice(&piece);
    }
    let mut answer = Response::new(Bytes::from(body));
    *answer.status_mut() = response.status();
    *answer.headers_mut() = std::mem::take(response.headers_mut());
    Ok(answer)
}
