//! The only layer that uses HTTP. Whatever a server does, callers get a [`ProviderResponse`] or a [`ProviderError`]
//! within bounded time and memory.

mod body;
pub(crate) mod date;
mod encoding;
mod fields;
mod names;
mod repair;
mod request;
mod response;
mod retry_after;
mod salvage;
mod text;
mod timely_body;
mod transport;
mod unanswered;

pub(crate) use body::Body;
pub(crate) use fields::{Fields, identifier, split};
pub(crate) use names::Names;
pub(crate) use request::Request;
pub(crate) use response::{ProviderResponse, Rejection, paused, unworded};
use retry_after::retry_after_in;
pub(crate) use retry_after::{is_used_up, retry_after};
pub use transport::ClientUnavailable;
pub(crate) use transport::{Transport, words as transport_words};
pub(crate) use unanswered::Unanswered;

use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::Timestamp;
use central_oauth_domain::ports::{Clock, ProviderError};
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName,
    HeaderValue,
};
use reqwest::{Method, RequestBuilder, Response};
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};
use url::Url;

use crate::deadline::Deadline;
use crate::dialect::Dialect;
use timely_body::TimelyBody;

const MAX_BYTES: usize = 2 * 1024 * 1024;

pub(crate) struct Http {
    provider: String,
    transport: Transport,
    clock: Arc<dyn Clock>,
    dialect: Arc<Dialect>,
    trace_headers: Option<TraceHeaders>,
}

/// Returns the headers of the current trace.
pub type TraceHeaders = fn() -> Vec<(String, String)>;

