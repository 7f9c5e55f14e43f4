//! Generates `docs/METRICS.md`.

use std::fmt::Write as _;

use central_oauth_observer_opentelemetry::catalogue::{ALL, Kind, Metric};

/// The labels by their OTLP names, with their possible values. Text from a caller never becomes a value.
pub(super) const LABELS: &[(&str, &str)] = &[
    (
        "provider",
        "the name of a configured provider; `other` for one that was removed from the configuration",
    ),
    (
        "http.route",
        "the route template, such as `/v1/accounts/{id}`; absent for an unknown address",
    ),
    (
        "url.scheme",
        "always `http`, even if the service or its proxy uses TLS",
    ),
    (
        "http.request.method",
        "`GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE`, `OPTIONS`; `_OTHER` for anything else",
    ),
    (
        "http.response.status_code",
        "the status of the response; `499`: the client disconnected first",
    ),
    ("error.type", "the status if it is 5xx; otherwise absent"),
    (
        "outcome",
        "link: `linked`, `denied`, `expired`, `failed`; refresh: `refreshed`, `relink_required` (the grant \
         ended), `refused`, `misconfigured` (the operator must act), `unavailable`; revocation: `revoked`, `unsupported`, \
         `failed`, `cancelled`, `again` (not confirmed yet); webhook: `delivered`, `failed` (tried again), `dropped`; provider \
         call: `answered`, `refused`, `misconfigured`, `nonsense`, `unavailable`",
    ),
    ("receiver", "the name of a configured receiver of webhooks"),
    (
        "exchange",
        "`consent`, `redeem`, `refresh`, `revoke`, `identify`",
    ),
    ("cache", "`metadata`, `keys`"),
    ("status", "`active`, `degraded`, `relink_required`"),
    (
        "saved_by",
        "`refresh`: a refresh is due before the end, and refreshing works; `person`: only a new consent helps",
    ),
    ("state", "`busy`, `idle`"),
    (
        "reason",
        "`unauthorized`: answered with 401; `rate_limited`: with 429, because the network has tried too many; `wrong_network`: \
         the key may not be used from there; `used_too_often`: more often than its limit allows; `workload`: a JWT breaks a rule",
    ),
    (
        "result",
        "of a lookup: `hit`, `miss`; of an export: `taken` (accepted), `failed`",
    ),
    ("version", "the version of the running binary"),
];

const HEAD: &str = "\
# Metrics

Generated from `src/catalogue.rs` and `tests/catalogue/document.rs` in `adapters/observer-opentelemetry`; do not edit.
[CONTRIBUTING.md](../CONTRIBUTING.md) says how to generate it.

Set `CENTRAL_OAUTH_METRICS_ADDR` to serve these metrics at `/metrics` for Prometheus, or `OTEL_EXPORTER_OTLP_ENDPOINT` to send them
over OTLP: see [CONFIGURATION.md](CONFIGURATION.md). A scrape reaches neither the database nor a provider. A dashboard and alert rules
are in [monitoring/](monitoring/).

";

/// Returns the text of `docs/METRICS.md`.
pub(super) fn document() -> String {
    let mut text = String::from(HEAD);
    text.push_str("| Prometheus | OTLP | kind | unit | labels | meaning |\n");
    text.push_str("| --- | --- | --- | --- | --- | --- |\n");
    for metric in ALL {
        let labels = metric.labels.iter();
        let labels: Vec<_> = labels
            .map(|label| format!("`{}`", prometheus(label)))
            .collect();
        let (name, kind) = (prometheus_name(metric), kind_name(metric.kind));
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

/// Returns the Prometheus name, which includes the unit and the kind.
pub(super) fn prometheus_name(metric: &Metric) -> String {
    let mut name = prometheus(metric.name);
    if metric.unit == "s" {
        name.push_str("_seconds");
    }
    if matches!(metric.kind, Kind::Counter) {
        name.push_str("_total");
    }
    name
}

/// Returns the name of the kind, as Prometheus spells it.
pub(super) const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram(_) => "histogram",
    }
}

fn prometheus(name: &str) -> String {
    name.replace('.', "_")
}
