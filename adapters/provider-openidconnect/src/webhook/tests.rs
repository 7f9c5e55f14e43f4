use std::time::Duration;

use central_oauth_domain::grant::AccountId;
use central_oauth_domain::secret::RelinkUrl;
use central_oauth_domain::webhook::{WebhookEvent, WebhookKind};

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

fn answered(status: u16, retry_after: Option<&str>) -> Result<(), WebhookError> {
    let mut headers = HeaderMap::new();
    if let Some(pause) = retry_after {
        headers.insert("retry-after", pause.parse().unwrap());
    }
    judge(StatusCode::from_u16(status).unwrap(), &headers, NOW)
}

#[test]
fn only_success_accepts_an_event() {
    for status in [200, 202, 204] {
        assert!(answered(status, None).is_ok(), "{status}");
    }
    for status in [301, 307, 400, 401, 404, 410, 413, 415, 422, 429, 500, 503] {
        let error = answered(status, None).unwrap_err();
        assert!(error.fault.detail.contains(&status.to_string()));
        let rejects = [413, 422].contains(&status);
        assert_eq!(error.is_rejection(), rejects, "{status}");
    }
    let redirected = answered(301, None).unwrap_err().fault.detail;
    assert!(redirected.contains("not followed"), "{redirected}");
}

#[test]
fn the_receiver_s_pause_is_told() {
    let error = answered(503, Some("120")).unwrap_err();
    assert_eq!(error.retry_after, Some(Duration::from_secs(120)));
}

#[test]
fn receivers_have_https_addresses() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let new = |url: &str| {
        let receiver = WebhookReceiver {
            name: ReceiverName::parse("ops").unwrap(),
            url: Url::parse(url).unwrap(),
            secrets: Vec::new(),
        };
        Target::new(receiver).map(drop)
    };
    assert!(new("http://127.0.0.1:9/hook").is_ok());
    for url in [
        "http://example.com/hook",
        "https://me:secret@example.com/hook",
        "https://example.com/hook#secret",
        "ftp://example.com",
    ] {
        let error = new(url).unwrap_err();
        assert!(matches!(error, WebhookReceiverError::Address(_)), "{url}");
        assert!(!error.to_string().contains("secret"));
    }
}

#[test]
fn the_body_is_that_of_the_document() {
    let message = WebhookMessage {
        event: WebhookEvent {
            id: "msg_1".to_owned(),
            kind: WebhookKind::RelinkRequired,
            at: Timestamp::from_millis(NOW.as_millis() + 250),
            account: AccountId(42),
            provider: "example".to_owned(),
            error: Some("invalid_grant".to_owned()),
        },
        expires_at: Some(Timestamp::from_millis(NOW.as_millis() + 999)),
        relink_url: Some(RelinkUrl::new("https://auth.example.com/device/relink/1")),
    };
    let body: serde_json::Value = serde_json::from_str(&body::json(&message)).unwrap();
    let expected = serde_json::json!({
        "type": "account.relink_required",
        "timestamp": "2026-09-21T14:13:20Z",
        "data": {
            "account": "42",
            "provider": "example",
            "error": "invalid_grant",
            "expires_at": "2026-09-21T14:13:20Z",
            "relink_url": "https://auth.example.com/device/relink/1",
        },
    });
    assert_eq!(body, expected);
}
