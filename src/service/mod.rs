//! The running service, from start to stop: store, HTTP server and background work.

mod audit_start;
mod config;
mod parts;
mod server;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::audit::Actor;
use central_oauth_domain::link::ReturnCodePolicy;
use central_oauth_domain::usecases::{
    AuditLog, Operators, Providers, Services, Settings, WebhookDispatcher, Workers,
};
use central_oauth_http_poem::HttpSettings;
use central_oauth_observer_opentelemetry::Telemetry;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use url::Url;

use crate::config::SecretKeys;
use crate::exit::{Exit, Failure};
use crate::runtime::{Outbox, Refreshes};
use crate::watching::Watching;
use crate::wiring::Store;
use crate::{runtime, watching, wiring};
use parts::Parts;

pub(crate) use config::ServiceConfig;
pub(crate) use server::{bind, serve};

/// A service that accepts requests.
pub(crate) struct Service {
    pub(crate) listen: SocketAddr,
    pub(crate) metrics: Option<SocketAddr>,
    /// The public URL of the service.
    pub(crate) url: Url,
    pub(crate) audit: Arc<AuditLog>,
    pub(crate) operators: Arc<Operators>,
    stop: watch::Sender<bool>,
    /// Becomes `true` when all parts that use the store have ended, except `presence`.
    others_ended: watch::Sender<bool>,
    presence: JoinHandle<()>,
    server: JoinHandle<()>,
    coordinator: JoinHandle<bool>,
    housekeeping: JoinHandle<()>,
    scheduler: JoinHandle<()>,
    refreshes: Refreshes,
    worker: JoinHandle<()>,
    outbox: Outbox,
    /// Grace period of provider calls in progress.
    grace: Duration,
    /// Receives the name of each part that has ended.
    ended: mpsc::UnboundedReceiver<&'static str>,
    watching: Watching,
    auditing: JoinHandle<()>,
    delivering: JoinHandle<()>,
    store: Arc<Store>,
}

impl Service {
    /// Opens the store, migrates its schema and starts to serve.
    pub(crate) async fn start(
        config: ServiceConfig,
        secret_keys: &SecretKeys,
        telemetry: &Telemetry,
    ) -> Result<Self, Failure> {
        let http = &config.http;
        let certificate = http.certificate()?;
        let (acceptor, listen) = bind(http.listen, "CENTRAL_OAUTH_LISTEN_ADDR").await?;
        let (scraped, metrics) = match config.metrics {
            Some(address) => Some(bind(address, "CENTRAL_OAUTH_METRICS_ADDR").await?).unzip(),
            None => (None, None),
        };
        let public_url = http.public_url(listen)?;
        let links = &config.links;
        let (issuers, warnings) = (config.providers.issuers(), config.providers.warnings());
        let started = audit_start::service_started(&config, &public_url, listen);
        let keys = config.keys;
        let wired = wiring::ports(
            config.store,
            secret_keys,
            config.providers,
            telemetry.observer(),
            config.audit,
        );
        let (ports, store) = wired.await?;
        let workloads = config.workloads;
        let workloads = workloads.map(|config| wiring::workloads(config, &ports.clock));
        let settings = Settings {
            workloads: workloads.transpose()?,
            ..wiring::settings(&keys, links, &public_url, listen)
        };
        let webhooks = config.webhooks.map(wiring::webhooks).transpose()?;
        let dispatchers =
            webhooks.map(|webhooks| WebhookDispatcher::all(&ports, &settings, &webhooks));
        let workers = Workers::new(&ports, &settings);
        let refreshes = Refreshes::new(Arc::clone(&workers.refresher));
        let outbox = Outbox::new(Arc::clone(&workers.revoker));
        let (refresh, revoke) = (Arc::new(refreshes.clone()), Arc::new(outbox.clone()));
        let services = Services::new(&ports, &settings, workers, refresh, revoke);
        let services = Arc::new(services);
        services.audit.record(started, Actor::Service, None);
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        if links.return_code == ReturnCodePolicy::Required {
            warn_of_device_flows(&services.providers);
        }
        runtime::look_up_issuers(&services.providers, issuers);
        let operators = Arc::clone(&services.operators);
        let audit = Arc::clone(&services.audit);
        let app = central_oauth_http_poem::app(
            Arc::clone(&services),
            HttpSettings {
                public_url: public_url.clone(),
                allowed_hosts: http.allowed_hosts(),
                trusted_proxies: http.trusted_proxies.clone(),
                operator: config.operator,
            },
            watching::requests(telemetry),
        );
        let (stop, stopped) = watch::channel(false);
        let watching = Watching::start(telemetry, scraped, &store, &stopped);
        runtime::check_in_first(&services).await;
        let grace = links.provider_timeout + runtime::TO_RECORD;
        let (parts, ended) = Parts::new(stopped);
        let (others_ended, gone) = watch::channel(false);
        let presence = parts.start("checking in", |_| {
            runtime::stay_checked_in(Arc::clone(&services), gone)
        });
        if let Some(certificate) = certificate.clone() {
            parts.start("reloading the certificate", |stop| {
                runtime::follow_certificate(certificate, wiring::clock(), stop)
            });
        }
        parts.start("revalidating cached tokens", |stop| {
            runtime::revalidate_cached_tokens(Arc::clone(&services), stop)
        });
        parts.start("the check of the secret key", |stop| {
            runtime::watch_key(keys.secret, stop)
        });
        Ok(Self {
            listen,
            metrics,
            url: public_url,
            server: parts.start("the server", |stop| serve(acceptor, certificate, app, stop)),
            coordinator: parts.start("polling for links", |stop| {
                runtime::coordinate(Arc::clone(&services.redeemer), stop, grace)
            }),
            delivering: parts.start("delivering webhooks", |stop| {
                runtime::deliver_webhooks(dispatchers.unwrap_or_default(), stop)
            }),
            auditing: parts.start("the audit log", |stop| {
                runtime::store_audit_entries(Arc::clone(&audit), stop)
            }),
            scheduler: parts.start("refreshing", |stop| refreshes.clone().schedule(stop)),
            worker: parts.start("revoking", |stop| outbox.clone().run(stop)),
            housekeeping: parts.start("housekeeping", |stop| {
                runtime::run_housekeeping(services, stop)
            }),
            audit,
            operators,
            stop,
            others_ended,
            presence,
            refreshes,
            outbox,
            grace,
            ended,
            watching,
            store,
        })
    }

