//! A secret key that a PKCS#11 token has wrapped: SoftHSM.

use std::time::Duration;

use crate::support::http;
use crate::support::process::eventually;
use crate::support::service::Service;
use crate::support::softhsm::SoftHsm;

const WITHIN: Duration = Duration::from_secs(60);
const WRONG_PIN: i32 = 10;

/// Runs a command that must succeed, and returns what it prints.
async fn must(service: &Service, arguments: &[&str]) -> String {
    let output = service.output(arguments).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).expect("text")
}

async fn wrap_key(service: &Service) -> String {
    must(service, &["wrap-key"]).await.trim().to_owned()
}

async fn ready(service: &Service) -> u16 {
    let ready = http::try_send(http::client().get(service.url("/v1/readyz"))).await;
    ready.map_or(0, |answer| answer.status.as_u16())
}

async fn is_said(service: &Service, text: &str) {
    let said = async || service.logs().contains(text);
    eventually(WITHIN, text, said).await;
}

/// Returns a service whose key is wrapped by the AES key `first` of a token. It has started once.
async fn wrapped_by_aes() -> (Service, SoftHsm) {
    let mut service = Service::prepare(&[("KMS_GRACE", "2")]);
    let token = SoftHsm::new(&mut service);
    token.make_aes("first");
    write_pin(&mut service, SoftHsm::PIN);
    service.set("KMS", &SoftHsm::uri("first"));
    let wrapped = wrap_key(&service).await;
    assert!(wrapped.starts_with("pkcs11:aes-gcm:first:"), "{wrapped}");
    service.set("SECRET_KEY", &wrapped);
    service.run().await;
    assert_eq!(ready(&service).await, 200);
    (service, token)
}

fn write_pin(service: &mut Service, pin: &str) {
    let file = service.file("pin");
    std::fs::write(&file, format!("{pin}\n")).expect("a file");
    service.set("KMS_PIN_FILE", &file.display().to_string());
}

#[tokio::test]
async fn a_token_that_goes_away_does_not_stop_the_service() {
    let (mut service, token) = wrapped_by_aes().await;
    token.pull_out();
    is_said(&service, "continues with the secret key").await;
    assert_eq!(ready(&service).await, 200);
    let checked = service.output(&["config", "check"]).await;
    assert_eq!(checked.status.code(), Some(0));
    let warned = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(warned.contains("the token is not there"), "{warned}");
    // The token comes back while the service runs.
    token.plug_in();
    is_said(&service, "decrypts the secret key again").await;
    // The token comes back while the service waits for it at the start.
    token.pull_out();
    service.restart().await;
    assert_eq!(ready(&service).await, 503);
    token.plug_in();
    eventually(WITHIN, "the service ready", async || {
        ready(&service).await == 200
    })
    .await;
    let shown = must(&service, &["config", "check"]).await;
    assert!(
        shown.contains("unwraps all wrapped secret keys (1)"),
        "{shown}"
    );
    assert!(service.stop().await.success());
}

#[tokio::test]
async fn both_keys_are_changed_while_the_service_runs() {
    let (mut service, token) = wrapped_by_aes().await;
    let first = service.setting("SECRET_KEY").expect("a key");
    // Another key on the token, of another kind, wraps another secret key.
    token.make_rsa("second");
    service.set("KMS", &SoftHsm::uri("second"));
    service.set("SECRET_KEY", "");
    let second = wrap_key(&service).await;
    assert!(second.starts_with("pkcs11:rsa-oaep:second:"), "{second}");
    service.set("SECRET_KEY", &second);
    service.set("PREVIOUS_SECRET_KEYS", &first);
    service.restart().await;
    assert_eq!(ready(&service).await, 200);
    let rekeyed = must(&service, &["rekey"]).await;
    assert!(rekeyed.contains("You can remove"), "{rekeyed}");
    token.delete("first");
    service.set("PREVIOUS_SECRET_KEYS", "");
    service.restart().await;
    assert_eq!(ready(&service).await, 200);
    service.stop().await;
}

