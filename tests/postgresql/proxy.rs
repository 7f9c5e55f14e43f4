//! Runs several replicas behind HAProxy, with the configuration from the documentation.

use std::time::Duration;

use central_oauth_test_postgres::{Cluster, HaProxy};
use central_oauth_test_sandbox::Reuse;
use reqwest::Client;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::{TIMEOUT, sandbox, sandbox_that};
use crate::support::http;
use crate::support::linking::link;
use crate::support::process::eventually;
use crate::support::service::Service;
use crate::support::tokens::{token, working_token};

/// Starts the documented proxy in front of these replicas, with no other proxy in front of it.
fn proxy(replicas: &[Service]) -> HaProxy {
    proxy_behind("192.0.2.1", replicas)
}

/// Starts this proxy behind another proxy with this address.
fn proxy_behind(front: &str, replicas: &[Service]) -> HaProxy {
    let ports: Vec<_> = replicas.iter().map(Service::port).collect();
    proxy_before(front, &ports)
}

/// Starts this proxy in front of whatever listens at these ports.
fn proxy_before(front: &str, ports: &[u16]) -> HaProxy {
    let config = include_str!("../../docs/deployment/haproxy.cfg");
    let mut config = config.replace("${FRONT[*]-192.0.2.1}", front);
    for (n, port) in ports.iter().enumerate() {
        let address = format!("127.0.0.1:{port}");
        config = config.replace(&format!("${{REPLICA_{}}}", n + 1), &address);
    }
    HaProxy::start(|port| config.replace("${LISTEN}", &format!("127.0.0.1:{port}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn any_request_may_reach_any_replica() {
    // A killed process may have a refresh in progress: this provider accepts the retry that others need then.
    let (sandbox, database) = (
        sandbox_that(Reuse::Retries(5)).await,
        Cluster::shared().create_database(),
    );
    let mut replicas: Vec<_> = (0..3).map(|_| Service::prepare_for(&sandbox)).collect();
    let proxy = proxy(&replicas);
    for replica in &mut replicas {
        replica.set("DATABASE_URL", &database.url);
        replica.set("PUBLIC_URL", &format!("http://127.0.0.1:{}", proxy.port()));
        replica.set("TRUSTED_PROXIES", "127.0.0.1");
        replica.run().await;
        replica.reach_through(proxy.port());
    }
    let client = http::client();
    eventually(TIMEOUT, "the proxy", async || {
        let ready = http::try_send(client.get(replicas[0].url("/v1/readyz"))).await;
        ready.is_ok_and(|answer| answer.status == 200)
    })
    .await;
    // The proxy sends each request, from the browser and from the client, to another replica.
    let key = link(&replicas[0]).await;
    let mut through = replicas.pop().expect("no replica");
    for _ in 0..6 {
        working_token(&client, &through, &sandbox, &key).await;
    }
    // Two of three are killed: no request fails for long.
    for replica in &mut replicas {
        replica.kill().await;
    }
    eventually(TIMEOUT, "a token", async || {
        let request = client.get(through.url("/v1/token")).bearer_auth(&key);
        // The connection may be one to a killed replica.
        let answer = http::try_send(request).await;
        answer.is_ok_and(|answer| answer.status == 200)
    })
    .await;
    for _ in 0..6 {
        token(&client, &through, &key).await.expect(200);
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    through.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_have_their_own_addresses_behind_a_proxy_in_front_and_nobody_else_makes_one_up() {
    let (sandbox, database) = (sandbox().await, Cluster::shared().create_database());
    let mut replicas: Vec<_> = (0..3).map(|_| Service::prepare_for(&sandbox)).collect();
    let behind = proxy_behind("127.0.0.1", &replicas);
    let alone = proxy(&replicas);
    for replica in &mut replicas {
        replica.set("DATABASE_URL", &database.url);
        replica.set("TRUSTED_PROXIES", "127.0.0.1");
        replica.run().await;
    }
    let client = http::client();
    // Each code is different: polling the same one again and again is limited.
    let mut codes = 0..;
    let mut guess = async |proxy: &HaProxy, from: &str| {
        let code = codes.next().unwrap_or_default();
        let url = format!("http://127.0.0.1:{}/v1/poll/{code:08}", proxy.port());
        let request = client.get(url).header("X-Forwarded-For", from);
        http::try_send(request).await.map(|answer| answer.status)
    };
    for (proxy, guesser, somebody_else, answer) in [
        (&behind, "198.51.100.7", "198.51.100.8", 404),
        (&alone, "198.51.100.9", "127.0.0.1", 429),
    ] {
        eventually(TIMEOUT, "too many wrong codes", async || {
            guess(proxy, guesser)
                .await
                .is_ok_and(|status| status == 429)
        })
        .await;
        let status = guess(proxy, somebody_else).await.expect("no answer");
        assert_eq!(status, answer, "{somebody_else}");
    }
    for replica in &mut replicas {
        replica.stop().await;
    }
}

/// Returns the proxy's response to a request with an unknown key, at a path of the service.
async fn ask(client: &Client, proxy: &HaProxy, path: &str) -> http::Answer {
    let url = format!("http://127.0.0.1:{}{path}", proxy.port());
    let request = client.get(url).bearer_auth("coak_unknown");
    http::try_send(request).await.expect("no answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_are_told_to_come_back_when_no_replica_is_ready() {
    let cluster = Cluster::start();
    let (sandbox, database) = (sandbox().await, cluster.create_database());
    let mut replicas: Vec<_> = (0..3).map(|_| Service::prepare_for(&sandbox)).collect();
    let proxy = proxy(&replicas);
    for replica in &mut replicas {
        replica.set("DATABASE_URL", &database.url);
        replica.run().await;
    }
    let client = http::client();
    eventually(TIMEOUT, "the proxy", async || {
        ask(&client, &proxy, "/v1/readyz").await.status == 200
    })
    .await;
    cluster.kill();
    let refused = |answer: http::Answer| {
        let answer = answer.expect(503);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.str("code"), "store_unavailable");
        assert!(!answer.header("retry-after").is_empty(), "{}", answer.text);
    };
    // Sends requests before the proxy has noticed the failure, and for some time after that.
    let until = Instant::now() + Duration::from_secs(8);
    while Instant::now() < until {
        refused(ask(&client, &proxy, "/v1/token").await);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let unready = ask(&client, &proxy, "/v1/readyz").await.expect(503);
    assert_eq!(unready.str("code"), "not_ready");
    for there in ["/v1/healthz", "/docs", "/device"] {
        ask(&client, &proxy, there).await.expect(200);
    }
    // Only the proxy is left to respond.
    for replica in &mut replicas {
        replica.kill().await;
    }
    refused(ask(&client, &proxy, "/v1/token").await);
}

/// Starts a listener that answers each request with this status: a readiness check after a delay, everything else at
/// once. Returns its port.
async fn replica_like(status: u16, after: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("no port");
    let port = listener.local_addr().expect("no address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut request, mut part) = (Vec::new(), [0; 1024]);
                while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                    match stream.read(&mut part).await {
                        Ok(length) if length > 0 => request.extend_from_slice(&part[..length]),
                        _ => return,
                    }
                }
                if request.starts_with(b"GET /v1/readyz") {
                    tokio::time::sleep(after).await;
                }
                let answer = format!(
                    "HTTP/1.1 {status} -\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                );
                // The client may have given up.
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_takes_its_time_to_say_that_it_is_ready_is() {
    const IN_A_ROW: usize = 6;
    // The response may take 3 s.
    let slow = replica_like(200, Duration::from_millis(2900)).await;
    let others = [
        replica_like(503, Duration::ZERO).await,
        replica_like(503, Duration::ZERO).await,
    ];
    let proxy = proxy_before("192.0.2.1", &[slow, others[0], others[1]]);
    let client = http::client();
    let all_by_the_ready_one = async || {
        for _ in 0..IN_A_ROW {
            if ask(&client, &proxy, "/v1/token").await.status != 200 {
                return false;
            }
        }
        true
    };
    eventually(TIMEOUT, "the only one that is ready", all_by_the_ready_one).await;
    // Longer than two checks.
    let until = Instant::now() + Duration::from_secs(9);
    while Instant::now() < until {
        assert!(all_by_the_ready_one().await);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
