//! Refreshing: RFC 6749 section 6, and the behaviour of real servers.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::TokenGrant;
use central_oauth_domain::ports::{ProviderError, RefreshAnswer, RefreshError};
use poem::Response;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::support::{
    Nobody, REFRESH_TOKEN, Stub, Subject, TestClock, WithHeader, issuer, json as reply_json, kind,
    metadata, plain, raw, reply,
};

async fn answered(
    answer: impl Fn() -> Response + Send + Sync + 'static,
) -> Result<TokenGrant, RefreshError> {
    let stub = Stub::start(move |_, _| answer()).await;
    Subject::plain(&stub.base).refresh().await
}

async fn granted(answer: Value) -> TokenGrant {
    let grant = answered(move || reply_json(200, &answer)).await;
    grant.ok().unwrap()
}

/// Returns the kind and the code of the error, and `may_have_acted`.
fn verdict(outcome: Result<TokenGrant, RefreshError>) -> (&'static str, String, bool) {
    let error = outcome.err().expect("an error");
    let (kind, code) = kind(&error.cause);
    (kind, code.to_owned(), error.may_have_acted)
}

async fn judged(status: u16, answer: Value) -> (&'static str, String, bool) {
    verdict(answered(move || reply_json(status, &answer)).await)
}

#[tokio::test]
async fn the_refresh_token_is_presented_and_nothing_else() {
    let stub = Stub::start(|_, _| reply_json(200, &json!({"access_token": "at"}))).await;
    Subject::plain(&stub.base).refresh().await.ok().unwrap();
    stub.last(|seen| {
        assert_eq!(seen.path, "/token");
        assert_eq!(seen.form()["grant_type"], "refresh_token");
        assert_eq!(seen.form()["refresh_token"], REFRESH_TOKEN);
        assert!(!seen.form().contains_key("scope"));
    });
}

// RFC 6749 section 6: the response may contain a new refresh token. If it has no `scope`, the granted scopes stay.
#[tokio::test]
async fn what_comes_and_what_stays() {
    let grant = granted(json!({
        "access_token": "at", "refresh_token": "rt", "expires_in": "60", "scope": "openid",
    }))
    .await;
    assert_eq!(grant.access_token.expose(), "at");
    assert_eq!(grant.refresh_token.unwrap().expose(), "rt");
    assert_eq!(grant.expires_in, Some(Duration::from_secs(60)));
    assert_eq!(grant.scopes, ["openid"]);
    for none in [json!(null), json!("")] {
        let grant = granted(json!({"access_token": "at", "refresh_token": none})).await;
        assert!(grant.refresh_token.is_none());
        assert_eq!(grant.scopes, ["openid", "granted"]);
    }
}

/// Returns the refresh token of a response with an unusable access token, and the error.
async fn in_vain(answer: Value) -> (Option<String>, ProviderError) {
    let stub = Stub::start(move |_, _| reply_json(200, &answer)).await;
    match Subject::plain(&stub.base).refresh_answer().await {
        Ok(RefreshAnswer::Unusable { refresh_token, why }) => {
            (refresh_token.map(|token| token.expose().to_owned()), why)
        }
        Ok(RefreshAnswer::Granted(_)) => panic!("the access token is taken for a good one"),
        Err(error) => panic!("{error}"),
    }
}

// RFC 6749 section 7.1, RFC 9449, RFC 8693 section 2.2.1 (`N_A`): the access token has an unusable type, but the provider
// has rotated the refresh token nevertheless.
#[tokio::test]
async fn a_rotated_refresh_token_outlives_tokens_of_another_type() {
    for token_type in [
        json!("DPoP"),
        json!("mac"),
        json!("N_A"),
        json!(5),
        json!(["Bearer"]),
    ] {
        let answer = |refresh_token| json!({"access_token": "at", "refresh_token": refresh_token, "token_type": token_type});
        let (refresh_token, why) = in_vain(answer(json!("rt"))).await;
        assert_eq!(refresh_token.as_deref(), Some("rt"), "{token_type}");
        assert_eq!(kind(&why), ("refused", "unsupported_token_type"));
        // The response has no new refresh token, so the old one is still valid.
        assert_eq!(in_vain(answer(json!(null))).await.0, None);
    }
}

