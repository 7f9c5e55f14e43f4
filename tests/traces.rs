//! Traces: the real binary with a real OTLP collector, or one that misbehaves.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use central_oauth_test_sandbox::Sandbox;
use poem::http::StatusCode;
use poem::listener::TcpListener;
use poem::{Request, Response, Server, endpoint};
use tokio::io::AsyncReadExt as _;

use crate::support::collector::{Collector, Span};
use crate::support::http;
use crate::support::linking::{ask, link};
use crate::support::process::{eventually, free_port};
use crate::support::sandbox;
use crate::support::service::Service;

const SOON: Duration = Duration::from_secs(60);
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

fn traceparent() -> String {
    format!("00-{TRACE}-{CALLER}-01")
}

async fn sandbox() -> Sandbox {
    sandbox::of_alice(Duration::from_secs(4)).await
}

/// Starts a service that sends traces to this address, without delay.
async fn service(sandbox: &Sandbox, collector: &str) -> Service {
    let mut service = Service::patient_for(sandbox);
    service.set_other("OTEL_EXPORTER_OTLP_ENDPOINT", collector);
    service.set_other("OTEL_BSP_SCHEDULE_DELAY", "200");
    service.set_other(
        "OTEL_RESOURCE_ATTRIBUTES",
        "deployment.environment.name=test%2C%20here",
    );
    service.run().await;
    service
}

struct Received(Vec<Span>);

impl Received {
    /// Returns what a collector has received, once it has written these spans. It receives spans before it writes them.
    async fn once(collector: &Collector, is_all: impl Fn(&Self) -> bool) -> Self {
        let mut received = Self(Vec::new());
        eventually(SOON, "spans", async || {
            received = Self(collector.spans());
            is_all(&received)
        })
        .await;
        received
    }

