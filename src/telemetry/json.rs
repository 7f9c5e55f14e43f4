//! Writes one flat JSON object per line. Fields of the surrounding spans appear like fields of the event, so that
//! `request_id` is always at the same place.

use std::error::Error;
use std::fmt::{self, Write as _};

use central_oauth_domain::causes::with_causes;
use central_oauth_observer_opentelemetry::trace_of;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::{is_for_traces, lines};

pub(super) struct JsonLines;

/// The first fields of every line, in this order.
const FIRST: [&str; 4] = ["timestamp", "level", "message", "target"];

impl<S> Layer<S> for JsonLines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flatten() {
            fields.inherit(span.extensions().get::<Fields>());
        }
        if let Some(span) = context.event_span(event)
            && let Some((trace, span)) = trace_of(&span.id())
        {
            fields.set("trace_id", trace);
            fields.set("span_id", span);
        }
        event.record(&mut fields);
        let metadata = event.metadata();
        fields.set("timestamp", now());
        fields.set("level", metadata.level().as_str());
        // The `log` facade puts the target of an event into a field, and adds other fields that nobody needs.
        let target = fields.take("log.target").map(|(_, target)| target);
        let target = target.unwrap_or_else(|| metadata.target().into());
        fields.0.retain(|(name, _)| !name.starts_with("log."));
        fields.set("target", target);
        lines::write(fields.line().into_bytes());
    }
}

fn now() -> String {
    let mut text = String::new();
    // Writing to memory cannot fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut text));
    text
}

/// Fields with unique names. A list is faster than a map for the few fields of a request or event.
#[derive(Default)]
struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        if is_for_traces(name) {
            return;
        }
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value.into(),
            None => self.0.push((name, value.into())),
        }
    }

    fn take(&mut self, name: &str) -> Option<(&'static str, Value)> {
        let at = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.remove(at))
    }

    /// Adds the fields of an outer span; fields of inner spans take precedence.
    fn inherit(&mut self, outer: Option<&Self>) {
        for (name, value) in outer.into_iter().flat_map(|outer| &outer.0) {
            if !self.0.iter().any(|(known, _)| known == name) {
                self.0.push((name, value.clone()));
            }
        }
    }

    fn line(mut self) -> String {
        let first = FIRST.map(|name| self.take(name));
        let mut line = String::from("{");
        for (name, value) in first.into_iter().flatten().chain(self.0) {
            let separator = if line.len() > 1 { "," } else { "" };
            let _ = write!(line, "{separator}{}:{value}", Value::from(name));
        }
        line.push_str("}\n");
        line
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.set(field.name(), u64::try_from(value).unwrap_or(u64::MAX));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.set(field.name(), with_causes(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field.name(), format!("{value:?}"));
    }
}
