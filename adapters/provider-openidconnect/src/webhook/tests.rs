use std::time::Duration;

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
    for status in [301, 307, 400, 401, 404, 410, 429, 500, 503] {
        let error = answered(status, None).unwrap_err();
        assert!(error.fault.detail.contains(&status.to_string()));
        assert_eq!(error.rejects_event, status == 400, "{status}");
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
        "ftp://example.com",
    ] {
        let error = new(url).unwrap_err();
        assert!(matches!(error, WebhookReceiverError::Address(_)), "{url}");
        assert!(!error.to_string().contains("secret"));
    }
}
