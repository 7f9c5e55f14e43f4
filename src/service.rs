//! The running service, from start to stop: store, HTTP server and background work.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::audit::Actor;
use central_oauth_domain::link::ReturnCodePolicy;
use central_oauth_domain::usecases::{
    AuditLog, AuditSettings, Courier, Operators, Services, Settings, Workers,
};
use central_oauth_http_poem::{AllowedHosts, Certificate, Connections, HttpSettings, TlsAcceptor};
use central_oauth_observer_opentelemetry::Telemetry;
use poem::listener::{Acceptor, Listener, TcpAcceptor, TcpListener};
use poem::{IntoEndpoint, Server};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use url::Url;

use crate::config::{
    ConfigError, Environment, HttpConfig, Keys, LinkConfig, OperatorDetailsConfig, ProviderConfig,
    SecretKeys, StoreConfig, TelemetryConfig, WebhookConfig, WorkloadConfig,
};
use crate::descriptors::most_connections;
use crate::exit::{Exit, Failure};
use crate::runtime::{Outbox, Refreshes, Stop};
use crate::watching::Watching;
use crate::wiring::OpenStore;
use crate::{audit_start, config, runtime, watching, wiring};

/// Everything that the service needs to know before it starts.
pub(crate) struct ServiceConfig {
    pub(crate) store: StoreConfig,
    pub(crate) keys: Keys,
    pub(crate) http: HttpConfig,
    pub(crate) links: LinkConfig,
    pub(crate) operator: OperatorDetailsConfig,
    pub(crate) providers: ProviderConfig,
    pub(crate) webhooks: Option<WebhookConfig>,
    pub(crate) workloads: Option<WorkloadConfig>,
    pub(crate) audit: AuditSettings,
    /// The address of the metrics listener.
    pub(crate) metrics: Option<SocketAddr>,
}

impl ServiceConfig {
    /// Reads all sections. Fails at the first malformed variable.
    pub(crate) fn read(
        environment: &Environment,
        telemetry: &TelemetryConfig,
    ) -> Result<Self, ConfigError> {
        let links = LinkConfig::read(environment)?;
        let providers = ProviderConfig::read(environment, links.provider_timeout)?;
        Ok(Self {
            store: StoreConfig::read(environment)?,
            keys: Keys::read(environment)?,
            http: HttpConfig::read(environment)?,
            webhooks: WebhookConfig::read(environment)?,
            operator: OperatorDetailsConfig::read(environment)?,
            workloads: WorkloadConfig::read(environment, &providers)?,
            providers,
            links,
            audit: config::audit_settings(environment)?,
            metrics: telemetry.scraped_at,
        })
    }
}

/// Grace period of running requests after the stop signal.
const GRACE: Duration = Duration::from_secs(15);

