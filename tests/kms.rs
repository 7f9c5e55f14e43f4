//! A secret key that a key management service has wrapped: OpenBao, and moto, which imitates AWS KMS
//! (<https://docs.getmoto.org/en/latest/docs/services/kms.html>).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use poem::http::StatusCode;
use poem::listener::TcpAcceptor;
use poem::{Response, endpoint};
use serde_json::json;
use tokio::net::TcpListener;

use crate::support::bao::{Bao, Server};
use crate::support::http::{self, Answer};
use crate::support::process::{self, eventually, free_port};
use crate::support::service::Service;

const START_WITHIN: Duration = Duration::from_secs(60);
const KEY: &str = "/v1/transit/keys/central-oauth";

/// Starts OpenBao and creates a Transit key.
async fn start_bao(service: &Service) -> Bao {
    let bao = Bao::start(service.file("bao.log")).await;
    let mount = json!({"type": "transit"});
    bao.must("/v1/sys/mounts/transit", &mount).await;
    bao.must(KEY, &json!({})).await;
    bao
}

async fn wrap_key(service: &Service) -> String {
    let output = service.output(&["wrap-key"]).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let wrapped = String::from_utf8(output.stdout).expect("text");
    wrapped.trim().to_owned()
}

/// Returns the exit code, the output and the error output of `config check`.
async fn config_check(service: &Service) -> (Option<i32>, String, String) {
    let output = service.output(&["config", "check"]).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

async fn get(service: &Service, path: &str) -> Answer {
    http::send(http::client().get(service.url(path))).await
}

/// Returns a service whose key OpenBao has wrapped. It has run once, and is stopped.
async fn wrapped_by_bao() -> (Service, Bao) {
    let mut service = Service::prepare(&[("KMS_GRACE", "1")]);
    // The database was created with the key in plain text.
    service.run().await;
    service.stop().await;
    let bao = start_bao(&service).await;
    let token = service.file("token");
    std::fs::write(&token, format!("{}\n", Bao::TOKEN)).expect("a file");
    service.set("KMS_TOKEN_FILE", &token.display().to_string());
    service.set("KMS", &format!("{}{KEY}", bao.url()));
    let wrapped = wrap_key(&service).await;
    assert!(wrapped.starts_with("vault:v1:"), "{wrapped}");
    service.set("SECRET_KEY", &wrapped);
    service.run().await;
    assert_eq!(get(&service, "/v1/readyz").await.status, 200);
    (service, bao)
}

/// An answer of a server: its status and its body.
type Scripted = (u16, &'static str);

const OPENED: Scripted = (
    200,
    r#"{"data":{"plaintext":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="}}"#,
);
const REFUSED: Scripted = (403, r#"{"errors":["permission denied"]}"#);
/// Credentials of a container
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>).
const CREDENTIALS: Scripted = (
    200,
    r#"{"AccessKeyId":"test","SecretAccessKey":"the-aws-secret-of-the-test","Token":"token","Expiration":"2100-01-01T00:00:00Z"}"#,
);
/// A standby that does not forward requests (hashicorp/vault#10898).
const REDIRECTED: Scripted = (307, "");
/// An ingress without a server behind it.
const NOT_THERE: Scripted = (404, "<html>not found</html>");

/// A server that gives some answers in turn, again and again: a Transit engine, or the credentials of a container.
struct ScriptedServer {
    url: String,
    answers: Arc<Mutex<Vec<Scripted>>>,
    asked: Arc<AtomicUsize>,
}

impl ScriptedServer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let acceptor = TcpAcceptor::from_tokio(listener).expect("a listener");
        let answers = Arc::new(Mutex::new(vec![REDIRECTED]));
        let asked = Arc::new(AtomicUsize::new(0));
        let (scripted, count) = (Arc::clone(&answers), Arc::clone(&asked));
        let answer = endpoint::make_sync(move |_| {
            let scripted = scripted.lock().expect("answers");
            let (status, body) = scripted[count.fetch_add(1, Ordering::Relaxed) % scripted.len()];
            let status = StatusCode::from_u16(status).expect("a status");
            Response::builder().status(status).body(body)
        });
        tokio::spawn(poem::Server::new_with_acceptor(acceptor).run(answer));
        Self {
            url: format!("http://{address}"),
            answers,
            asked,
        }
    }

    fn say(&self, answers: &[Scripted]) {
        *self.answers.lock().expect("answers") = answers.to_vec();
    }

    /// Waits until it has given each of its answers twice.
    async fn has_been_heard(&self) {
        let more = 2 * self.answers.lock().expect("answers").len();
        let enough = self.asked.load(Ordering::Relaxed) + more;
        let is_heard = async || self.asked.load(Ordering::Relaxed) >= enough;
        eventually(START_WITHIN, "requests to the scripted server", is_heard).await;
    }
}

