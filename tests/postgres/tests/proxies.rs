//! The servers in front of a cluster.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client;

use std::collections::BTreeSet;
use std::panic::catch_unwind;

use central_oauth_test_postgres::{Cluster, HaProxy, PgBouncer, Tls};
use client::{Client, refusal};

const PID: &str = "SELECT pg_backend_pid()";

#[test]
fn clients_of_pgbouncer_share_server_connections() {
    let cluster = Cluster::shared();
    let bouncer = PgBouncer::start(cluster);
    let database = cluster.create_database();
    let url = bouncer.url(&database.name);
    let mut clients: Vec<_> = (0..6).map(|_| Client::connect(&url)).collect();
    let ids: BTreeSet<_> = clients.iter_mut().map(|client| client.ask(PID)).collect();
    assert!(!ids.contains(""), "{}", bouncer.log_tail());
    assert!(ids.len() <= 2, "{ids:?}");

    // A transaction occupies a server connection, and there are only two.
    let [first, second] = [0, 1].map(|i| clients[i].ask(&format!("BEGIN; {PID}")));
    assert_ne!(first, second);
    assert_eq!(clients[0].ask(PID), first);
    clients[0].ask("ROLLBACK; SELECT 1");
    assert_eq!(clients[2].ask(PID), first);
}

#[test]
fn pgbouncer_checks_the_password() {
    let cluster = Cluster::shared();
    let bouncer = PgBouncer::start(cluster);
    let wrong = bouncer.url("postgres").replace(cluster.password(), "wrong");
    assert!(refusal(&wrong).contains("FATAL"));
}

#[test]
fn pgbouncer_goes_along_with_tls() {
    let cluster = Cluster::start_with(Tls::Required);
    let bouncer = PgBouncer::start(&cluster);
    assert_ne!(Client::connect(&bouncer.url("postgres")).ask(PID), "");
}

#[test]
fn haproxy_leads_to_a_cluster() {
    let cluster = Cluster::shared();
    let proxy = HaProxy::start(|port| leading_to(port, cluster.port()));
    let direct = cluster.url("postgres");
    let url = direct.replace(&cluster.port().to_string(), &proxy.port().to_string());
    assert_ne!(url, direct);
    assert_ne!(Client::connect(&url).ask(PID), "");
    drop(proxy);
    assert!(refusal(&url).contains("refused"));
}

#[test]
fn haproxy_says_what_it_does_not_like() {
    let refused = catch_unwind(|| HaProxy::start(|_| "nonsense\n".to_owned())).unwrap_err();
    let reason = refused.downcast_ref::<String>().unwrap();
    assert!(reason.contains("unknown keyword 'nonsense'"), "{reason}");
}

fn leading_to(port: u16, target: u16) -> String {
    format!(
        "defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
listen postgres
  bind 127.0.0.1:{port}
  server cluster 127.0.0.1:{target}
"
    )
}
