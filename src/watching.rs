//! Metrics of the running service: counts requests and accounts, and serves scrapes.

use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::observe::Observer as _;
use central_oauth_domain::ports::Census;
use central_oauth_http_poem::{Answered, Requests};
use central_oauth_observer_opentelemetry::{
    Metrics, Telemetry, TraceHeaders, name_request, take_parent,
};
use poem::http::HeaderMap;
use poem::listener::TcpAcceptor;
use tokio::task::JoinHandle;
use tracing::Span;

use crate::runtime::{Stop, take_census, wait_for_stop};
use crate::wiring::{self, Store};

/// Maximum number of connections for scrapes.
const MOST_SCRAPERS: usize = 16;

/// Background work for metrics.
pub(crate) struct Watching {
    tasks: Vec<JoinHandle<()>>,
}

impl Watching {
    /// How long a stop waits for scrapes in progress.
    const GRACE: Duration = Duration::from_secs(1);

    /// Starts to count accounts and database connections. Serves scrapes if there is a listener for them.
    pub(crate) fn start(
        telemetry: &Telemetry,
        scraped: Option<TcpAcceptor>,
        store: &Arc<Store>,
        stop: &Stop,
    ) -> Self {
        let Some(metrics) = telemetry.metrics() else {
            return Self { tasks: Vec::new() };
        };
        let connections = Arc::clone(store);
        metrics.watch_connections(move || {
            let pool = connections.pool_use();
            (pool.busy, pool.open)
        });
        let counted = Arc::clone(metrics);
        let report = move |census: &Census, at, took| {
            counted.counted(census);
            counted.census_ended(at, took);
        };
        let census = take_census(store.clone(), wiring::clock(), stop.clone(), report);
        let mut tasks = vec![tokio::spawn(census)];
        if let Some(acceptor) = scraped {
            let answering = answer_scrapes(acceptor, Arc::clone(metrics), stop.clone());
            tasks.push(tokio::spawn(answering));
        }
        Self { tasks }
    }

    /// Waits until the tasks have ended, after `stop` was signalled. Ignores their panics, because the process ends
    /// anyway.
    pub(crate) async fn stop(self) {
        for task in self.tasks {
            let _ = task.await;
        }
    }
}

async fn answer_scrapes(acceptor: TcpAcceptor, metrics: Arc<Metrics>, stop: Stop) {
    let app = central_oauth_http_poem::metrics_app(move || metrics.text());
    let stopped = wait_for_stop(stop);
    central_oauth_http_poem::serve(acceptor, MOST_SCRAPERS, app, stopped, Watching::GRACE).await;
}

/// Returns the observer of requests, if metrics or traces are enabled.
pub(crate) fn requests(telemetry: &Telemetry) -> Option<Arc<dyn Requests>> {
    let watched = Watched {
        metrics: telemetry.metrics().cloned(),
        is_traced: telemetry.is_traced(),
    };
    (watched.is_traced || watched.metrics.is_some()).then(|| Arc::new(watched) as _)
}

struct Watched {
    metrics: Option<Arc<Metrics>>,
    is_traced: bool,
}

impl Requests for Watched {
    fn began(&self, span: &Span, headers: &HeaderMap) {
        if !self.is_traced {
            return;
        }
        let header = |name: &str| headers.get(name)?.to_str().ok();
        let headers = TraceHeaders {
            parent: header("traceparent"),
            state: header("tracestate"),
        };
        take_parent(span, &headers);
    }

    fn answered(&self, span: &Span, answered: &Answered<'_>) {
        if self.is_traced {
            name_request(span, answered.method, answered.route, answered.status);
        }
        if let Some(metrics) = &self.metrics {
            let (method, route) = (answered.method, answered.route);
            metrics.answered(method, route, answered.status, answered.took);
        }
    }
}