async fn becomes_ready(service: &Service) {
    eventually(START_WITHIN, "the service ready", async || {
        let ready = http::try_send(http::client().get(service.url("/v1/readyz"))).await;
        ready.is_ok_and(|answer| answer.status == 200)
    })
    .await;
}

#[tokio::test]
async fn a_start_waits_for_the_key_and_a_running_service_needs_it_no_more() {
    let (mut service, bao) = wrapped_by_bao().await;
    let (code, stdout, stderr) = config_check(&service).await;
    assert_eq!(code, Some(0), "{stderr}");
    assert!(
        stdout.contains("unwraps all wrapped secret keys (1)"),
        "{stdout}"
    );
    let sealed = bao.ask("/v1/sys/seal", &json!({})).await;
    assert!(sealed.status.is_success(), "{}", sealed.text);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(get(&service, "/v1/readyz").await.status, 200);
    assert!(
        service.logs().contains("continues with the secret key"),
        "{}",
        service.logs()
    );
    let (code, stdout, stderr) = config_check(&service).await;
    assert_eq!(code, Some(0), "{stderr}");
    assert!(
        stdout.contains("not available: serve would wait"),
        "{stdout}"
    );
    assert!(stderr.contains("503 Service Unavailable"), "{stderr}");
    service.restart().await;
    assert_eq!(get(&service, "/v1/healthz").await.json["status"], "ok");
    for path in ["/v1/readyz", "/v1/providers", "/device"] {
        let answer = get(&service, path).await;
        assert_eq!(answer.status, 503, "{path}");
        assert_eq!(answer.json["code"], "not_ready", "{path}");
        assert!(answer.headers.contains_key("retry-after"), "{path}");
    }
    bao.unseal().await;
    becomes_ready(&service).await;
    assert!(service.stop().await.success());
    // A waiting service ends at once when it is told to stop.
    bao.ask("/v1/sys/seal", &json!({})).await;
    service.run().await;
    assert!(service.stop().await.success());
}

#[tokio::test]
async fn a_service_whose_key_was_disabled_stops_after_the_grace_period() {
    let (mut service, bao) = wrapped_by_bao().await;
    let may_be_deleted = json!({"deletion_allowed": true});
    bao.ask(&format!("{KEY}/config"), &may_be_deleted).await;
    let key = http::client().delete(format!("{}{KEY}", bao.url()));
    let deleted = http::send(key.header("X-Vault-Token", Bao::TOKEN)).await;
    assert!(deleted.status.is_success(), "{}", deleted.text);
    let ended = service.ended().await;
    assert_eq!(ended.code(), Some(1), "{}", service.logs());
    assert!(service.logs().contains("may not be used any more"));
    // The service does not start again either.
    let refused = service.run_to_the_end().await;
    assert_eq!(refused.code(), Some(1), "{}", service.logs());
    let logs = service.logs();
    assert!(
        logs.contains("CENTRAL_OAUTH_SECRET_KEY: the key management service refuses: 4"),
        "{logs}"
    );
    assert!(!logs.contains(Bao::TOKEN) && !logs.contains(Service::SECRET_KEY));
    // `config check` says the same words, and does not create the missing key.
    let (code, stdout, stderr) = config_check(&service).await;
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    let reason = stderr.lines().last().unwrap_or_default();
    assert!(logs.contains(reason), "{reason}");
    let key = http::client().get(format!("{}{KEY}", bao.url()));
    let key = http::send(key.header("X-Vault-Token", Bao::TOKEN)).await;
    assert_eq!(key.status, 404, "{}", key.text);
}

