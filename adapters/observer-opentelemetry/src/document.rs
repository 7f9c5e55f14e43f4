//! Generates `docs/METRICS.md`.

use std::fmt::Write as _;

use crate::catalogue::{ALL, LABELS};

const HEAD: &str = "\
# Metrics

Generated from `adapters/observer-opentelemetry/src/catalogue.rs`; do not edit. [CONTRIBUTING.md](../CONTRIBUTING.md) says how to
generate it.

Set `CENTRAL_OAUTH_METRICS_ADDR` to serve these metrics at `/metrics` for Prometheus, or `OTEL_EXPORTER_OTLP_ENDPOINT` to send them
over OTLP: see [CONFIGURATION.md](CONFIGURATION.md). A scrape reaches neither the database nor a provider. A dashboard and alert rules
are in [monitoring/](monitoring/).

";

/// Returns the text of `docs/METRICS.md`.
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
    text.push_str("\nOTLP names of labels have dots instead of underscores.\n\n");
    text.push_str("| label | values |\n| --- | --- |\n");
    for (label, values) in LABELS {
        let _ = writeln!(text, "| `{}` | {values} |", prometheus(label));
    }
    text
}

fn prometheus(label: &str) -> String {
    label.replace('.', "_")
}