    /// Serves until `stop` completes, then finishes work in progress. If a part of the service ends by itself, stops
    /// the others too, because a service that neglects links or grants must be restarted.
    ///
    /// # Errors
    /// When a part has ended by itself, or a response could not be saved.
    pub(crate) async fn run_until(
        mut self,
        stop: impl Future<Output = ()>,
    ) -> Result<Exit, Failure> {
        let ended = tokio::select! {
            () = stop => None,
            ended = self.ended.recv() => ended,
        };
        if let Some(part) = ended {
            tracing::error!(part, "a part of the service has ended by itself");
        }
        let stopped = self.stop().await?;
        match ended {
            None => Ok(stopped),
            Some(part) => {
                let message = format!("{part} ended by itself");
                Err(Failure::new(Exit::Other, message))
            }
        }
    }

    /// Starts no new work, finishes work in progress within a grace period, and ends.
    pub(crate) async fn stop(self) -> Result<Exit, Failure> {
        tracing::info!("stopping");
        self.stop.send_replace(true);
        // All parts end concurrently, so that a stop takes one grace period instead of three.
        let refreshing = async {
            let scheduled = self.scheduler.await;
            let saved = self.refreshes.finish(self.grace).await;
            scheduled.map(|()| saved)
        };
        let revoking = async {
            let worked = self.worker.await;
            self.outbox.finish(self.grace).await;
            worked
        };
        let (server, recorded, tidied, audited, delivered, saved, revoked) = tokio::join!(
            self.server,
            self.coordinator,
            self.housekeeping,
            self.auditing,
            self.delivering,
            refreshing,
            revoking
        );
        // The last entries are stored only now, because the parts above record entries until they end.
        runtime::store_last_audit_entries(&self.audit).await;
        self.watching.stop().await;
        self.others_ended.send_replace(true);
        let present = self.presence.await;
        self.store.close().await?;
        server?;
        let ended = tidied.and(audited).and(delivered).and(revoked).and(present);
        ended?;
        let recorded = recorded?;
        let saved = saved?;
        if recorded && saved {
            tracing::info!("stopped");
            Ok(Exit::Done)
        } else {
            let message = "stopped before all responses of providers were saved";
            Err(Failure::new(Exit::Other, message))
        }
    }
}

fn warn_of_device_flows(providers: &Providers) {
    for provider in providers.iter().filter(|one| !one.uses_redirects()) {
        let provider = provider.name();
        tracing::warn!(%provider, "nobody can link an account: CENTRAL_OAUTH_RETURN_CODE is `required`, and the device flow has no return code");
    }
}
