//! What leaves the process about itself, by OpenTelemetry: metrics for Prometheus and OTLP, traces for OTLP.
//!
//! # The map
//!
//! | module | what it does |
//! | --- | --- |
//! | `catalogue` | every metric: name, unit, labels, meaning |
//! | `instruments`, `metrics` | the instruments made from it, and what is counted when |
//! | `document` | `docs/METRICS.md` |
//! | `observed` | ports that are watched |
//! | `traces` | W3C Trace Context, and links between the parts of one consent |
//! | `telemetry` | all of it from start to stop |
//! | `carrier` | requests to the collector |
//!
//! A new metric is a line in `catalogue`, an instrument, and the fact that it counts in the domain's `Observer`.

mod carrier;
pub mod catalogue;
mod document;
mod instruments;
mod metrics;
mod observed;
mod telemetry;
mod traces;

pub use document::document;
pub use metrics::{Metrics, Request};
pub use observed::{ObservedCipher, ObservedProvider};
pub use telemetry::{Collector, Telemetry, TelemetryError, TelemetryOptions};
pub use traces::{TraceHeaders, headers_to_pass_on, name_request, take_parent, trace_of};
