//! Servers that are broken, slow or malicious.

use std::time::{Duration, Instant};

use futures_util::stream;
use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::support::{Nobody, Stub, Subject, error_of, kind, plain, raw, reply, step};

const SOON: Duration = Duration::from_millis(300);
/// Much longer than `SOON`, but much shorter than the default timeout of the tests.
const LATE: Duration = Duration::from_secs(20);

fn hasty(base: &str) -> Subject {
    let mut settings = plain(base);
    settings.timeout = SOON;
    Subject::new(settings)
}

async fn unavailable_in_time(subject: &Subject) {
    let started = Instant::now();
    let error = error_of(subject.redeem().await);
    assert_eq!(kind(&error), ("unavailable", ""), "{error}");
    assert!(started.elapsed() < LATE, "{:?}", started.elapsed());
}

#[tokio::test]
async fn html_and_broken_json_with_200() {
    for (content_type, body) in [
        ("text/html", "<!doctype html><title>Log in</title>"),
        ("application/json", "<html></html>"),
        ("application/json", r#"{"access_token": "at", "expi"#),
        ("application/json", r#""access_token""#),
        ("application/json", r#"["access_token"]"#),
        ("application/json", ""),
        ("text/plain", "access_token: at"),
    ] {
        let stub = Stub::saying(200, content_type, body).await;
        let outcome = Subject::plain(&stub.base).redeem().await;
        assert_eq!(step(&outcome), "nonsense", "{body}");
    }
    let deep = format!("{{\"a\":{}", "[".repeat(100_000));
    let stub = Stub::saying(200, "application/json", &deep).await;
    let outcome = Subject::plain(&stub.base).redeem().await;
    assert_eq!(step(&outcome), "nonsense");
    let stub = Stub::start(|_, _| reply(200, "application/json", vec![0xff, 0xfe, 0])).await;
    let outcome = Subject::plain(&stub.base).redeem().await;
    assert_eq!(step(&outcome), "nonsense");
}

// Bodies are limited to 2 MiB.
#[tokio::test]
async fn ten_megabytes() {
    let answer = json!({"access_token": "at", "padding": "x".repeat(10 << 20)}).to_string();
    let stub = Stub::saying(200, "application/json", &answer).await;
    let outcome = Subject::plain(&stub.base).redeem().await;
    assert_eq!(step(&outcome), "nonsense");
    let large = json!({"access_token": "at", "padding": "x".repeat((2 << 20) - 100)}).to_string();
    let stub = Stub::saying(200, "application/json", &large).await;
    let outcome = Subject::plain(&stub.base).redeem().await;
    assert_eq!(step(&outcome), "granted");
}

#[tokio::test]
async fn a_body_without_an_end() {
    let stub = Stub::start(|_, _| {
        let pieces = stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 64 << 10]));
        reply(
            200,
            "application/json",
            poem::Body::from_bytes_stream(pieces),
        )
    })
    .await;
    let outcome = Subject::plain(&stub.base).redeem().await;
    assert_eq!(step(&outcome), "nonsense");
}

// Redirects of token endpoints are not followed.
#[tokio::test]
async fn a_redirect_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let stub = Stub::start(move |_, base| {
            let mut response = reply(status, "application/json", r#"{"error":"access_denied"}"#);
            let elsewhere = format!("{base}/elsewhere").parse().unwrap();
            response.headers_mut().insert("location", elsewhere);
            response
        })
        .await;
        let subject = Subject::plain(&stub.base);
        for error in [
            error_of(subject.begin().await),
            error_of(subject.redeem().await),
            error_of(subject.revoke().await),
            error_of(subject.identify(None).await),
        ] {
            assert_eq!(kind(&error), ("nonsense", ""));
            assert!(error.to_string().contains("redirect"), "{error}");
        }
        assert_eq!(stub.count("/elsewhere"), 0);
    }
}

#[tokio::test]
async fn nobody_listens() {
    let nobody = Nobody::listens();
    let error = error_of(Subject::plain(&nobody.base).redeem().await);
    assert_eq!(kind(&error), ("unavailable", ""));
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn a_server_that_never_answers() {
    let base = raw(async |socket| {
        std::future::pending::<()>().await;
        drop(socket);
    })
    .await;
    unavailable_in_time(&hasty(&base)).await;
}

#[tokio::test]
async fn a_server_that_drips() {
    let base = raw(async |mut socket| {
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{";
        let _ = socket.write_all(head.as_bytes()).await;
        while socket.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    unavailable_in_time(&hasty(&base)).await;
}

#[tokio::test]
async fn a_server_that_hangs_up() {
    // The server hangs up at once, within the headers, and within the body.
    for said in [
        "",
        "HTTP/1.1 200 OK\r\ncontent-",
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"access_token\":\"at\"",
    ] {
        let base = raw(move |mut socket| async move {
            let _ = socket.write_all(said.as_bytes()).await;
            // With zero linger, closing the socket resets the connection instead of ending it.
            let _ = socket.set_zero_linger();
        })
        .await;
        unavailable_in_time(&Subject::plain(&base)).await;
    }
}

#[tokio::test]
async fn a_server_that_does_not_speak_http() {
    let base = raw(async |mut socket| {
        let _ = socket.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await;
    })
    .await;
    unavailable_in_time(&hasty(&base)).await;
}
