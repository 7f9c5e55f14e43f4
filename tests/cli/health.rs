//! `health`, as a container's health check runs it.

use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait as _, Database};
use tokio::net::TcpListener;

use super::machine::Run;
use crate::support::service::Service;

#[tokio::test]
async fn a_service_that_is_well_is_ready() {
    let mut service = Service::start(&[]).await;
    for (arguments, word) in [
        (&["health"][..], "ready\n"),
        (&["health", "--live"], "ok\n"),
    ] {
        let run = Run::of(service.command(arguments)).await;
        assert_eq!(run.expect(0).stdout, word);
    }
    let port = service.url("");
    let port = port.rsplit_once(':').unwrap().1.to_owned();
    service.set("LISTEN_ADDR", &format!("0.0.0.0:{port}"));
    Run::of(service.command(&["health"])).await.expect(0);
    assert!(service.stop().await.success());
    let run = Run::of(service.command(&["health"])).await;
    let run = run.expect(1);
    assert!(run.stderr.contains("cannot be reached"), "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
}

#[tokio::test]
async fn a_service_that_cannot_do_its_work_says_why() {
    let service = Service::start(&[]).await;
    let file = service.file("central-oauth.sqlite3");
    let database = Database::connect(format!("sqlite://{}", file.display()));
    let database = database.await.unwrap();
    // Without its hash key, the service can use nothing that is stored.
    let lost = database.execute_unprepared("DELETE FROM service_keys");
    lost.await.unwrap();
    // The service caches the result for a second.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let run = Run::of(service.command(&["health"])).await.expect(1);
    assert!(run.stderr.contains("(not_ready)"), "{}", run.stderr);
    assert!(run.stderr.contains("key"), "{}", run.stderr);
    let run = Run::of(service.command(&["health", "--live"])).await;
    assert_eq!(run.expect(0).stdout, "ok\n");
}

#[tokio::test]
async fn what_does_not_answer_is_not_waited_for() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", silent.local_addr().unwrap());
    let service = Service::prepare(&[]);
    let started = Instant::now();
    let run = Run::of(service.command(&["health", "--server", &server])).await;
    run.expect(1);
    assert!(started.elapsed() < Duration::from_secs(20));
    let run = Run::of(service.command(&["health", "--server", "nowhere"])).await;
    run.expect(2);
}

#[tokio::test]
async fn this_machine_is_asked_without_a_proxy() {
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut service = Service::prepare(&[]);
    // An address that nobody has.
    service.set("LISTEN_ADDR", "240.0.0.1:8080");
    service.set_other(
        "HTTP_PROXY",
        &format!("http://{}", proxy.local_addr().unwrap()),
    );
    Run::of(service.command(&["health"])).await.expect(1);
    let asked = tokio::time::timeout(Duration::from_millis(100), proxy.accept()).await;
    assert!(asked.is_err(), "the proxy was asked");
}
