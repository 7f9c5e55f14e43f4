//! A cluster starts, loses its connections, stops, crashes, and recovers what was committed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client;

use std::time::Instant;

use central_oauth_test_postgres::{Cluster, Tls, psql};
use client::{Client, refusal};

#[test]
fn databases_are_fresh_and_separate() {
    let cluster = Cluster::shared();
    let [one, two] = [cluster.create_database(), cluster.create_database()];
    assert_ne!(one.name, two.name);
    assert_eq!(one.url, cluster.url(&one.name));
    cluster.execute(&one.name, "CREATE TABLE t (a int, b text)");
    cluster.execute(&one.name, "INSERT INTO t VALUES (1, 'x'), (2, NULL)");
    let rows = cluster.execute(&one.name, "SELECT * FROM t ORDER BY a");
    assert_eq!(rows, "1|x\n2|");
    assert_eq!(tables(cluster, &two.name), "0");
    let output = psql(&two.url).args(["-c", "SELECT 7"]).output().unwrap();
    assert_eq!(output.stdout, b"7\n");
}

#[test]
fn databases_are_made_quickly_and_side_by_side() {
    let cluster = Cluster::shared();
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..5).for_each(|_| drop(cluster.create_database())));
        }
    });
    // `--nocapture` shows this line. The test asserts no limit, because the duration depends on the machine.
    println!("20 databases in {:?}", start.elapsed());
}

#[test]
fn a_synchronous_standby_takes_over_with_all_that_was_committed() {
    let mut cluster = Cluster::start();
    let database = cluster.create_database();
    cluster.execute(&database.name, "CREATE TABLE t (a int)");
    for round in 1..=2 {
        let standby = cluster.start_standby();
        cluster.execute(&database.name, &format!("INSERT INTO t VALUES ({round})"));
        standby.take_over(&cluster);
        assert_eq!(standby.url(&database.name), database.url);
        cluster = standby;
        let rows = cluster.execute(&database.name, "SELECT count(*) FROM t");
        assert_eq!(rows, round.to_string());
    }
}

#[test]
fn a_server_that_ended_by_itself_is_revived() {
    let cluster = Cluster::start();
    cluster.kill();
    cluster.revive();
    assert_eq!(cluster.execute("postgres", "SELECT 7"), "7");
}

#[test]
fn the_password_is_checked() {
    let cluster = Cluster::shared();
    let wrong = cluster.url("postgres").replace(cluster.password(), "wrong");
    assert!(refusal(&wrong).contains("password authentication failed"));
}

#[test]
fn a_restart_cuts_connections_and_keeps_port_and_data() {
    let cluster = Cluster::start();
    let database = cluster.create_database();
    cluster.execute(&database.name, "CREATE TABLE t (a int)");
    let (port, mut client) = (cluster.port(), Client::connect(&database.url));
    assert_eq!(client.ask("SELECT 1"), "1");
    cluster.restart();
    assert_eq!(client.ask("SELECT 1"), "");
    assert_eq!(cluster.port(), port);
    assert_eq!(tables(&cluster, &database.name), "1");
}

#[test]
fn a_crash_loses_what_was_not_committed() {
    let cluster = Cluster::start();
    let database = cluster.create_database();
    cluster.execute(&database.name, "CREATE TABLE t (a int)");
    let mut client = Client::connect(&database.url);
    client.ask("BEGIN; INSERT INTO t VALUES (1) RETURNING a");
    cluster.kill();
    assert!(refusal(&database.url).contains("refused"));
    cluster.start_again();
    let rows = cluster.execute(&database.name, "SELECT count(*) FROM t");
    assert_eq!(rows, "0");
    assert!(cluster.log_tail().contains("not properly shut down"));
}

#[test]
fn connections_to_one_database_are_cut() {
    let cluster = Cluster::shared();
    let [one, two] = [cluster.create_database(), cluster.create_database()];
    let mut clients = [&one, &two].map(|database| Client::connect(&database.url));
    for client in &mut clients {
        assert_eq!(client.ask("SELECT 1"), "1");
    }
    cluster.cut_connections(&one.name);
    assert_eq!(clients[0].ask("SELECT 2"), "");
    assert_eq!(clients[1].ask("SELECT 2"), "2");
}

#[test]
fn tls_is_offered_or_required() {
    const SSL: &str = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    for tls in [Tls::Offered, Tls::Required] {
        let cluster = Cluster::start_with(tls);
        let url = cluster.url("postgres");
        let ca = cluster.ca_file();
        let verified = format!("{url}?sslmode=verify-full&sslrootcert={}", ca.display());
        let by_name = verified.replace("127.0.0.1", "localhost");
        for url in [&verified, &by_name] {
            assert_eq!(Client::connect(url).ask(SSL), "t");
        }
        let plain = format!("{url}?sslmode=disable");
        match tls {
            Tls::Required => assert!(refusal(&plain).contains("no encryption")),
            _ => assert_eq!(Client::connect(&plain).ask(SSL), "f"),
        }
    }
    let without = Cluster::shared().url("postgres") + "?sslmode=require";
    assert!(refusal(&without).contains("does not support SSL"));
}

fn tables(cluster: &Cluster, database: &str) -> String {
    let sql = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    cluster.execute(database, sql)
}