#[tokio::test]
async fn outages_between_refusals_count_little() {
    let transit = ScriptedServer::start().await;
    let mut service = Service::prepare(&[("KMS_GRACE", "3"), ("KMS_TOKEN", "token")]);
    service.set("KMS", &format!("{}{KEY}", transit.url));
    service.set("SECRET_KEY", &format!("vault:v1:{}", "A".repeat(80)));
    for answer in [REDIRECTED, NOT_THERE] {
        transit.say(&[answer]);
        service.restart().await;
        assert_eq!(get(&service, "/v1/readyz").await.status, 503);
    }
    transit.say(&[OPENED]);
    becomes_ready(&service).await;
    // The time between the two refusals is as long as the grace period.
    transit.say(&[REFUSED, REDIRECTED, NOT_THERE]);
    transit.has_been_heard().await;
    assert_eq!(get(&service, "/v1/readyz").await.status, 200);
    // An active node whose key is disabled and a standby, behind a load balancer.
    transit.say(&[REFUSED, REDIRECTED]);
    assert_eq!(service.ended().await.code(), Some(1));
}

#[tokio::test]
async fn a_check_does_not_wait_long_for_a_service_that_says_nothing() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = silent.local_addr().expect("an address").port();
    let mut service = Service::prepare(&[("KMS_TOKEN", "token")]);
    service.set("KMS", &format!("http://127.0.0.1:{port}{KEY}"));
    let wrapped = format!("vault:v1:{}", "A".repeat(80));
    service.set("SECRET_KEY", &wrapped);
    service.set("PREVIOUS_SECRET_KEYS", &wrapped);
    let asked = Instant::now();
    let (code, stdout, stderr) = config_check(&service).await;
    assert!(asked.elapsed() < Duration::from_secs(30), "{stderr}");
    assert_eq!(code, Some(0), "{stderr}");
    assert!(
        stdout.contains("not available: serve would wait"),
        "{stdout}"
    );
    assert!(!service.file("central-oauth.sqlite3").exists());
}

#[tokio::test]
async fn aws_kms_wraps_a_new_key() {
    let mut service = Service::prepare(&[]);
    let (python, port) = (
        process::modules("kms").await.join("bin/python"),
        free_port(),
    );
    let listen = port.to_string();
    let arguments = ["-m", "moto.server", "-H", "127.0.0.1", "-p", &listen];
    let moto = Server::start(python, &arguments, port, service.file("moto.log")).await;
    let key = http::client()
        .post(&moto.url)
        .header("x-amz-target", "TrentService.CreateKey")
        .header("content-type", "application/x-amz-json-1.1")
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/kms/aws4_request, SignedHeaders=host, Signature=0",
        )
        .body("{}");
    let created = http::send(key).await;
    let arn = created.json["KeyMetadata"]["Arn"].as_str().expect("a key");
    service.set("KMS", arn);
    service.set("SECRET_KEY", "");
    // A proxy would see credentials that come by plain http. This one does not exist.
    let container = ScriptedServer::start().await;
    container.say(&[CREDENTIALS]);
    let proxy = format!("http://127.0.0.1:{}", free_port());
    for (name, value) in [
        ("AWS_ENDPOINT_URL_KMS", moto.url.as_str()),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &container.url),
        ("HTTP_PROXY", &proxy),
        ("http_proxy", &proxy),
        ("NO_PROXY", ""),
        ("no_proxy", ""),
    ] {
        service.set_other(name, value);
    }
    wrap_key(&service).await;
    assert!(container.asked.load(Ordering::Relaxed) > 0);
    for (name, value) in [
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "the-aws-secret-of-the-test"),
    ] {
        service.set_other(name, value);
    }
    let (one, other) = (wrap_key(&service).await, wrap_key(&service).await);
    service.set("SECRET_KEY", &one);
    service.run().await;
    assert_eq!(get(&service, "/v1/readyz").await.status, 200);
    service.stop().await;
    // Each `wrap-key` generates a new key, so this one cannot decrypt the database.
    service.set("SECRET_KEY", &other);
    assert_eq!(service.run_to_the_end().await.code(), Some(1));
    let logs = service.logs();
    assert!(logs.contains("does not open this database"), "{logs}");
    service.set("PREVIOUS_SECRET_KEYS", &one);
    let (code, stdout, stderr) = config_check(&service).await;
    assert_eq!(code, Some(0), "{stderr}");
    assert!(
        stdout.contains("unwraps all wrapped secret keys (2)"),
        "{stdout}"
    );
    service.run().await;
    service.stop().await;
    let nobodys = "A".repeat(200);
    service.set("SECRET_KEY", &nobodys);
    assert_eq!(service.run_to_the_end().await.code(), Some(1));
    let logs = service.logs();
    assert!(
        logs.contains("the key management service refuses"),
        "{logs}"
    );
    assert!(!logs.contains("the-aws-secret"));
}