/// A service that accepts requests.
pub(crate) struct Service {
    listen: SocketAddr,
    metrics: Option<SocketAddr>,
    public_url: Url,
    stop: watch::Sender<bool>,
    server: JoinHandle<io::Result<()>>,
    coordinator: JoinHandle<bool>,
    housekeeping: JoinHandle<()>,
    scheduler: JoinHandle<()>,
    refreshes: Refreshes,
    worker: JoinHandle<()>,
    outbox: Outbox,
    /// Grace period of provider calls in progress.
    grace: Duration,
    /// The task that has ended.
    ended: mpsc::UnboundedReceiver<&'static str>,
    watching: Watching,
    audit: Arc<AuditLog>,
    auditing: JoinHandle<()>,
    delivering: JoinHandle<()>,
    store: OpenStore,
    operators: Arc<Operators>,
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
        let (acceptor, listen) = bind(http.listen).await?;
        let (scraped, metrics) = match config.metrics {
            Some(address) => Some(bind(address).await?).unzip(),
            None => (None, None),
        };
        let public_url = http.public_url(listen)?;
        let links = &config.links;
        let (issuers, warning) = (config.providers.issuers(), config.providers.warning());
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
        let workloads = workloads.map(|it| wiring::workloads(it, &ports.clock));
        let settings = Settings {
            workloads: workloads.transpose()?,
            ..wiring::settings(&keys, links, &public_url, listen)
        };
        let webhooks = config.webhooks.map(wiring::webhooks).transpose()?;
        let couriers = webhooks.map(|webhooks| Courier::all(&ports, &settings, &webhooks));
        let workers = Workers::new(&ports, &settings);
        let refreshes = Refreshes::new(Arc::clone(&workers.refresher));
        let outbox = Outbox::new(Arc::clone(&workers.revoker));
        let workers = Workers {
            refresh_on_demand: Arc::new(refreshes.clone()),
            revoke_on_demand: Arc::new(outbox.clone()),
            ..workers
        };
        let services = Arc::new(Services::new(&ports, &settings, workers));
        services.audit.record(started, Actor::Service, None);
        if let Some(warning) = warning {
            tracing::warn!("{warning}");
        }
        if links.return_code == ReturnCodePolicy::Required {
            let by_device_flow = services
                .providers
                .iter()
                .filter(|one| !one.sends_browsers_back());
            for provider in by_device_flow {
                let provider = provider.name();
                tracing::warn!(%provider, "nobody can link an account: CENTRAL_OAUTH_RETURN_CODE is `required`, and the device flow has no return code");
            }
        }
        runtime::look_up_issuers(&services.providers, issuers);
        let connections = Connections::new(most_connections());
        let app = central_oauth_http_poem::app(
            Arc::clone(&services),
            HttpSettings {
                public_url: public_url.clone(),
                allowed_hosts: http
                    .allowed_hosts()
                    .map_or_else(AllowedHosts::any, AllowedHosts::only),
                trusted_proxies: http.trusted_proxies.clone(),
                connections: connections.clone(),
                operator: config.operator.details,
            },
            watching::requests(telemetry),
        );
        let (stop, stopped) = watch::channel(false);
        let watching = Watching::start(telemetry, scraped, &store, &stopped);
        if let Some(certificate) = &certificate {
            let following = runtime::follow_certificate(Arc::clone(certificate), stopped.clone());
            tokio::spawn(following);
        }
        let server = serve(acceptor, certificate, &connections, app, stopped.clone());
        let grace = runtime::grace(links.provider_timeout);
        let operators = Arc::clone(&services.operators);
        let polls = runtime::coordinate(Arc::clone(&services.redeemer), stopped.clone(), grace);
        let confirming = runtime::confirm_tokens(Arc::clone(&services), stopped.clone());
        let audit = Arc::clone(&services.audit);
        let auditing = runtime::store_audit_entries(Arc::clone(&audit), stopped.clone());
        let housekeeping = runtime::keep_house(services, stopped.clone());
        let scheduler = refreshes.clone().schedule(stopped.clone());
        let delivering = runtime::deliver_webhooks(couriers.unwrap_or_default(), stopped.clone());
        let (tell, ended) = mpsc::unbounded_channel();
        watched("confirming tokens", &tell, confirming);
        let watch_key = runtime::watch_key(keys.secret, stopped.clone());
        watched("the check of the secret key", &tell, watch_key);
        Ok(Self {
            listen,
            metrics,
            public_url,
            stop,
            server: watched("the server", &tell, server),
            coordinator: watched("polling for links", &tell, polls),
            housekeeping: watched("housekeeping", &tell, housekeeping),
            audit,
            delivering: watched("delivering webhooks", &tell, delivering),
            auditing: watched("the audit log", &tell, auditing),
            scheduler: watched("refreshing", &tell, scheduler),
            refreshes,
            worker: watched("revoking", &tell, outbox.clone().work_off(stopped.clone())),
            outbox,
            grace,
            ended,
            watching,
            store,
            operators,
        })
    }

    /// Returns the listen address.
    pub(crate) const fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Returns the address of the metrics listener.
    pub(crate) const fn metrics(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// The keys of operators.
    pub(crate) fn operators(&self) -> Arc<Operators> {
        Arc::clone(&self.operators)
    }

    /// The audit log.
    pub(crate) fn audit(&self) -> Arc<AuditLog> {
        Arc::clone(&self.audit)
    }

    /// Returns the URL at which people and programs reach the service.
    pub(crate) const fn url(&self) -> &Url {
        &self.public_url
    }

    /// Serves until `stop` completes, then finishes work in progress. If a part of the service ends by itself,
    /// the others finish as well: a service that neglects links or grants must be restarted.
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
        // All at once: the supervisor waits for one grace period, not for three.
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
        // Last, because the others have recorded entries until now.
        runtime::store_last_audit_entries(&self.audit).await;
        self.watching.stop().await;
        self.store.close().await?;
        server.map_err(Failure::other)??;
        let ended = tidied.and(audited).and(delivered).and(revoked);
        ended.map_err(Failure::other)?;
        let recorded = recorded.map_err(Failure::other)?;
        let saved = saved.map_err(Failure::other)?;
        if recorded && saved {
            tracing::info!("stopped");
            Ok(Exit::Done)
        } else {
            let message = "stopped before all responses of providers were saved";
            Err(Failure::new(Exit::Other, message))
        }
    }
}

