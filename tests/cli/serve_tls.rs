//! A service that terminates TLS itself.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use reqwest::{Certificate, Client};
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;

use super::machine::{Machine, Run};
use crate::support::http;
use crate::support::process::{eventually, free_port, within};
use crate::support::service::Service;

/// Time limit for a start, or for using a new certificate.
const SOON: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Creates a self-signed certificate for 127.0.0.1, replacing the present one.
async fn renew(folder: &Path) {
    let mut openssl = Command::new("openssl");
    openssl
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt"])
        .args(["ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args([
            "-subj",
            "/CN=tests",
            "-keyout",
            "tls.key",
            "-out",
            "tls.crt",
        ])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .current_dir(folder);
    let made = openssl.output().await.unwrap();
    assert!(made.status.success(), "{made:?}");
}

/// Creates a certificate for the present key that is valid between these dates (as `YYYYMMDDHHMMSSZ`).
async fn date(folder: &Path, from: &str, until: &str) {
    const AUTHORITY: &str = "[ca]\ndefault_ca = tests\n[tests]\ndatabase = index\nserial = serial\nnew_certs_dir = .\n\
        default_md = sha256\npolicy = names\nunique_subject = no\nx509_extensions = v3\n[names]\n\
        commonName = supplied\n[v3]\nbasicConstraints = critical,CA:FALSE\n";
    std::fs::write(folder.join("ca"), AUTHORITY).unwrap();
    std::fs::write(folder.join("index"), "").unwrap();
    let request = [
        "req",
        "-new",
        "-key",
        "tls.key",
        "-subj",
        "/CN=tests",
        "-out",
        "request",
    ];
    let sign = [
        "ca",
        "-selfsign",
        "-batch",
        "-notext",
        "-rand_serial",
        "-config",
        "ca",
        "-keyfile",
        "tls.key",
    ];
    let dates = [
        "-in",
        "request",
        "-out",
        "dated.crt",
        "-startdate",
        from,
        "-enddate",
        until,
    ];
    for arguments in [&request[..], &[&sign[..], &dates].concat()] {
        let mut openssl = Command::new("openssl");
        let made = openssl
            .args(arguments)
            .current_dir(folder)
            .output()
            .await
            .unwrap();
        assert!(made.status.success(), "{made:?}");
    }
    std::fs::rename(folder.join("dated.crt"), folder.join("tls.crt")).unwrap();
}

fn certificate(folder: &Path) -> Certificate {
    Certificate::from_pem(&std::fs::read(folder.join("tls.crt")).unwrap()).unwrap()
}

/// Returns a new client that trusts only this certificate.
fn trusting(certificate: &Certificate) -> Client {
    http::client();
    let client = Client::builder().no_proxy().timeout(SOON);
    let client = client
        .tls_certs_only([certificate.clone()])
        .pool_max_idle_per_host(0);
    client.build().unwrap()
}

/// Returns what `openssl` says about a connection over which it offers HTTP/2.
async fn handshake(listen: SocketAddr) -> String {
    let mut openssl = Command::new("openssl");
    openssl
        .args(["s_client", "-alpn", "h2,http/1.1", "-connect"])
        .arg(listen.to_string())
        .stdin(Stdio::null());
    let connected = within(SOON, "a handshake", openssl.output()).await.unwrap();
    String::from_utf8_lossy(&connected.stdout).into_owned()
}

