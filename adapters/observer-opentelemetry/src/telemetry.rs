//! Starts and stops the telemetry of the process.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::observe::{Observer, Unobserved};
use central_oauth_domain::webhook::ReceiverName;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{ExporterBuildError, MetricExporter, SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::SdkTracerProvider;
use prometheus::Registry;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{FilterExt as _, LevelFilter, filter_fn};
use tracing_subscriber::registry::LookupSpan;

use crate::carrier::{Carrier, Tally};
use crate::metrics::Metrics;
use crate::traces::LinkTraces;

/// Which telemetry to collect, and where to send it.
#[derive(Debug, Clone)]
pub struct TelemetryOptions {
    /// The names of the configured providers: the values of the label `provider`.
    pub providers: Vec<ProviderName>,
    /// The names of the configured receivers of webhooks.
    pub receivers: Vec<ReceiverName>,
    /// Whether Prometheus scrapes the metrics of this process.
    pub is_scraped: bool,
    /// Where to send traces. `None` turns traces off.
    pub traces: Option<Collector>,
    /// Where to send metrics. `None` sends none.
    pub metrics: Option<Collector>,
    /// `OTEL_SERVICE_NAME`, if the operator set it.
    pub service_name: Option<String>,
    /// The resource attributes in `OTEL_RESOURCE_ATTRIBUTES`, percent-decoded, because the SDK does not decode them.
    pub attributes: Vec<(String, String)>,
    /// The id of this process (`service.instance.id`), different from that of every other replica.
    pub instance: String,
    /// When the process started.
    pub started_at: Timestamp,
}

/// An OTLP collector. The SDK reads the collector's URL and headers from the `OTEL_EXPORTER_OTLP_*` variables.
#[derive(Debug, Clone, Copy)]
pub struct Collector {
    /// Whether the collector's URL is plain http.
    pub is_plain: bool,
    /// Timeout of a request to the collector.
    pub timeout: Duration,
}

/// Why telemetry cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The HTTP client could not be created.
    #[error("cannot create an HTTP client for the OTLP collector")]
    Client(#[from] reqwest::Error),
    /// The SDK rejects the settings.
    #[error("cannot set up the OTLP exporter")]
    Exporter(#[from] ExporterBuildError),
    /// The reader for Prometheus failed.
    #[error("cannot set up metrics")]
    Metrics(#[from] OTelSdkError),
}

/// The metrics and traces of this process. Empty if telemetry is off.
#[derive(Default)]
pub struct Telemetry {
    metrics: Option<Arc<Metrics>>,
    tracer: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Timeout of the last export.
    const GRACE: Duration = Duration::from_secs(2);

    /// Starts telemetry. Call this inside the tokio runtime that shall send the telemetry.
    ///
    /// # Errors
    /// [`TelemetryError`], for example if the SDK rejects an `OTEL_*` variable.
    pub fn start(options: TelemetryOptions) -> Result<Self, TelemetryError> {
        let (resource, tally) = (resource(&options), Arc::new(Tally::default()));
        let tracer = match options.traces {
            Some(collector) => Some(tracer(collector, resource.clone(), &tally)?),
            None => None,
        };
        let metrics = match (options.is_scraped, options.metrics) {
            (false, None) => None,
            _ => Some(Arc::new(metrics(options, resource, tally)?)),
        };
        Ok(Self { metrics, tracer })
    }

    /// Returns the metrics, if they are scraped or sent.
    #[must_use]
    pub const fn metrics(&self) -> Option<&Arc<Metrics>> {
        self.metrics.as_ref()
    }

    /// Whether spans are sent.
    #[must_use]
    pub const fn is_traced(&self) -> bool {
        self.tracer.is_some()
    }

    /// Returns the observer for the domain.
    #[must_use]
    pub fn observer(&self) -> Arc<dyn Observer> {
        match &self.metrics {
            Some(metrics) => metrics.clone(),
            None if self.is_traced() => Arc::new(LinkTraces::default()),
            None => Arc::new(Unobserved),
        }
    }

    /// Returns the layer that turns spans into traces.
    pub fn layer<S>(&self) -> Option<impl Layer<S> + Send + Sync + use<S>>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let tracer = self.tracer.as_ref()?.tracer("central-oauth");
        let layer = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false);
        Some(layer.with_filter(LevelFilter::DEBUG.and(filter_fn(is_exported))))
    }

    /// Exports the buffered telemetry. Gives up after 2 seconds.
    pub async fn stop(self) {
        let (done, is_done) = oneshot::channel();
        // The SDK may wait for its threads without a timeout. Therefore a separate thread calls the SDK, and this
        // function stops waiting for it after the timeout.
        thread::spawn(move || {
            if let Some(tracer) = self.tracer {
                let _ = tracer.shutdown_with_timeout(Self::GRACE);
            }
            if let Some(metrics) = self.metrics {
                let _ = metrics.meters().shutdown_with_timeout(Self::GRACE);
            }
            let _ = done.send(());
        });
        let _ = timeout(Self::GRACE, is_done).await;
    }
}

/// Whether a span or event is exported: all spans of this workspace, and its events of level INFO and above.
fn is_exported(metadata: &Metadata<'_>) -> bool {
    let is_ours = metadata.target().starts_with("central_oauth");
    is_ours && (metadata.is_span() || *metadata.level() <= Level::INFO)
}

fn tracer(
    collector: Collector,
    resource: Resource,
    tally: &Arc<Tally>,
) -> Result<SdkTracerProvider, TelemetryError> {
    let carrier = Carrier::new(collector.is_plain, collector.timeout, tally)?;
    let exporter = SpanExporter::builder().with_http();
    let exporter = exporter.with_http_client(carrier).build()?;
    let provider = SdkTracerProvider::builder().with_resource(resource);
    Ok(provider.with_batch_exporter(exporter).build())
}

fn metrics(
    options: TelemetryOptions,
    resource: Resource,
    tally: Arc<Tally>,
) -> Result<Metrics, TelemetryError> {
    let registry = Registry::new();
    let mut provider = SdkMeterProvider::builder().with_resource(resource);
    if options.is_scraped {
        let reader = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .scope_info_enabled(false);
        provider = provider.with_reader(reader.build()?);
    }
    if let Some(collector) = options.metrics {
        let carrier = Carrier::new(collector.is_plain, collector.timeout, &tally)?;
        let exporter = MetricExporter::builder().with_http();
        let exporter = exporter.with_http_client(carrier).build()?;
        provider = provider.with_periodic_exporter(exporter);
    }
    let providers: BTreeSet<_> = options.providers.into_iter().collect();
    let metrics = Metrics::new(provider.build(), registry, providers);
    metrics.begin(&options.receivers, options.started_at);
    metrics.watch_exports(move || {
        let (taken, failed) = (&tally.taken, &tally.failed);
        (
            taken.load(Ordering::Relaxed),
            failed.load(Ordering::Relaxed),
        )
    });
    Ok(metrics)
}

/// Returns the OpenTelemetry resource. `OTEL_SERVICE_NAME` overrides `OTEL_RESOURCE_ATTRIBUTES`, which overrides the
/// defaults.
fn resource(options: &TelemetryOptions) -> Resource {
    let name = options.service_name.as_deref();
    let own = [
        KeyValue::new("service.name", "central-oauth"),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", options.instance.clone()),
    ];
    let said = options.attributes.iter();
    let said = said.map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    let named = name.map(|name| KeyValue::new("service.name", name.to_owned()));
    Resource::builder_empty()
        .with_attributes(own)
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attributes(said)
        .with_attributes(named)
        .build()
}