    fn one(&self, name: &str) -> &Span {
        let found: Vec<_> = self.all(name).collect();
        assert_eq!(found.len(), 1, "{name}: {found:#?}");
        found[0]
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &Span> {
        self.0.iter().filter(move |span| span.name == name)
    }

    /// For debugging: every trace, one span per line.
    fn print(&self) {
        for span in &self.0 {
            let links = span.links.iter().map(|(trace, _)| &trace[..8]);
            let links: Vec<_> = links.collect();
            let (trace, id) = (&span.trace[..8], &span.id);
            let (parent, name) = (&span.parent, &span.name);
            println!("{trace} {id:16} {parent:16} {name} {links:?}");
        }
    }

    fn has_child(&self, parent: &Span, name: &str) -> bool {
        self.all(name)
            .any(|span| span.parent == parent.id && span.trace == parent.trace)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_link_from_post_to_first_token() {
    let (sandbox, collector) = (sandbox().await, Collector::start().await);
    let mut service = service(&sandbox, &collector.url()).await;
    let client = http::client();
    let code = client.post(service.url("/v1/link-code"));
    let code = http::send(code.header("traceparent", traceparent())).await;
    let code = code.expect(201);
    let (link_code, key) = (code.str("link_code"), code.str("access_key"));
    crate::support::linking::confirm(&client, &service, link_code).await;
    let poll = service.url(&format!("/v1/poll/{link_code}"));
    eventually(SOON, "linked", async || {
        let answer = http::send(client.get(&poll).bearer_auth(key)).await;
        answer.json["status"] == "linked"
    })
    .await;
    let token = client.get(service.url("/v1/token")).bearer_auth(key);
    let token = http::send(token.header("traceparent", traceparent())).await;
    let token = token.expect(200);
    // The sandbox's access tokens expire after 4 s.
    eventually(SOON, "a refresh", async || {
        collector
            .spans()
            .iter()
            .any(|span| span.name == "refresh attempt")
    })
    .await;
    assert!(service.stop().await.success());
    let received = Received::once(&collector, |received| {
        // This span ends last, so the spans inside it were sent before.
        received.all("refresh").next().is_some()
    })
    .await;
    received.print();
    let post = received.one("POST /v1/link-code");
    assert_eq!((&*post.trace, &*post.parent), (TRACE, CALLER));
    assert_eq!(post.kind, "SPAN_KIND_SERVER");
    assert_eq!(post.attribute("http.response.status_code"), Some("201"));
    assert_eq!(post.attribute("http.route"), Some("/v1/link-code"));
    let first = received.one("GET /v1/token");
    assert_eq!((&*first.trace, &*first.parent), (TRACE, CALLER));
    assert!(received.has_child(first, "cipher open"));
    assert!(received.has_child(first, "store"));
    the_store_in_between(&received, post);
    the_flow_in_between(&received, post);
    let refresh = received.all("refresh").next().unwrap();
    assert!(received.has_child(refresh, "refresh attempt"));
    let all = collector.received();
    for said in [
        "service.name: Str(central-oauth)",
        "service.version: Str(",
        "service.instance.id: Str(",
        "deployment.environment.name: Str(test, here)",
    ] {
        assert!(all.contains(said), "{said} is not in\n{all}");
    }
    for secret in [
        link_code,
        key,
        token.str("access_token"),
        Service::SECRET_KEY,
    ] {
        assert!(!all.contains(secret), "{secret} was sent");
    }
}

/// Asserts that store queries belong to a request, and that the wait for a transaction has a span.
fn the_store_in_between(received: &Received, post: &Span) {
    let mut asked = received.all("store");
    let begins = |span: &Span| span.attribute("db.operation.name") == Some("BEGIN");
    let is_of_post = |span: &Span| span.trace == post.trace && span.parent == post.id;
    assert!(asked.any(|span| begins(span) && is_of_post(span)));
    for span in received.all("store") {
        assert_ne!(span.parent, "", "{span:#?}");
    }
}

/// Asserts that the work while the person is away has spans of other traces, which link to the request that began the
/// flow.
fn the_flow_in_between(received: &Received, post: &Span) {
    let begun = (post.trace.clone(), post.id.clone());
    let polls: Vec<_> = received.all("poll").collect();
    assert!(!polls.is_empty());
    let asked = received.all("GET /v1/poll/{link_code}");
    assert!(asked.into_iter().any(|asked| asked.links.contains(&begun)));
    for poll in &polls {
        assert_ne!(poll.trace, post.trace);
        assert_eq!(poll.links, std::slice::from_ref(&begun), "{poll:#?}");
    }
    let asks = |poll: &&&Span| received.has_child(poll, "provider call");
    assert!(polls.iter().any(|poll| asks(&poll)));
    let confirms = received.all("POST /device");
    let started = confirms.filter(|span| span.links.contains(&begun)).count();
    assert_eq!(started, 1, "the person's press is linked too");
    let calls: Vec<_> = received.all("provider call").collect();
    for exchange in ["consent", "redeem", "identify"] {
        let call = calls
            .iter()
            .find(|call| call.attribute("exchange") == Some(exchange))
            .unwrap_or_else(|| panic!("no {exchange}"));
        assert_eq!(call.attribute("outcome"), Some("answered"));
        let mut http = received.0.iter().filter(|span| span.parent == call.id);
        let http = http.find(|span| span.kind == "SPAN_KIND_CLIENT").unwrap();
        assert!(http.attribute("server.address").is_some(), "{http:#?}");
        assert!(
            http.attribute("http.response.status_code").is_some(),
            "{http:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_traceparent_that_makes_no_sense_is_ignored() {
    let (sandbox, collector) = (sandbox().await, Collector::start().await);
    let mut service = service(&sandbox, &collector.url()).await;
    let long = format!("00-{}-{CALLER}-01", "a".repeat(4000));
    let parents = [
        "",
        "00",
        "evil",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01",
        &long,
    ];
    for parent in parents {
        let request = http::client().get(service.url("/v1/providers"));
        let request = request
            .header("traceparent", parent)
            .header("tracestate", "=,=;");
        http::send(request).await.expect(200);
    }
    assert!(service.stop().await.success());
    let received = Received::once(&collector, |received| {
        received.all("GET /v1/providers").count() >= parents.len()
    })
    .await;
    let asked: Vec<_> = received.all("GET /v1/providers").collect();
    assert_eq!(asked.len(), parents.len());
    for span in asked {
        assert_eq!(span.parent, "", "{span:#?}");
        assert_ne!(span.trace, TRACE);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_reach_the_collector_too() {
    let (sandbox, collector) = (sandbox().await, Collector::of("metrics").await);
    let mut service = Service::prepare_for(&sandbox);
    let endpoint = format!("{}/v1/metrics", collector.url());
    service.set_other("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", &endpoint);
    service.set_other("OTEL_METRIC_EXPORT_INTERVAL", "500");
    service.set_other("OTEL_SERVICE_NAME", "broker");
    service.run().await;
    link(&service).await;
    let words = [
        "service.name: Str(broker)",
        "central_oauth.links.ended",
        "http.server.request.duration",
        "central_oauth.accounts",
    ];
    eventually(SOON, "metrics", async || {
        let received = collector.received();
        words.iter().all(|word| received.contains(word))
    })
    .await;
    assert!(service.stop().await.success());
}

/// Kinds of misbehaving collectors.
enum Trouble {
    Absent,
    Silent,
    Failing,
}

async fn troubled(trouble: Trouble) -> String {
    match trouble {
        Trouble::Absent => format!("http://127.0.0.1:{}", free_port()),
        Trouble::Silent => {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(async move {
                while let Ok((mut stream, _)) = listener.accept().await {
                    tokio::spawn(async move {
                        let mut bytes = [0; 4096];
                        while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
                    });
                }
            });
            format!("http://{address}")
        }
        Trouble::Failing => {
            serve(|_| {
                Response::builder()
                    .status(StatusCode::SERVICE_UNAVAILABLE)
                    .finish()
            })
            .await
        }
    }
}

async fn serve(answer: impl Fn(Request) -> Response + Send + Sync + 'static) -> String {
    let port = free_port();
    let server = Server::new(TcpListener::bind(("127.0.0.1", port)));
    tokio::spawn(server.run(endpoint::make_sync(answer)));
    let at = format!("http://127.0.0.1:{port}");
    eventually(SOON, "a server", async || {
        tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .is_ok()
    })
    .await;
    at
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_in_trouble_costs_traces_and_nothing_else() {
    for trouble in [Trouble::Absent, Trouble::Silent, Trouble::Failing] {
        let sandbox = sandbox().await;
        let mut service = service(&sandbox, &troubled(trouble).await).await;
        let key = link(&service).await;
        let client = http::client();
        let started = Instant::now();
        for _ in 0..3000 {
            let token = client.get(service.url("/v1/token")).bearer_auth(&key);
            http::send(token).await.expect(200);
        }
        // Far more than needed; a single wait for the collector would take this long.
        assert!(started.elapsed() < 3 * SOON);
        let stopping = Instant::now();
        assert!(service.stop().await.success());
        assert!(stopping.elapsed() < Duration::from_secs(10));
        let logs = service.logs();
        let told = logs
            .matches("the collector does not accept telemetry")
            .count();
        assert!(told <= 1, "{logs}");
        assert!(!logs.contains("panicked"), "{logs}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_learn_of_traces_only_where_that_is_configured() {
    let collector = Collector::start().await;
    for (configured, told) in [(None, false), (Some("false"), false), (Some("true"), true)] {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hearing = Arc::clone(&heard);
        let provider = serve(move |request| {
            let header = request.header("traceparent").map(str::to_owned);
            hearing.lock().unwrap().push(header);
            let refusal = Response::builder().status(StatusCode::UNAUTHORIZED);
            refusal
                .content_type("application/json")
                .body(r#"{"error":"invalid_client"}"#)
        })
        .await;
        let mut service = Service::prepare(&[
            ("PROVIDER_CLIENT_ID", "any"),
            (
                "PROVIDER_DEVICE_AUTHORIZATION_ENDPOINT",
                &format!("{provider}/device"),
            ),
            ("PROVIDER_TOKEN_ENDPOINT", &format!("{provider}/token")),
        ]);
        service.set_other("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url());
        if let Some(configured) = configured {
            service.set("PROVIDER_TRACE_CONTEXT", configured);
        }
        service.run().await;
        ask(&service).await;
        let heard = heard.lock().unwrap().clone();
        assert!(!heard.is_empty());
        for header in heard {
            assert_eq!(header.is_some(), told, "{configured:?}: {header:?}");
            assert!(header.is_none_or(|header| header.starts_with("00-") && header.len() == 55));
        }
        assert!(service.stop().await.success());
    }
    // The provider has refused the service each time.
    let received = Received::once(&collector, |received| {
        received.all("provider call").count() == 3
    })
    .await;
    for call in received.all("provider call") {
        assert_eq!(call.attribute("outcome"), Some("misconfigured"));
        assert_eq!(call.attribute("error.type"), Some("misconfigured"));
        assert_eq!(call.status, "STATUS_CODE_ERROR", "{call:#?}");
    }
}