/// Answers requests until told to stop, then finishes running ones; with TLS if there is a certificate.
pub(crate) fn serve(
    acceptor: TcpAcceptor,
    certificate: Option<Arc<Certificate>>,
    connections: &Connections,
    app: impl IntoEndpoint<Endpoint: 'static> + Send + 'static,
    stopped: Stop,
) -> Pin<Box<dyn Future<Output = io::Result<()>> + Send>> {
    match certificate {
        None => Box::pin(answer(connections.guard(acceptor), app, stopped)),
        Some(certificate) => {
            let acceptor = connections.guard(TlsAcceptor::new(acceptor, certificate));
            Box::pin(answer(acceptor, app, stopped))
        }
    }
}

async fn answer(
    acceptor: impl Acceptor + 'static,
    app: impl IntoEndpoint<Endpoint: 'static>,
    mut stopped: Stop,
) -> io::Result<()> {
    let stop = async move {
        // An error means that the sender is gone, which also means to stop.
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    let server = Server::new_with_acceptor(acceptor);
    server
        .run_with_graceful_shutdown(app, stop, Some(GRACE))
        .await
}

/// Spawns a part of the service, and reports its end, even by a panic.
fn watched<T: Send + 'static>(
    part: &'static str,
    tell: &mpsc::UnboundedSender<&'static str>,
    task: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    let watch = Watch(part, tell.clone());
    tokio::spawn(async move {
        let _watch = watch;
        task.await
    })
}

struct Watch(&'static str, mpsc::UnboundedSender<&'static str>);

impl Drop for Watch {
    fn drop(&mut self) {
        // Nobody receives this if the service stops.
        let _ = self.1.send(self.0);
    }
}

pub(crate) async fn bind(address: SocketAddr) -> Result<(TcpAcceptor, SocketAddr), Failure> {
    let failed = |error: io::Error| {
        Failure::new(Exit::Other, format!("cannot listen on {address}: {error}"))
    };
    let acceptor = TcpListener::bind(address)
        .into_acceptor()
        .await
        .map_err(failed)?;
    let bound = acceptor.local_addr();
    let bound = bound
        .iter()
        .find_map(|bound| bound.as_socket_addr().copied());
    Ok((acceptor, bound.unwrap_or(address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_panics_is_reported_by_its_name() {
        let (tell, mut ended) = mpsc::unbounded_channel();
        let well = watched("one that waits", &tell, std::future::pending::<()>());
        let ill = watched("one that falls", &tell, async { panic!("it falls") });
        assert_eq!(ended.recv().await, Some("one that falls"));
        let _: Result<(), _> = ill.await;
        assert!(!well.is_finished() && ended.try_recv().is_err());
        well.abort();
    }
}
