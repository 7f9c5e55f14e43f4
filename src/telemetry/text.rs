//! Formats log lines for people.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing_subscriber::field::{RecordFields, VisitOutput as _};
use tracing_subscriber::fmt::format::{DefaultVisitor, Writer};
use tracing_subscriber::fmt::{FormatFields, FormattedFields};

use super::is_for_traces;

/// Formats fields as tracing-subscriber does, without those that are for traces only.
pub(super) struct WithoutTraces;

impl<'w> FormatFields<'w> for WithoutTraces {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut visitor = Skipping(DefaultVisitor::new(writer, true));
        fields.record(&mut visitor);
        visitor.0.finish()
    }

    /// Writes nothing, not even a space, if all added fields are for traces only.
    fn add_fields(
        &self,
        current: &'w mut FormattedFields<Self>,
        fields: &Record<'_>,
    ) -> fmt::Result {
        let mut text = String::new();
        <Self as FormatFields<'_>>::format_fields(self, Writer::new(&mut text), fields)?;
        if !text.is_empty() && !current.fields.is_empty() {
            current.fields.push(' ');
        }
        current.fields.push_str(&text);
        Ok(())
    }
}

struct Skipping<'w>(DefaultVisitor<'w>);

impl Visit for Skipping<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if !is_for_traces(field.name()) {
            self.0.record_str(field, value);
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.0.record_error(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if !is_for_traces(field.name()) {
            self.0.record_debug(field, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tracing::field::Empty;
    use tracing::subscriber::with_default;

    use super::*;

    #[test]
    fn trace_fields_leave_no_space() {
        let written = tempfile::NamedTempFile::new().unwrap();
        let lines = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(Arc::new(written.reopen().unwrap()))
            .fmt_fields(WithoutTraces)
            .finish();
        with_default(lines, || {
            let span = tracing::error_span!(
                "request",
                request_id = "id",
                http.route = Empty,
                status = Empty
            );
            span.record("http.route", "/v1/token");
            span.in_scope(|| tracing::error!(otel.kind = "server", "before"));
            span.record("status", 200);
            span.in_scope(|| tracing::error!("after"));
        });
        let text = std::fs::read_to_string(written.path()).unwrap();
        assert!(text.contains(r#" request{request_id="id"}: "#), "{text}");
        assert!(text.contains(r#"{request_id="id" status=200}"#), "{text}");
        assert!(
            !text.contains("token") && !text.contains("server"),
            "{text}"
        );
    }
}
