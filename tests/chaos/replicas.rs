//! Several replicas on one PostgreSQL, the last of them in a network namespace if that is permitted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use central_oauth_test_postgres::{Cluster, Database};
use central_oauth_test_sandbox::Sandbox;
use tokio::sync::RwLock;
use tokio::task::AbortHandle;

use crate::support::service::Service;

use super::front::{Front, Neighbours, listen};
use super::kept_logs;
use super::namespace::Namespace;

/// The environment of replicas.
pub(super) struct Around {
    /// The database server; another one after each failover.
    cluster: Mutex<Arc<Cluster>>,
    /// The synchronous standby that takes over next; none during a failover.
    standby: Mutex<Option<Cluster>>,
    pub(super) database: Database,
    /// The namespace of the last replica, if that is permitted.
    pub(super) namespace: Option<Namespace>,
    pub(super) front: Front,
    /// A service does not start without its database, so the database is not stopped while one starts.
    pub(super) database_is_up: RwLock<()>,
    fronts: Vec<AbortHandle>,
}

impl Around {
    /// Returns whether the last replica can be cut off from the database.
    pub(super) fn can_cut_off(&self) -> bool {
        self.namespace.is_some()
    }

    /// Returns the database server.
    pub(super) fn cluster(&self) -> Arc<Cluster> {
        Arc::clone(&lock(&self.cluster))
    }

    /// Ends the database server. Its synchronous standby takes over at the same address.
    pub(super) fn fail_over(&self) {
        let standby = lock(&self.standby).take().expect("there is a standby");
        standby.take_over(&self.cluster());
        *lock(&self.cluster) = Arc::new(standby);
    }

    /// Starts the standby of the server that has taken over.
    pub(super) fn replace_standby(&self) {
        *lock(&self.standby) = Some(self.cluster().start_standby());
    }
}

impl Drop for Around {
    fn drop(&mut self) {
        for front in &self.fronts {
            front.abort();
        }
    }
}

/// Starts this many replicas.
pub(super) async fn start(
    sandbox: &Arc<Sandbox>,
    count: usize,
    provider_timeout: Duration,
) -> (Vec<Service>, Arc<Around>) {
    let namespace = Namespace::create();
    if let Err(why) = &namespace {
        eprintln!("NO REPLICA IS PARTITIONED: there are no network namespaces here: {why}");
    }
    let namespace = namespace.ok();
    let cluster = match &namespace {
        Some(namespace) => Cluster::start_also_at(namespace.database()),
        None => Cluster::start(),
    };
    let database = cluster.create_database();
    let standby = cluster.start_standby();
    let (listener, port) = listen().await;
    let mut services = Vec::new();
    for number in 0..count {
        let inside = namespace.as_ref().filter(|_| number + 1 == count);
        let mut service = prepare(sandbox, port, &database.url, inside);
        let timeout = provider_timeout.as_secs().to_string();
        service.set("PROVIDER_TIMEOUT", &timeout);
        services.push(service);
    }
    let front = Front::new(sandbox);
    let ids = services.iter().map(|service| Arc::clone(&service.id));
    let all = Neighbours::Any(ids.enumerate().collect());
    let mut fronts = vec![tokio::spawn(front.clone().serve(listener, all)).abort_handle()];
    if let Some(namespace) = &namespace {
        let listener = inside(namespace, port);
        let last = Neighbours::One(count - 1);
        fronts.push(tokio::spawn(front.clone().serve(listener, last)).abort_handle());
    }
    for service in &mut services {
        service.run().await;
    }
    let around = Around {
        cluster: Mutex::new(Arc::new(cluster)),
        standby: Mutex::new(Some(standby)),
        database,
        namespace,
        front,
        database_is_up: RwLock::default(),
        fronts,
    };
    (services, Arc::new(around))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn prepare(sandbox: &Sandbox, port: u16, database: &str, inside: Option<&Namespace>) -> Service {
    let mut service = Service::prepare_for(sandbox);
    kept_logs::set_level(&mut service);
    let (at, front) = (sandbox.endpoints(), format!("http://127.0.0.1:{port}"));
    for (name, url) in [
        ("PROVIDER_TOKEN_ENDPOINT", &at.token),
        (
            "PROVIDER_DEVICE_AUTHORIZATION_ENDPOINT",
            &at.device_authorization,
        ),
        ("PROVIDER_USERINFO_ENDPOINT", &at.userinfo),
        ("PROVIDER_REVOCATION_ENDPOINT", &at.revocation),
    ] {
        service.set(name, &url.replace(sandbox.base_url(), &front));
    }
    let Some(namespace) = inside else {
        service.set("DATABASE_URL", database);
        return service;
    };
    service.move_to(namespace.name(), &namespace.replica().to_string());
    let address = namespace.database().to_string();
    service.set("DATABASE_URL", &database.replace("127.0.0.1", &address));
    service
}

fn inside(namespace: &Namespace, port: u16) -> tokio::net::TcpListener {
    let listener = namespace.listen(port);
    let ready = listener.set_nonblocking(true);
    ready.expect("a listener need not block");
    tokio::net::TcpListener::from_std(listener).expect("no listener")
}
