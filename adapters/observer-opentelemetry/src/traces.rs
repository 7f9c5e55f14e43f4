//! Connects requests and background work in traces.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::link::LinkId;
use central_oauth_domain::lock::lock;
use central_oauth_domain::observe::{LinkEnd, Observer};
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{SpanContext, Status, TraceContextExt as _, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing::dispatcher::get_default;
use tracing::span::Id;
use tracing_opentelemetry::{OpenTelemetrySpanExt as _, get_otel_context};

/// Maximum number of stored links. The service allows no more open links at once (`Links::MOST_OPEN`).
const MAX_LINKS: usize = 10_000;
/// Maximum length of `tracestate`. A longer header is ignored. W3C Trace Context requires support for at least this
/// length.
const MAX_STATE: usize = 512;

/// The request that started each link. Later work on a link is connected to this request, but not after a restart.
/// Link ids increase, so the first entry is the oldest link.
#[derive(Default)]
pub(crate) struct LinkTraces(Mutex<BTreeMap<LinkId, SpanContext>>);

impl Observer for LinkTraces {
    /// Stores the current span as the one that started the link.
    fn link_started(&self, link: LinkId, _: &ProviderName) {
        let context = context();
        if !context.is_valid() {
            return;
        }
        let mut remembered = lock(&self.0);
        remembered.insert(link, context);
        if remembered.len() > MAX_LINKS {
            remembered.pop_first();
        }
    }

    /// Adds a span link from the current span to the request that started the link.
    fn link_resumed(&self, link: LinkId) {
        let started_in = lock(&self.0).get(&link).cloned();
        if let Some(context) = started_in {
            Span::current().add_link(context);
        }
    }

    /// Removes a link that has ended.
    fn link_ended(&self, link: LinkId, _: &ProviderName, _: LinkEnd) {
        lock(&self.0).remove(&link);
    }
}

/// Returns the context of the current span without the `tracestate` that the caller sent.
fn context() -> SpanContext {
    let current = Span::current().context();
    let span = current.span();
    let known = span.span_context();
    SpanContext::new(
        known.trace_id(),
        known.span_id(),
        known.trace_flags(),
        known.is_remote(),
        TraceState::NONE,
    )
}

/// The W3C Trace Context headers of a request.
#[derive(Debug, Clone, Copy, Default)]
pub struct TraceHeaders<'a> {
    /// `traceparent`.
    pub parent: Option<&'a str>,
    /// `tracestate`.
    pub state: Option<&'a str>,
}

/// Makes `span` a child of the caller's span, which the headers name. Ignores invalid headers.
pub fn take_parent(span: &Span, headers: &TraceHeaders<'_>) {
    let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), headers);
    if parent.span().span_context().is_valid() {
        // This fails only if tracing is off.
        let _ = span.set_parent(parent);
    }
}

/// Names the span of a request after its route, adds the status of the response, and marks the span as failed for a
/// 5xx. This follows OpenTelemetry's semantic conventions for HTTP servers.
pub fn name_request(span: &Span, method: &str, route: Option<&str>, status: u16) {
    let context = span.context();
    let traced = context.span();
    if !traced.is_recording() {
        return;
    }
    let method = match method {
        // The conventions require this name for unknown methods.
        "_OTHER" => "HTTP",
        method => method,
    };
    let name = route.map(|route| format!("{method} {route}"));
    traced.update_name(name.unwrap_or_else(|| method.to_owned()));
    traced.set_attribute(KeyValue::new("url.scheme", "http"));
    if let Some(route) = route {
        traced.set_attribute(KeyValue::new("http.route", route.to_owned()));
    }
    let code = KeyValue::new("http.response.status_code", status.to_string());
    traced.set_attribute(code);
    if status >= 500 {
        traced.set_attribute(KeyValue::new("error.type", status.to_string()));
        traced.set_status(Status::error(""));
    }
}

/// Returns the trace id and the span id of a span in hexadecimal, for its log lines.
#[must_use]
pub fn trace_of(span: &Id) -> Option<(String, String)> {
    let context = get_default(|dispatch| get_otel_context(span, dispatch))?;
    let span = context.span();
    let known = span.span_context();
    let ids = || (known.trace_id().to_string(), known.span_id().to_string());
    known.is_valid().then(ids)
}

/// Returns the W3C Trace Context headers of the current span, for a request to another service.
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
            "tracestate" => self.state.filter(|state| state.len() <= MAX_STATE),
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent", "tracestate"]
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn start(links: &LinkTraces, id: i64) {
        links.link_started(LinkId(id), &ProviderName::new("github"));
    }

    fn with_state(state: &str, look: impl FnOnce(&Span)) {
        let tracer = SdkTracerProvider::default().tracer("test");
        let layer = tracing_opentelemetry::layer().with_tracer(tracer);
        let traced = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(traced, || {
            let span = tracing::error_span!("request");
            let headers = TraceHeaders {
                parent: Some(PARENT),
                state: Some(state),
            };
            take_parent(&span, &headers);
            span.in_scope(|| look(&span));
        });
    }

    fn state_of(span: &Span) -> String {
        let context = span.context();
        context.span().span_context().trace_state().header()
    }

    #[test]
    fn a_long_tracestate_is_ignored() {
        let longest = format!("a={},b={},c=1234", "x".repeat(250), "y".repeat(250));
        with_state(&longest, |span| {
            assert_eq!(state_of(span).len(), MAX_STATE);
        });
        with_state(&format!("{longest}x"), |span| {
            assert_eq!(state_of(span), "");
            let trace = span.context().span().span_context().trace_id();
            assert_eq!(trace.to_string(), &PARENT[3..35]);
        });
    }

    #[test]
    fn of_a_link_ids_are_kept_and_no_longer_than_it_lasts() {
        let links = LinkTraces::default();
        with_state("vendor=words", |_| start(&links, 1));
        let kept = lock(&links.0)[&LinkId(1)].clone();
        assert_eq!(kept.trace_id().to_string(), &PARENT[3..35]);
        assert_eq!(kept.trace_state(), &TraceState::NONE);
        let provider = ProviderName::new("github");
        links.link_ended(LinkId(1), &provider, LinkEnd::Linked);
        assert!(lock(&links.0).is_empty());
    }

    #[test]
    fn the_oldest_links_are_forgotten_first() {
        let links = LinkTraces::default();
        let most = i64::try_from(MAX_LINKS).unwrap();
        with_state("", |_| (0..=most).for_each(|id| start(&links, id)));
        let kept = lock(&links.0);
        assert_eq!(kept.len(), MAX_LINKS);
        assert!(!kept.contains_key(&LinkId(0)) && kept.contains_key(&LinkId(most)));
    }
}
