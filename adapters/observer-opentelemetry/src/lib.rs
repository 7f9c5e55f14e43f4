//! Telemetry of the process with OpenTelemetry: metrics for Prometheus and OTLP, traces for OTLP.
//!
//! # Modules
//!
//! | module | what it does |
//! | --- | --- |
//! | `catalogue` | every metric: name, unit, labels, help text |
//! | `instruments`, `metrics` | one instrument per metric, and the code that updates it |
//! | `observed` | instrumented ports |
//! | `traces` | W3C Trace Context, and span links between the parts of one consent |
//! | `telemetry` | starts and stops metrics and traces |
//! | `carrier` | requests to the collector |
//!
//! To add a metric, add a line to `catalogue`, an instrument, and a method of the domain's `Observer` that updates it. A new
//! label also gets its values in `tests/catalogue/document.rs`, which generates `docs/METRICS.md`.

mod carrier;
pub mod catalogue;
mod instruments;
mod metrics;
mod observed;
mod telemetry;
mod traces;

pub use metrics::Metrics;
pub use observed::{ObservedCipher, ObservedProvider};
pub use telemetry::{Collector, Telemetry, TelemetryError, TelemetryOptions};
pub use traces::{TraceHeaders, headers_to_pass_on, name_request, take_parent, trace_of};
