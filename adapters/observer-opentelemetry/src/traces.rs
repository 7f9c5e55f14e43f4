//! Where requests of others and work of our own meet in traces.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use central_oauth_domain::link::LinkId;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{SpanContext, Status, TraceContextExt as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing::dispatcher::get_default;
use tracing::span::Id;
use tracing_opentelemetry::{OpenTelemetrySpanExt as _, get_otel_context};

use crate::metrics::known_method;

/// So many links are remembered; the service has no more open at once.
const MOST_LINKS: usize = 10_000;

/// Which request started which link. Kept in memory: what a restart interrupts is seen as a trace of its own.
#[derive(Default)]
pub(crate) struct LinkTraces(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    by_link: HashMap<LinkId, SpanContext>,
    oldest_first: VecDeque<LinkId>,
}

impl LinkTraces {
    /// What is under way has started a link.
    pub(crate) fn started(&self, link: LinkId) {
        let context = context();
        if !context.is_valid() {
            return;
        }
        let mut remembered = self.lock();
        if remembered.oldest_first.len() >= MOST_LINKS
            && let Some(oldest) = remembered.oldest_first.pop_front()
        {
            remembered.by_link.remove(&oldest);
        }
        remembered.oldest_first.push_back(link);
        remembered.by_link.insert(link, context);
    }

    /// What is under way goes on with a link: its span points to the request that started it.
    pub(crate) fn resumed(&self, link: LinkId) {
        let started_in = self.lock().by_link.get(&link).cloned();
        if let Some(context) = started_in {
            Span::current().add_link(context);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the current span is known as.
fn context() -> SpanContext {
    Span::current().context().span().span_context().clone()
}

/// The headers of W3C Trace Context, as they came.
#[derive(Debug, Clone, Copy, Default)]
pub struct TraceHeaders<'a> {
    /// `traceparent`.
    pub parent: Option<&'a str>,
    /// `tracestate`.
    pub state: Option<&'a str>,
}

/// Makes a span the child of what a request's headers say. Headers that make no sense count as none.
pub fn take_parent(span: &Span, headers: &TraceHeaders<'_>) {
    let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), headers);
    if parent.span().span_context().is_valid() {
        // An error means that nobody traces.
        let _ = span.set_parent(parent);
    }
}

/// Names the span of a request once its route is known, and says whether the service has failed it (OpenTelemetry's
/// semantic conventions for HTTP servers).
pub fn name_request(span: &Span, method: &str, route: Option<&str>, status: u16) {
    let context = span.context();
    let traced = context.span();
    if !traced.is_recording() {
        return;
    }
    let method = match known_method(method) {
        // As the conventions want it.
        "_OTHER" => "HTTP",
        method => method,
    };
    let name = route.map(|route| format!("{method} {route}"));
    traced.update_name(name.unwrap_or_else(|| method.to_owned()));
    traced.set_attribute(KeyValue::new("url.scheme", "http"));
    if status >= 500 {
        traced.set_attribute(KeyValue::new("error.type", status.to_string()));
        traced.set_status(Status::error(""));
    }
}

/// The trace and the span that a span of the log belongs to, as traces write them.
#[must_use]
pub fn trace_of(span: &Id) -> Option<(String, String)> {
    let context = get_default(|dispatch| get_otel_context(span, dispatch))?;
    let span = context.span();
    let known = span.span_context();
    let ids = || (known.trace_id().to_string(), known.span_id().to_string());
    known.is_valid().then(ids)
}

/// What a request to somebody else says about the current span: names and values of headers.
#[must_use]
pub fn headers_to_pass_on() -> Vec<(String, String)> {
    let mut headers = HashMap::new();
    let context = Span::current().context();
    TraceContextPropagator::new().inject_context(&context, &mut headers);
    headers.retain(|_, value| !value.is_empty());
    headers.into_iter().collect()
}

impl Extractor for TraceHeaders<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            "traceparent" => self.parent,
            "tracestate" => self.state,
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent", "tracestate"]
    }
}
