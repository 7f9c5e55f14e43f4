use std::collections::BTreeSet;

use central_oauth_domain::Fault;
use central_oauth_domain::ports::CipherError;
use serde_json::{Value, json};

use super::*;

async fn sent(problem: impl Into<Problem>) -> (Option<String>, Value) {
    let response = problem.into().into_response();
    assert_eq!(response.content_type(), Some(PROBLEM_JSON));
    let retry_after = response.header("retry-after").map(str::to_owned);
    let status = response.status();
    let body: Value = response.into_body().into_json().await.unwrap();
    assert_eq!(body["status"], status.as_u16());
    (retry_after, body)
}

#[tokio::test]
async fn a_problem_has_the_shape_of_rfc_9457() {
    let (retry_after, body) = sent(Refusal::NotFound("there is no such account")).await;
    let expected = json!({
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "there is no such account",
        "code": "not_found",
    });
    assert_eq!(body, expected);
    assert_eq!(retry_after, None);
}

#[tokio::test]
async fn every_refusal_has_its_code_and_status() {
    let wait = Duration::from_millis(1500);
    let text = || "because".to_owned();
    let cause = || "table 7".into();
    for (refusal, status, code, retry_after) in [
        (Refusal::Unauthorized("no"), 401, "unauthorized", None),
        (Refusal::EnrollKeyRequired, 401, "enroll_key_required", None),
        (Refusal::Forbidden("no"), 403, "forbidden", None),
        (Refusal::LinkPending, 409, "link_pending", None),
        (
            Refusal::RelinkRequired(Fault::new("x", "because")),
            409,
            "relink_required",
            None,
        ),
        (Refusal::CodeInUse, 409, "code_in_use", None),
        (Refusal::ForeignCallback("x"), 400, "invalid_request", None),
        (Refusal::Unprocessable(text()), 422, "unprocessable", None),
        (Refusal::RateLimited(wait), 429, "rate_limited", Some("2")),
        (Refusal::PolledTooSoon(wait), 429, "rate_limited", Some("2")),
        (
            Refusal::ProviderNotConfigured(text()),
            503,
            "provider_not_configured",
            Some("60"),
        ),
        (
            Refusal::ProviderUnavailable {
                detail: text(),
                retry_after: Duration::ZERO,
            },
            503,
            "provider_unavailable",
            Some("1"),
        ),
        (
            Refusal::ProviderRefused(text()),
            502,
            "provider_error",
            None,
        ),
        (Refusal::OverCapacity, 503, "over_capacity", Some("60")),
        (
            StoreError::Conflict.into(),
            503,
            "store_unavailable",
            Some("5"),
        ),
        (
            StoreError::Unavailable(cause()).into(),
            503,
            "store_unavailable",
            Some("5"),
        ),
        (
            StoreError::Busy(cause()).into(),
            503,
            "store_unavailable",
            Some("5"),
        ),
        (
            StoreError::Corrupt(cause()).into(),
            500,
            "internal_error",
            None,
        ),
        (CipherError::Corrupt.into(), 500, "internal_error", None),
    ] {
        assert_eq!(refusal.code(), code, "the audit log has the same code");
        let (wait, body) = sent(refusal).await;
        assert_eq!(body["status"], status, "{body}");
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(wait.as_deref(), retry_after, "{body}");
        let detail = body["detail"].as_str().unwrap_or_default();
        assert!(!detail.is_empty());
        assert!(!detail.contains("table 7"), "{detail}");
    }
}

#[test]
fn codes_are_unique() {
    let words: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(words.len(), Code::ALL.len());
}

#[test]
fn a_bound_is_put_into_words() {
    for (theirs, ours) in [
        ("maximum(200, exclusive: false)", "the maximum is 200"),
        ("maxLength(100)", "the maximum is 100 characters"),
    ] {
        let theirs = format!("verification failed. {theirs}");
        assert_eq!(bound(&theirs).as_deref(), Some(ours));
    }
    for other in [
        "verification failed. pattern(\"a(b),c\")",
        "failed to parse \"integer(uint64)\": invalid digit found in string",
    ] {
        assert_eq!(bound(other), None);
    }
}
