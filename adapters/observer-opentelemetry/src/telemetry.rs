//! Everything that leaves the process about itself, from start to stop.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::link::LinkId;
use central_oauth_domain::observe::{
    Cache, LinkEnd, Observer, ProviderCall, RefreshOutcome, RevocationOutcome, Unobserved,
};
use central_oauth_domain::ports::Census;
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

/// What is to be told, and to whom.
#[derive(Debug, Clone)]
pub struct TelemetryOptions {
    /// The providers by whose names figures may differ.
    pub providers: Vec<ProviderName>,
    /// Whether somebody scrapes metrics.
    pub is_scraped: bool,
    /// Where traces go.
    pub traces: Option<Collector>,
    /// Where metrics go.
    pub metrics: Option<Collector>,
    /// What the service is called, where the operator gave it a name (`OTEL_SERVICE_NAME`).
    pub service_name: Option<String>,
    /// What else the operator says of it (`OTEL_RESOURCE_ATTRIBUTES`, decoded: the SDK does not).
    pub attributes: Vec<(String, String)>,
    /// What tells this process from others of the same service.
    pub instance: String,
    /// Since when it runs.
    pub started_at: Timestamp,
}

/// A collector; its address and headers are read by the SDK from the standard variables.
#[derive(Debug, Clone, Copy)]
pub struct Collector {
    /// Whether it is asked by plain http.
    pub is_plain: bool,
    /// How long one request may take.
    pub timeout: Duration,
}

/// Why nothing can be told.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// No client could be made.
    #[error("no client for the OTLP collector")]
    Client(#[from] reqwest::Error),
    /// The SDK does not take the settings.
    #[error("the OTLP exporter cannot be set up")]
    Exporter(#[from] ExporterBuildError),
    /// Prometheus' reader.
    #[error("metrics cannot be set up")]
    Metrics(#[from] OTelSdkError),
}

/// What is told of this process.
#[derive(Default)]
pub struct Telemetry {
    metrics: Option<Arc<Metrics>>,
    tracer: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// How long the last words may take.
    const GRACE: Duration = Duration::from_secs(2);

    /// Starts. To be called inside the runtime that is to carry what goes out.
    ///
    /// # Errors
    /// When the standard variables hold something that the SDK does not take.
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

    /// The metrics, where somebody wants them.
    #[must_use]
    pub const fn metrics(&self) -> Option<&Arc<Metrics>> {
        self.metrics.as_ref()
    }

    /// Who is told what happens.
    #[must_use]
    pub fn observer(&self) -> Arc<dyn Observer> {
        if self.metrics.is_none() && self.tracer.is_none() {
            return Arc::new(Unobserved);
        }
        Arc::new(Watcher {
            metrics: self.metrics.clone(),
            links: self.tracer.is_some().then(LinkTraces::default),
        })
    }

    /// What turns the spans of this service into traces.
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
        Some(layer.with_filter(LevelFilter::DEBUG.and(filter_fn(is_told))))
    }

    /// Says the last words, in bounded time.
    pub async fn stop(self) {
        let (done, is_done) = oneshot::channel();
        // The SDK waits for its threads; a thread of our own waits for it, and is left behind if that takes too long.
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

/// Spans of ours, and events that an operator would see.
fn is_told(metadata: &Metadata<'_>) -> bool {
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
    let metrics = Metrics::new(provider.build(), registry, providers, options.started_at);
    metrics.watch_exports(move || {
        let (taken, failed) = (&tally.taken, &tally.failed);
        (
            taken.load(Ordering::Relaxed),
            failed.load(Ordering::Relaxed),
        )
    });
    Ok(metrics)
}

/// Who this is. What the operator says in `OTEL_RESOURCE_ATTRIBUTES` wins, and `OTEL_SERVICE_NAME` over that.
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

/// Tells metrics and traces.
struct Watcher {
    metrics: Option<Arc<Metrics>>,
    links: Option<LinkTraces>,
}

impl Watcher {
    fn count(&self, tell: impl FnOnce(&Metrics)) {
        if let Some(metrics) = &self.metrics {
            tell(metrics);
        }
    }
}

impl Observer for Watcher {
    fn link_started(&self, link: LinkId, provider: &ProviderName) {
        self.count(|metrics| metrics.link_started(link, provider));
        if let Some(links) = &self.links {
            links.started(link);
        }
    }

    fn link_confirmed(&self, link: LinkId, provider: &ProviderName) {
        self.count(|metrics| metrics.link_confirmed(link, provider));
    }

    fn link_resumed(&self, link: LinkId) {
        if let Some(links) = &self.links {
            links.resumed(link);
        }
    }

    fn link_ended(&self, link: LinkId, provider: &ProviderName, how: LinkEnd) {
        self.count(|metrics| metrics.link_ended(link, provider, how));
        if let Some(links) = &self.links {
            links.ended(link);
        }
    }

    fn refresh_tried(
        &self,
        provider: &ProviderName,
        outcome: RefreshOutcome,
        lag: Option<Duration>,
    ) {
        self.count(|metrics| metrics.refresh_tried(provider, outcome, lag));
    }

    fn revocation_tried(&self, provider: &ProviderName, outcome: RevocationOutcome) {
        self.count(|metrics| metrics.revocation_tried(provider, outcome));
    }

    fn outage(&self, provider: &ProviderName, is_down: bool) {
        self.count(|metrics| metrics.outage(provider, is_down));
    }

    fn provider_asked(&self, call: &ProviderCall<'_>) {
        self.count(|metrics| metrics.provider_asked(call));
    }

    fn cache_asked(&self, cache: Cache, hit: bool) {
        self.count(|metrics| metrics.cache_asked(cache, hit));
    }

    fn counted(&self, census: &Census) {
        self.count(|metrics| metrics.counted(census));
    }
}