#[tokio::test]
async fn a_rotated_refresh_token_outlives_a_missing_access_token() {
    for access_token in [json!(null), json!(""), json!(7), json!({"value": "at"})] {
        let answer = json!({"access_token": access_token, "refresh_token": "rt"});
        let (refresh_token, why) = in_vain(answer).await;
        assert_eq!(refresh_token.as_deref(), Some("rt"), "{access_token}");
        assert_eq!(kind(&why), ("nonsense", ""));
    }
}

#[tokio::test]
async fn odd_members_cost_no_token() {
    let odd = [
        json!(7),
        json!({"a": 1}),
        json!([1, null]),
        json!(true),
        json!(-1.5),
        json!("?"),
    ];
    for value in odd {
        let answer = json!({
            "access_token": "at", "refresh_token": "rt", "id_token": value, "scope": value,
            "expires_in": value, "refresh_token_expires_in": value,
        });
        let grant = granted(answer).await;
        assert_eq!(grant.refresh_token.unwrap().expose(), "rt", "{value}");
    }
}

// Square's `ObtainToken` sends a date. TikTok Shop sends a Unix time instead of a lifetime.
#[tokio::test]
async fn the_end_of_a_refresh_token_is_a_lifetime_too() {
    let hour = Some(Duration::from_secs(3600));
    let (end, date) = (TestClock::START + 3600, "2027-01-15T09:00:00Z");
    for (name, value, expected) in [
        ("refresh_token_expires_at", json!(date), hour),
        ("refresh_token_expires_at", json!(end), hour),
        ("refresh_token_expires_at", json!(end.to_string()), hour),
        ("refresh_token_expires_at", json!(end * 1000), hour),
        ("refresh_token_expires_in", json!(end), hour),
        ("refresh_token_expires_in", json!("3600"), hour),
        ("refresh_expires_in", json!(date), hour),
        ("refresh_expires_in", json!("3600.0"), hour),
        (
            "refresh_token_expires_at",
            json!("2020-01-01T00:00:00Z"),
            None,
        ),
        (
            "refresh_token_expires_at",
            json!("9999-12-31T23:59:59Z"),
            None,
        ),
        ("refresh_token_expires_at", json!(3600), None),
        ("refresh_token_expires_at", json!("soon"), None),
        ("refresh_expires_in", json!(-1), None),
    ] {
        let grant =
            granted(json!({"access_token": "at", "refresh_token": "rt", name: value})).await;
        assert_eq!(grant.refresh_token_expires_in, expected, "{name}: {value}");
    }
}