impl Http {
    /// Creates the HTTP layer for the provider of this name. The clock is needed to interpret dates in responses.
    pub(crate) fn new(
        provider: &str,
        dialect: Dialect,
        names: Names,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ClientUnavailable> {
        Ok(Self {
            provider: provider.to_owned(),
            transport: Transport::new(names)?,
            clock,
            dialect: Arc::new(dialect),
            trace_headers: None,
        })
    }

    /// Adds these headers to all requests.
    pub(crate) fn carry(&mut self, trace_headers: TraceHeaders) {
        self.trace_headers = Some(trace_headers);
    }

    /// Creates the client for this URL, so that missing CA certificates are reported at the start.
    pub(crate) fn prepare(&self, url: &Url) -> Result<(), ClientUnavailable> {
        self.transport.client(url).map(drop)
    }

    /// Whether the issuer's metadata may name private addresses.
    pub(crate) fn is_issuer_private(&self) -> bool {
        self.transport.names.is_issuer_private()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns the deadline of a call that starts now.
    pub(crate) fn deadline(&self, timeout: Duration) -> Deadline {
        Deadline::after(timeout, &*self.clock)
    }

    /// Returns the meaning of the provider's error codes.
    pub(crate) fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    /// Sends a request and reads the response. Logs neither bodies nor secrets.
    pub(crate) async fn send(
        &self,
        request: Request,
        deadline: Deadline,
    ) -> Result<ProviderResponse, Unanswered> {
        let (method, url) = (request.method.clone(), request.url.clone());
        let span = span(&method, &url);
        let started = Instant::now();
        let exchange = self.exchange(request, deadline);
        let outcome = exchange.instrument(span.clone()).await;
        record(&span, &outcome);
        tracing::debug!(
            provider = self.provider,
            %method,
            host = url.host_str(),
            path = url.path(),
            status = outcome.as_ref().ok().map(|answer| answer.status.as_u16()),
            error = outcome.as_ref().err().map(|error| tracing::field::display(&error.cause)),
            elapsed_ms = started.elapsed().as_millis(),
            "asked the provider"
        );
        outcome
    }

    async fn exchange(
        &self,
        mut request: Request,
        deadline: Deadline,
    ) -> Result<ProviderResponse, Unanswered> {
        let sending = self.builder(&mut request, deadline)?.send();
        let sent = deadline.bound(sending).await;
        let response = sent.map_err(Unanswered::after_sending)?;
        let mut response = response.map_err(Unanswered::by_transport)?;
        let retry_after = retry_after(response.headers(), self.clock.now());
        let (bytes, cut) = read(&mut response, deadline).await;
        let body = body(&response, bytes, cut).map_err(|cut| {
            let has_failed = !response.status().is_success();
            Unanswered::after_sending(with_pause(cut, retry_after.filter(|_| has_failed)))
        })?;
        let mut answer = ProviderResponse {
            status: response.status(),
            body,
            retry_after,
            headers: std::mem::take(response.headers_mut()),
            secrets: request.secrets,
            dialect: Arc::clone(&self.dialect),
        };
        let (is_success, fields) = (answer.status.is_success(), answer.fields());
        let failed = fields.filter(|fields| !is_success || fields.says_error());
        answer.retry_after = retry_after.or_else(|| retry_after_in(failed?));
        Ok(answer)
    }

    fn builder(
        &self,
        request: &mut Request,
        deadline: Deadline,
    ) -> Result<RequestBuilder, ProviderError> {
        let client = self.transport.client(&request.url)?;
        let mut headers = std::mem::take(&mut request.headers);
        headers
            .entry(ACCEPT)
            .or_insert(HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(trace_headers) = self.trace_headers {
            headers.extend(trace_headers().into_iter().filter_map(header));
        }
        let mut builder = client.request(request.method.clone(), request.url.clone());
        if let Some((content_type, body)) = request.take_body() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            let body = TimelyBody::new(body, deadline, Arc::clone(&self.clock));
            builder = builder.body(reqwest::Body::wrap(body));
        } else if request.method == Method::POST {
            // hyper sends no length for an empty body, and some servers reject such a request with 411 (RFC 9110
            // section 8.6, seanmonstar/reqwest issue 838).
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        Ok(builder.headers(headers))
    }
}

/// Creates the span, with the names of OpenTelemetry's semantic conventions. Leaves out the query, because it may
/// contain secrets.
fn span(method: &Method, url: &Url) -> Span {
    let mut bare = url.clone();
    bare.set_query(None);
    tracing::debug_span!(
        "HTTP request",
        otel.kind = "client",
        otel.name = %method,
        otel.status_code = Empty,
        http.request.method = %method,
        http.response.status_code = Empty,
        server.address = url.host_str(),
        server.port = url.port_or_known_default(),
        url.full = %bare,
        error.type = Empty,
    )
}

fn record(span: &Span, outcome: &Result<ProviderResponse, Unanswered>) {
    match outcome {
        Ok(answer) => {
            let status = answer.status.as_u16();
            span.record("http.response.status_code", status);
            if status >= 400 {
                span.record("error.type", status.to_string());
                span.record("otel.status_code", "ERROR");
            }
        }
        Err(_) => {
            span.record("error.type", "no_answer");
            span.record("otel.status_code", "ERROR");
        }
    }
}

fn header((name, value): (String, String)) -> Option<(HeaderName, HeaderValue)> {
    Some((name.parse().ok()?, value.parse().ok()?))
}

fn content_type(response: &Response) -> String {
    let header = response.headers().get(CONTENT_TYPE);
    let text = header.and_then(|value| value.to_str().ok());
    text.unwrap_or_default().to_owned()
}

/// Returns all content codings in the order in which the server applied them, from one or more headers.
fn codings(response: &Response) -> String {
    let headers = response.headers().get_all(CONTENT_ENCODING).iter();
    let texts = headers.filter_map(|value| value.to_str().ok());
    texts.collect::<Vec<_>>().join(",")
}

/// Reads the body in chunks, until the size limit or the deadline. Returns the received part, and why the rest is
/// missing.
async fn read(response: &mut Response, deadline: Deadline) -> (Vec<u8>, Option<ProviderError>) {
    let mut bytes = Vec::new();
    let reading = async {
        while let Some(piece) = response.chunk().await.map_err(transport::unavailable)? {
            let room = MAX_BYTES - bytes.len();
            bytes.extend_from_slice(piece.get(..room).unwrap_or(&piece));
            if piece.len() > room {
                let problem = format!("more than {MAX_BYTES} bytes");
                return Err(ProviderError::nonsense(problem));
            }
        }
        Ok(())
    };
    let outcome = deadline.bound(reading).await;
    (bytes, outcome.and_then(|outcome| outcome).err())
}

/// Adds the pause from the headers of a failed response whose body is lost.
fn with_pause(mut cut: ProviderError, pause: Option<Duration>) -> ProviderError {
    if let ProviderError::Unavailable { retry_after, .. } = &mut cut {
        *retry_after = retry_after.or(pause);
    }
    cut
}

/// Parses the received part of the body. Even an incomplete part may contain tokens, which the provider sends only
/// once.
fn body(
    response: &Response,
    bytes: Vec<u8>,
    cut: Option<ProviderError>,
) -> Result<Body, ProviderError> {
    let (bytes, broken) = encoding::decode(&codings(response), bytes);
    if cut.is_none() && broken.is_none() {
        return Ok(Body::parse(&content_type(response), &bytes));
    }
    match (Body::parse_part(&bytes), cut) {
        (Some(body), _) => Ok(body),
        (None, Some(cut)) => Err(cut),
        (None, None) => Ok(Body::Unusable(broken.unwrap_or_default())),
    }
}
