//! Tests that the secrets of a request do not appear in errors and logs.

use std::io::Write;
use std::sync::{Arc, Mutex};

use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::ports::Revoked;
use central_oauth_provider_openidconnect::{ClientAuthMethod, Flow, ProviderSettings};
use secrecy::SecretString;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;
use url::Url;

use crate::support::{
    ACCESS_TOKEN, DEVICE_CODE, REFRESH_TOKEN, Seen, Stub, Subject, error_of, json as reply_json,
    plain,
};

const SECRET: &str = "client s3cret/1";

/// Returns all secrets of the request, as a careless server would echo them.
fn echo(seen: &Seen) -> String {
    let form = seen.form();
    let values: Vec<_> = form.values().cloned().collect();
    let header = seen.header("authorization");
    format!("{header} {} {}", values.join(" "), seen.body)
}

async fn parrot(status: u16) -> Stub {
    parrot_saying("invalid_grant", status).await
}

async fn parrot_saying(code: &'static str, status: u16) -> Stub {
    Stub::start(move |seen, _| {
        let description = echo(seen);
        let body = json!({"error": code, "error_description": description});
        reply_json(status, &body)
    })
    .await
}

fn settings(base: &str, method: ClientAuthMethod) -> ProviderSettings {
    ProviderSettings {
        client_secret: Some(SecretString::from(SECRET)),
        token_endpoint_auth_method: Some(method),
        ..plain(base)
    }
}

fn assert_clean(text: &str) {
    use base64::Engine;
    let basic = "client-1:client+s3cret%2F1";
    let basic = base64::engine::general_purpose::STANDARD.encode(basic);
    for secret in [
        SECRET,
        "client+s3cret%2F1",
        &basic,
        DEVICE_CODE,
        "device-code%2B1%2F2%3D3",
        ACCESS_TOKEN,
        REFRESH_TOKEN,
        "refresh-token%2B1%2F2%3D3",
    ] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn not_in_errors() {
    for status in [200, 400, 401, 429, 503] {
        let stub = parrot(status).await;
        for method in [ClientAuthMethod::Basic, ClientAuthMethod::Post] {
            let subject = Subject::new(settings(&stub.base, method));
            for error in [
                error_of(subject.redeem().await),
                error_of(subject.begin().await),
                error_of(subject.identify(None).await),
            ] {
                let text = format!("{error} {error:?}");
                assert!(text.contains("[removed]"), "{text}");
                assert_clean(&text);
            }
        }
    }
}

#[tokio::test]
async fn not_in_errors_of_revocation() {
    for status in [302, 400, 401, 404, 429, 503] {
        let stub = parrot_saying("invalid_request", status).await;
        for method in [ClientAuthMethod::Basic, ClientAuthMethod::Post] {
            let subject = Subject::new(settings(&stub.base, method));
            for error in [
                error_of(subject.revoke().await),
                error_of(subject.revoke_access_token().await),
            ] {
                let text = format!("{error} {error:?}");
                // The body of a redirect is never quoted.
                assert!(status == 302 || text.contains("[removed]"), "{text}");
                assert_clean(&text);
            }
        }
    }
    for body in [
        json!({"error": REFRESH_TOKEN}),
        json!({"message": REFRESH_TOKEN}),
    ] {
        let stub = Stub::start(move |_, _| reply_json(400, &body)).await;
        let error = error_of(Subject::plain(&stub.base).revoke().await);
        assert_clean(&format!("{error} {error:?}"));
    }
}

// Errors quote the error code as well, and a server may send a secret as the code or in a message.
#[tokio::test]
async fn not_in_codes_and_messages() {
    for body in [
        json!({"error": DEVICE_CODE}),
        json!({"error": {"code": DEVICE_CODE, "message": DEVICE_CODE}}),
        json!({"message": DEVICE_CODE}),
    ] {
        let stub = Stub::start(move |_, _| reply_json(400, &body)).await;
        let error = error_of(Subject::plain(&stub.base).redeem().await);
        assert_clean(&format!("{error} {error:?}"));
    }
}

#[tokio::test]
async fn words_are_bounded_and_on_one_line() {
    let words = format!("first\r\nsecond\u{1b}[31m{}", "x".repeat(100_000));
    let body = json!({"error": "invalid_grant", "error_description": words});
    let stub = Stub::start(move |_, _| reply_json(400, &body)).await;
    let text = error_of(Subject::plain(&stub.base).redeem().await).to_string();
    assert!(text.len() < 500 && text.contains("first"), "{text}");
    assert!(!text.chars().any(char::is_control), "{text}");
}

/// A log that the test can read.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn not_in_the_log() {
    let log = Log::default();
    // The subscriber is global. With a subscriber for this thread only, other tests could disable the events.
    tracing_subscriber::fmt()
        .with_env_filter("central_oauth_provider_openidconnect=trace")
        .with_writer(log.clone())
        .with_ansi(false)
        .init();
    let stub = parrot(400).await;
    let subject = Subject::new(ProviderSettings {
        name: ProviderName::new("logged"),
        ..settings(&stub.base, ClientAuthMethod::Basic)
    });
    assert!(subject.redeem().await.is_err());
    assert!(subject.identify(None).await.is_err());
    assert_eq!(subject.revoke().await, Ok(Revoked::Unknown));
    let by_code = Subject::new(ProviderSettings {
        name: ProviderName::new("logged"),
        flow: Flow::AuthorizationCode,
        authorization_endpoint: Url::parse(&format!("{}/authorize", stub.base)).ok(),
        ..settings(&stub.base, ClientAuthMethod::Basic)
    });
    let handle = by_code.begin().await.ok().unwrap().handle;
    let outcome = by_code
        .come_back(&handle, "code=auth-code-1234&state=x")
        .await;
    assert!(outcome.is_err());
    let verifier = stub.last(|seen| seen.form()["code_verifier"].clone());
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_clean(&text);
    assert!(!text.contains("auth-code-1234") && !text.contains(&verifier));
    let is_ours = |line: &&str| line.contains("provider=\"logged\"");
    let lines: Vec<_> = text.lines().filter(is_ours).collect();
    assert_eq!(lines.len(), 4, "one line for each exchange: {text}");
    for part in [
        "DEBUG",
        "host=\"127.0.0.1\"",
        "path=\"/token\"",
        "status=400",
        "elapsed_ms=",
    ] {
        assert!(lines[0].contains(part), "{part} in {text}");
    }
}