// RFC 7519 section 4.1.4 defines the claim `exp`.
#[tokio::test]
async fn the_expiry_in_a_jwt_is_returned() {
    let claims = URL_SAFE_NO_PAD.encode(r#"{"exp": 1800000600}"#);
    let grant = granted(json!({"access_token": format!("e30.{claims}.c2ln")})).await;
    assert_eq!(grant.exp, Some(Timestamp::from_millis(1_800_000_600_000)));
    assert_eq!(granted(json!({"access_token": "opaque"})).await.exp, None);
}

#[tokio::test]
async fn listed_members_are_returned_and_no_others() {
    let answer = json!({
        "access_token": "at", "refresh_token": "rt", "instance_url": "https://org.example.com",
        "team": {"id": 7}, "other": "x",
    });
    let stub = Stub::start(move |_, _| reply_json(200, &answer)).await;
    let mut settings = plain(&stub.base);
    settings.extra = ["instance_url", "team.id", "missing"]
        .map(str::to_owned)
        .into();
    let grant = Subject::new(settings).refresh().await.ok().unwrap();
    let told = grant.extra.iter();
    let told: Vec<_> = told
        .map(|(name, value)| (name.as_str(), value.as_deref()))
        .collect();
    let expected = [
        ("instance_url", Some("https://org.example.com")),
        ("team.id", Some("7")),
        ("missing", None),
    ];
    assert_eq!(told, expected);
}

// OpenID Connect Core section 12.2: an ID token in the response is ignored.
#[tokio::test]
async fn a_bad_id_token_discards_nothing() {
    let answer = json!({"access_token": "at", "refresh_token": "rt", "id_token": "no.jwt.at-all"});
    let stub = Stub::start(move |seen, base| match seen.path.as_str() {
        "/.well-known/openid-configuration" => reply_json(200, &metadata(base)),
        _ => reply_json(200, &answer),
    })
    .await;
    let grant = Subject::new(issuer(&stub.base)).refresh().await;
    assert_eq!(grant.ok().unwrap().refresh_token.unwrap().expose(), "rt");
    assert_eq!(stub.count("/jwks"), 0);
}

// Error codes of RFC 6749 section 5.2, of GitHub ("Refreshing user access tokens", with 200), of Slack ("Token rotation")
// and of OpenAI (with 401).
#[tokio::test]
async fn a_dead_refresh_token_has_several_names() {
    for (status, code) in [
        (400, "invalid_grant"),
        (401, "INVALID_GRANT"),
        (200, "bad_refresh_token"),
        (200, "invalid_refresh_token"),
        (401, "refresh_token_expired"),
        (401, "refresh_token_reused"),
        (401, "refresh_token_invalidated"),
        (400, "RefreshTokenRevoked"),
        (400, "expired_refresh_token"),
        // Ory Hydra 1 (neondatabase/mcp-server-neon pull 232).
        (401, "token_inactive"),
    ] {
        let answer = json!({"error": code, "error_description": "expired"});
        let expected = ("refused", "invalid_grant".to_owned(), false);
        assert_eq!(judged(status, answer).await, expected, "{code}");
    }
    let outcome = answered(|| reply_json(200, &json!({"error": "bad_refresh_token"}))).await;
    let words = outcome.err().unwrap().to_string();
    assert!(words.contains("bad_refresh_token"), "{words}");
}

#[tokio::test]
async fn the_operator_s_mistakes_are_no_dead_tokens() {
    for (status, code) in [
        (401, "invalid_client"),
        (400, "unauthorized_client"),
        // RFC 8707 section 2: the server rejects the `resource`, which comes from the configuration.
        (400, "invalid_target"),
    ] {
        let expected = ("misconfigured", code.to_owned(), false);
        assert_eq!(judged(status, json!({"error": code})).await, expected);
    }
}

// Gitea and Forgejo: `handleRefreshToken` in routers/web/auth/oauth2_provider.go, woodpecker-ci/woodpecker#5839, #2887
// and #938.
#[tokio::test]
async fn an_unauthorized_client_may_have_a_dead_token() {
    let dead = ("refused", "invalid_grant");
    let misconfigured = ("misconfigured", "unauthorized_client");
    for (code, words, (kind, expected)) in [
        ("unauthorized_client", "token was already used", dead),
        ("unauthorized_client", "Unable to parse refresh token", dead),
        (
            "unauthorized_client",
            "client is not authorized",
            misconfigured,
        ),
        (
            "unauthorized_client",
            "the token was already used",
            misconfigured,
        ),
        (
            "invalid_request",
            "token was already used",
            ("refused", "invalid_request"),
        ),
    ] {
        let answer = json!({"error": code, "error_description": words});
        let expected = (kind, expected.to_owned(), false);
        assert_eq!(judged(400, answer).await, expected, "{code} {words}");
    }
}

// None of these responses says that the refresh token is dead.
#[tokio::test]
async fn refusals_that_do_not_say_so() {
    for (status, content_type, body, code) in [
        (400, "application/json", "", "http_400"),
        // A gateway probably sent this response: see `ProviderError::is_of_gateway`.
        (404, "text/html", "<html>", "http_page_404"),
        (403, "text/html", "<html>Forbidden", "http_page_403"),
        (403, "text/plain", "RBAC: access denied", "http_403"),
        (400, "application/json", r#"{"message":"no"}"#, "http_400"),
        (
            401,
            "application/json",
            r#"{"error":"token_gone"}"#,
            "token_gone",
        ),
    ] {
        let outcome = answered(move || reply(status, content_type, body)).await;
        assert_eq!(verdict(outcome), ("refused", code.to_owned(), false));
    }
}

#[tokio::test]
async fn a_limit_says_nothing_and_nothing_was_done() {
    let limited = || {
        let answer = reply(429, "text/plain", "slow down");
        answer.with_header_value("retry-after", "30")
    };
    let error = answered(limited).await.err().unwrap();
    assert!(!error.may_have_acted);
    assert_eq!(error.cause.retry_after(), Some(Duration::from_secs(30)));
}

#[tokio::test]
async fn answers_that_leave_it_open() {
    for (status, body) in [
        (500, "{}"),
        (503, r#"{"error":"invalid_grant"}"#),
        (502, "<html>"),
        (200, "<html>"),
        (200, r#"{"access_token": "at", "refresh_t"#),
        (200, r#"{"token_type":"Bearer","scope":"openid"}"#),
        (302, ""),
    ] {
        let outcome = answered(move || reply(status, "application/json", body)).await;
        let error = outcome.err().unwrap();
        assert!(error.may_have_acted, "{status} {body}");
        assert_ne!(kind(&error.cause), ("refused", "invalid_grant"));
    }
}

#[tokio::test]
async fn answers_that_get_lost_leave_it_open() {
    // This server closes the connection when the request has arrived.
    let closes = raw(|socket| async { drop(socket) }).await;
    // This server closes the connection in the middle of the body.
    let stops = raw(|mut socket| async move {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"access_token\":";
        socket.write_all(head).await.unwrap();
    })
    .await;
    for base in [closes, stops] {
        let outcome = Subject::plain(&base).refresh().await;
        assert_eq!(verdict(outcome), ("unavailable", String::new(), true));
    }
    let silent = raw(|socket| async move {
        tokio::time::sleep(Duration::from_secs(30)).await;
        drop(socket);
    })
    .await;
    let mut settings = plain(&silent);
    settings.timeout = Duration::from_millis(300);
    let outcome = Subject::new(settings).refresh().await;
    assert_eq!(verdict(outcome), ("unavailable", String::new(), true));
}

#[tokio::test]
async fn what_was_never_sent_leaves_nothing_open() {
    let nobody = Nobody::listens();
    let expected = ("unavailable", String::new(), false);
    assert_eq!(
        verdict(Subject::plain(&nobody.base).refresh().await),
        expected
    );
    // If discovery fails, the refresh token is not sent either.
    let stub = Stub::saying(500, "text/plain", "no").await;
    let outcome = Subject::new(issuer(&stub.base)).refresh().await;
    assert!(!outcome.err().unwrap().may_have_acted);
}

/// A suspended process must not send the refresh token later, because another replica may have sent it in the meantime.
#[tokio::test]
async fn a_refresh_token_goes_out_in_time_or_not_at_all() {
    let tokens = json!({"access_token": "at", "token_type": "Bearer"});
    let stub = Stub::start(move |_, _| reply_json(200, &tokens)).await;
    let mut settings = plain(&stub.base);
    settings.timeout = Duration::from_secs(4);
    let subject = Subject::new(settings);
    subject.refresh().await.ok().unwrap();
    stub.last(|request| {
        assert_eq!(
            request.header("content-length"),
            request.body.len().to_string()
        );
    });

    // The connection is open and the request is built, but the task that sends it has not run yet.
    let stopped = async { std::thread::sleep(Duration::from_millis(2500)) };
    let (outcome, ()) = tokio::join!(biased; subject.refresh(), stopped);
    assert_eq!(verdict(outcome), ("unavailable", String::new(), false));
    // When this refresh returns, the server has received all earlier requests.
    subject.refresh().await.ok().unwrap();
    assert_eq!(stub.count("/token"), 2);
}

#[tokio::test]
async fn the_refresh_token_is_not_repeated() {
    let echo =
        json!({"error": "invalid_grant", "error_description": format!("no {REFRESH_TOKEN}")});
    let error = answered(move || reply_json(400, &echo))
        .await
        .err()
        .unwrap();
    assert!(!error.to_string().contains(REFRESH_TOKEN), "{error}");
    assert!(matches!(error.cause, ProviderError::Refused { .. }));
}
