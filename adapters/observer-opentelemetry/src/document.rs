//! `docs/METRICS.md`.

use std::fmt::Write as _;

use crate::catalogue::{ALL, LABELS};

const HEAD: &str = "\
# Metrics

Generated from the catalogue in `adapters/observer-opentelemetry/src/catalogue.rs`; do not edit. A test says how to print it
anew.

`CENTRAL_OAUTH_METRICS_ADDR` starts a listener of its own whose `/metrics` answers in Prometheus' text format. The same metrics
go out over OTLP where `OTEL_EXPORTER_OTLP_ENDPOINT` is set: see [CONFIGURATION.md](CONFIGURATION.md). A scrape asks neither the
database nor a provider. A dashboard and alert rules are in [monitoring/](monitoring/).

";

/// The document about all metrics.
#[must_use]
pub fn document() -> String {
    let mut text = String::from(HEAD);
    text.push_str("| Prometheus | OTLP | kind | unit | labels | meaning |\n");
    text.push_str("| --- | --- | --- | --- | --- | --- |\n");
    for metric in ALL {
        let labels = metric.labels.iter();
        let labels: Vec<_> = labels
            .map(|label| format!("`{}`", prometheus(label)))
            .collect();
        let (name, kind) = (metric.prometheus_name(), metric.kind.as_str());
        let unit = match metric.unit {
            "" => "",
            "s" => "seconds",
            counted => counted.trim_matches(['{', '}']),
        };
        let (labels, meaning) = (labels.join(", "), metric.meaning);
        let otlp = metric.name;
        let _ = writeln!(
            text,
            "| `{name}` | `{otlp}` | {kind} | {unit} | {labels} | {meaning} |"
        );
    }
    text.push_str("\nOver OTLP labels have dots where Prometheus has underscores.\n\n");
    text.push_str("| label | values |\n| --- | --- |\n");
    for (label, values) in LABELS {
        let _ = writeln!(text, "| `{}` | {values} |", prometheus(label));
    }
    text
}

fn prometheus(label: &str) -> String {
    label.replace('.', "_")
}
