//! Writes events to stderr, one line each, and sends them with their spans to a collector if one is configured.

#[cfg(test)]
pub(crate) mod captured_logs;
mod json;
mod lines;
mod panics;
mod text;

use std::io::{self, IsTerminal};

use central_oauth_observer_opentelemetry::Telemetry;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, fmt, registry};

use self::json::JsonLines;
use self::lines::Lines;
use self::text::WithoutTraces;
use crate::config::{LogConfig, LogFormat};
pub(crate) use lines::{flush, write, write_in_background};
pub(crate) use panics::log as log_panics;

/// Installs the subscriber for the whole process. A second call changes nothing.
pub(crate) fn install(config: LogConfig) {
    install_telling(config, &Telemetry::default());
}

/// Installs the subscriber, with the layer of `telemetry` beside the log.
pub(crate) fn install_telling(config: LogConfig, telemetry: &Telemetry) {
    let lines = match config.format {
        LogFormat::Json => JsonLines.boxed(),
        LogFormat::Text => {
            let lines = fmt::layer().with_writer(|| Lines);
            // At a terminal, the library decides about colours: `NO_COLOR` turns them off.
            let lines = match io::stderr().is_terminal() {
                true => lines,
                false => lines.with_ansi(false),
            };
            lines.fmt_fields(WithoutTraces).boxed()
        }
    };
    let lines = lines.with_filter(config.filter);
    let all = registry().with(lines).with(telemetry.layer());
    // An error means that a subscriber is installed already, which is fine.
    let _ = all.try_init();
}

/// Whether a field is for traces only: names in OpenTelemetry's conventions contain a dot, our own names do not. The
/// `log.*` fields of the `log` facade contain a dot too, but both log formats handle these themselves.
fn is_for_traces(field: &str) -> bool {
    field.contains('.') && !field.starts_with("log.")
}

#[cfg(test)]
mod tests {
    use super::is_for_traces;

    #[test]
    fn what_the_conventions_name_is_for_traces() {
        for field in [
            "otel.kind",
            "http.request.method",
            "db.system.name",
            "error.type",
        ] {
            assert!(is_for_traces(field), "{field}");
        }
        for field in ["request_id", "elapsed_ms", "log.target"] {
            assert!(!is_for_traces(field), "{field}");
        }
    }
}