async fn answers(client: &Client, url: &str) {
    let answered = async {
        while client.get(url).send().await.is_err() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    within(SOON, "an answer over TLS", answered).await;
}

#[tokio::test]
async fn tls_is_spoken_with_the_certificate_of_the_day() {
    let machine = Machine::new();
    let folder = machine.work();
    renew(&folder).await;
    let listen = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let settings = [
        ("SECRET_KEY", Service::SECRET_KEY),
        ("LISTEN_ADDR", &listen.to_string()),
        ("TLS_CERT_FILE", "tls.crt"),
        ("TLS_KEY_FILE", "tls.key"),
    ];
    let mut command = machine.command_with(&settings, &["serve"]);
    let log = std::fs::File::create(folder.join("log")).unwrap();
    command.stdout(log.try_clone().unwrap()).stderr(log);
    let mut service = command.kill_on_drop(true).spawn().unwrap();
    let url = format!("https://{listen}/v1/healthz");

    let old = certificate(&folder);
    let first = trusting(&old);
    answers(&first, &url).await;
    let answer = first.get(&url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let shaken = handshake(listen).await;
    assert!(shaken.contains("ALPN protocol: http/1.1"), "{shaken}");
    let logs = || std::fs::read_to_string(folder.join("log")).unwrap();
    assert!(
        logs().contains(&format!("public_url=https://{listen}/")),
        "{}",
        logs()
    );

    let healthy = machine.run_with(&settings, &["health"]).await.expect(0);
    assert_eq!(healthy.stdout, "ready\n");

    // Connections without TLS get no response, and harm nobody.
    let mut plain = TcpStream::connect(listen).await.unwrap();
    plain
        .write_all(b"GET /v1/healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let _ = within(
        SOON,
        "the end of a connection",
        plain.read_to_end(&mut answer),
    )
    .await;
    assert!(!answer.starts_with(b"HTTP/"), "{answer:?}");

    // An invalid certificate leaves the earlier one in use.
    std::fs::write(folder.join("tls.crt"), "no certificate").unwrap();
    let told = async {
        while !logs().contains("the new certificate cannot be used") {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    within(SOON, "a word about the certificate", told).await;
    answers(&first, &url).await;

    renew(&folder).await;
    answers(&trusting(&certificate(&folder)), &url).await;
    let refused = trusting(&old).get(&url).send().await;
    assert!(refused.is_err(), "the old one is gone");
    service.kill().await.unwrap();
}

#[tokio::test]
async fn dates_by_which_clients_refuse_a_certificate_are_warned_of() {
    let machine = Machine::new();
    let folder = machine.work();
    renew(&folder).await;
    let settings = [
        ("SECRET_KEY", Service::SECRET_KEY),
        ("LISTEN_ADDR", "127.0.0.1:0"),
        ("TLS_CERT_FILE", "tls.crt"),
        ("TLS_KEY_FILE", "tls.key"),
    ];
    let checked = async || {
        machine
            .run_with(&settings, &["config", "check"])
            .await
            .expect(0)
            .stderr
    };
    let told = checked().await;
    assert!(!told.contains("tls.crt"), "{told}");
    for name in ["tls.crt", "tls.key"] {
        let pem = std::fs::read_to_string(folder.join(name)).unwrap();
        std::fs::write(folder.join(name), format!("\u{feff}{pem}")).unwrap();
    }
    checked().await;
    renew(&folder).await;

    let in_days = |days: u64| {
        let day = OffsetDateTime::now_utc() + Duration::from_secs(days * 24 * 3600);
        let (date, year) = (day.date(), day.year());
        let (month, day) = (u8::from(date.month()), date.day());
        (
            format!("{year}{month:02}{day:02}120000Z"),
            format!("{year}-{month:02}-{day:02}T12:00:00Z"),
        )
    };
    let (later, _) = in_days(20);
    date(&folder, "20200101000000Z", &later).await;
    let told = checked().await;
    assert!(!told.contains("tls.crt"), "{told}");

    date(&folder, "20200101000000Z", "20200201000000Z").await;
    let mut command = machine.command_with(&settings, &["serve"]);
    let log = std::fs::File::create(folder.join("log")).unwrap();
    command.stdout(log.try_clone().unwrap()).stderr(log);
    let mut service = command.kill_on_drop(true).spawn().unwrap();
    let logs = || std::fs::read_to_string(folder.join("log")).unwrap();
    let (soon, date_of_soon) = in_days(10);
    let expires = format!("tls.crt expires at {date_of_soon}");
    for (from, until, expected) in [
        (
            "20200101000000Z",
            "20200201000000Z",
            "tls.crt expired at 2020-02-01T00:00:00Z",
        ),
        (
            "20900101000000Z",
            "20910101000000Z",
            "tls.crt is not valid before 2090-01-01T00:00:00Z",
        ),
        ("20200101000000Z", soon.as_str(), expires.as_str()),
    ] {
        date(&folder, from, until).await;
        eventually(SOON, expected, async || logs().contains(expected)).await;
        assert_eq!(logs().matches(expected).count(), 1, "{}", logs());
        let told = checked().await;
        assert!(told.contains(expected), "{told}");
    }
    service.kill().await.unwrap();
}

#[tokio::test]
async fn files_that_are_no_certificate_stop_the_start() {
    let machine = Machine::new();
    let folder = machine.work();
    renew(&folder).await;
    std::fs::rename(folder.join("tls.key"), folder.join("other.key")).unwrap();
    renew(&folder).await;
    std::fs::write(folder.join("empty"), "").unwrap();
    for (variable, chain, key) in [
        ("TLS_KEY_FILE", "tls.crt", ""),
        ("TLS_CERT_FILE", "", "tls.key"),
        ("TLS_CERT_FILE", "missing", "tls.key"),
        ("TLS_CERT_FILE", "empty", "tls.key"),
        ("TLS_CERT_FILE", "tls.key", "tls.key"),
        ("TLS_KEY_FILE", "tls.crt", "tls.crt"),
        ("TLS_KEY_FILE", "tls.crt", "missing"),
        ("TLS_CERT_FILE", "tls.crt", "other.key"),
    ] {
        let settings = [
            ("SECRET_KEY", Service::SECRET_KEY),
            ("LISTEN_ADDR", "127.0.0.1:0"),
            ("TLS_CERT_FILE", chain),
            ("TLS_KEY_FILE", key),
        ];
        let run: Run = machine.run_with(&settings, &["serve"]).await.expect(1);
        let expected = format!("central-oauth: CENTRAL_OAUTH_{variable}: ");
        assert!(run.only_line().starts_with(&expected), "{run:?}");
    }
}