#[tokio::test]
async fn a_wrong_pin_is_sent_once_and_not_again() {
    let (mut service, token) = wrapped_by_aes().await;
    write_pin(&mut service, "the-wrong-pin");
    // The running service continues. If it ended and were started again, it would send the wrong PIN once more.
    is_said(&service, "C_Login: PinIncorrect").await;
    assert_eq!(ready(&service).await, 200);
    write_pin(&mut service, SoftHsm::PIN);
    is_said(&service, "decrypts the secret key again").await;
    service.stop().await;
    assert!(!token.has_seen_a_wrong_pin());
    // A start with a wrong PIN ends with an exit code of its own, after which systemd does not try again.
    write_pin(&mut service, "another-wrong-pin");
    let ended = service.run_to_the_end().await;
    assert_eq!(ended.code(), Some(WRONG_PIN), "{}", service.logs());
    assert!(token.has_seen_a_wrong_pin());
    let checked = service.output(&["config", "check"]).await;
    assert_eq!(checked.status.code(), Some(WRONG_PIN));
    let key = service.setting("SECRET_KEY").expect("a key");
    service.set("SECRET_KEY", "");
    let wrapped = service.output(&["wrap-key"]).await;
    assert_eq!(wrapped.status.code(), Some(WRONG_PIN));
    service.set("SECRET_KEY", &key);
    let said = String::from_utf8_lossy(&checked.stderr).into_owned() + &service.logs();
    assert!(said.contains("the token rejects the PIN"), "{said}");
    for pin in ["wrong-pin", SoftHsm::PIN] {
        assert!(!said.contains(pin), "{said}");
    }
    write_pin(&mut service, SoftHsm::PIN);
    service.run().await;
    service.stop().await;
}

#[tokio::test]
async fn a_missing_key_stops_the_service_and_a_damaged_one_is_named() {
    let (mut service, token) = wrapped_by_aes().await;
    let wrapped = service.setting("SECRET_KEY").expect("a key");
    service.stop().await;
    for (key, reason) in [
        (
            wrapped.replace(":first:", ":other:"),
            "has no AES or RSA key",
        ),
        (format!("vault:v1:{}", "A".repeat(80)), "this is not what"),
    ] {
        service.set("SECRET_KEY", &key);
        let ended = service.run_to_the_end().await;
        let logs = service.logs();
        assert_eq!(ended.code(), Some(1), "{logs}");
        assert!(logs.contains(reason), "{logs}");
        let checked = service.output(&["config", "check"]).await;
        assert_eq!(checked.status.code(), Some(1), "{reason}");
    }
    // SoftHSM's answer to a changed ciphertext may also be an outage, so the service waits and says what it may be.
    let (start, last) = wrapped.split_at(wrapped.len() - 8);
    let changed = last.chars().map(|c| if c == 'A' { 'B' } else { 'A' });
    service.set(
        "SECRET_KEY",
        &format!("{start}{}", changed.collect::<String>()),
    );
    let checked = service.output(&["config", "check"]).await;
    let warned = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(
        warned.contains("the wrapped key may be damaged"),
        "{warned}"
    );
    service.set("SECRET_KEY", &wrapped);
    service.run().await;
    token.delete("first");
    assert_eq!(service.ended().await.code(), Some(1));
    let logs = service.logs();
    assert!(logs.contains("may not be used any more"), "{logs}");
}

#[tokio::test]
async fn a_module_that_is_none_is_an_error() {
    let mut service = Service::prepare(&[("KMS_PIN", SoftHsm::PIN)]);
    for module in ["/nowhere/module.so", "/etc/passwd"] {
        let uri = format!("pkcs11:token=t;object=k?module-path={module}");
        service.set("KMS", &uri);
        let output = service.output(&["wrap-key"]).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains("the key management service refuses"),
            "{said}"
        );
    }
}
