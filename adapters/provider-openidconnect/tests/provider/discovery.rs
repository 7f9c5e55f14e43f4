//! Discovery of the metadata of issuers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use central_oauth_domain::ports::OAuthProvider;
use central_oauth_provider_openidconnect::{Flow, ProviderSettings};
use poem::Response;
use serde_json::{Value, json};
use url::Url;

use crate::authorization_code::CALLBACK;
use crate::support::{
    Nobody, Seen, Stub, Subject, changed, error_of, issuer, json as reply_json, kind, metadata,
    reply, step,
};

const OIDC: &str = "/.well-known/openid-configuration";
const OAUTH: &str = "/.well-known/oauth-authorization-server";

/// An issuer with changed metadata, whose token endpoint always answers `authorization_pending`.
fn issuer_with(changes: Value) -> impl Fn(&Seen, &str) -> Response + Send + Sync + 'static {
    move |seen, base| match seen.path.as_str() {
        OIDC => reply_json(200, &changed(metadata(base), changes.clone())),
        _ => pending(),
    }
}

fn pending() -> Response {
    reply_json(400, &json!({"error": "authorization_pending"}))
}

async fn origin(subject: &Subject) -> String {
    subject.provider.origin().await.unwrap().token_endpoint
}

// OpenID Connect Discovery section 4. The metadata is fetched once and then cached.
#[tokio::test]
async fn finds_the_endpoints_once() {
    let stub = Stub::start(issuer_with(json!({}))).await;
    let subject = Subject::new(issuer(&stub.base));
    assert_eq!(stub.count(OIDC), 0);
    for _ in 0..3 {
        assert_eq!(step(&subject.redeem().await), "pending");
    }
    assert_eq!(stub.count(OIDC), 1);
    assert_eq!(stub.count("/token"), 3);
    let origin = subject.provider.origin().await.unwrap();
    assert_eq!(origin.token_endpoint, format!("{}/token", stub.base));
    assert_eq!(origin.client_id, "client-1");
}

// Keycloak's issuers have a path, and Auth0's end with a slash. Operators may omit or add the slash.
#[tokio::test]
async fn issuers_with_a_path_or_a_slash() {
    for named in ["", "/", "/realms/work", "/realms/work/"] {
        for configured in [
            named.trim_end_matches('/').to_owned(),
            format!("{}/", named.trim_end_matches('/')),
        ] {
            let location = format!("{}{OIDC}", named.trim_end_matches('/'));
            let stub = Stub::start(move |seen, base| {
                let mut answer = metadata(base);
                answer["issuer"] = format!("{base}{named}").into();
                match seen.path == location {
                    true => reply_json(200, &answer),
                    false => reply(404, "text/plain", ""),
                }
            })
            .await;
            let subject = Subject::new(issuer(&format!("{}{configured}", stub.base)));
            assert_eq!(origin(&subject).await, format!("{}/token", stub.base));
        }
    }
}

// RFC 8414 section 3.1: servers without OpenID Connect have their metadata at a well-known path before the issuer's
// path.
#[tokio::test]
async fn metadata_of_a_plain_oauth_server() {
    // The URL of OpenID Connect Discovery does not exist: the server answers 404, or 200 with an HTML page.
    for (status, content_type) in [(404, "text/plain"), (200, "text/html")] {
        let stub = Stub::start(move |seen, base| match seen.path.as_str() {
            "/.well-known/oauth-authorization-server/as" => reply_json(
                200,
                &json!({
                    "issuer": format!("{base}/as"),
                    "device_authorization_endpoint": format!("{base}/device"),
                    "token_endpoint": format!("{base}/token"),
                }),
            ),
            "/token" => pending(),
            _ => reply(status, content_type, "<html>"),
        })
        .await;
        let subject = Subject::new(issuer(&format!("{}/as", stub.base)));
        assert_eq!(step(&subject.redeem().await), "pending");
    }
}

// The Model Context Protocol asks clients to insert the OpenID Connect well-known path before the issuer's path, too.
// Some servers append the path of RFC 8414 to the issuer's path (punkpeye/mcp-remote issue 174).
#[tokio::test]
async fn metadata_at_unusual_addresses() {
    for location in [
        "/.well-known/openid-configuration/as",
        "/as/.well-known/oauth-authorization-server",
    ] {
        let stub = Stub::start(move |seen, base| match seen.path.as_str() {
            path if path == location => {
                let issuer = format!("{base}/as");
                reply_json(200, &changed(metadata(base), json!({"issuer": issuer})))
            }
            "/token" => pending(),
            _ => reply(404, "text/plain", ""),
        })
        .await;
        let subject = Subject::new(issuer(&format!("{}/as", stub.base)));
        assert_eq!(step(&subject.redeem().await), "pending", "{location}");
    }
}

fn redirect(status: u16, to: &str) -> Response {
    let mut response = reply(status, "text/plain", "");
    let to = to.parse().unwrap();
    response.headers_mut().insert("location", to);
    response
}

// dani-garcia/vaultwarden#6536, BookStackApp/BookStack#4451.
#[tokio::test]
async fn metadata_behind_a_redirect() {
    for status in [301, 302, 303, 307, 308] {
        let stub = Stub::start(move |seen, base| match seen.path.as_str() {
            OIDC => redirect(status, "/moved#top"),
            "/moved" => redirect(status, &format!("{base}/metadata")),
            "/metadata" => reply_json(200, &metadata(base)),
            _ => pending(),
        })
        .await;
        let outcome = Subject::new(issuer(&stub.base)).redeem().await;
        assert_eq!(step(&outcome), "pending", "{status}");
        assert_eq!(stub.count(OAUTH), 0);
    }
    let stub = Stub::start(|seen, base| match seen.path.as_str() {
        OIDC => redirect(302, "/elsewhere"),
        _ => reply_json(
            200,
            &changed(metadata(base), json!({"issuer": "https://id.example.com"})),
        ),
    })
    .await;
    let error = error_of(Subject::new(issuer(&stub.base)).begin().await);
    assert_eq!(kind(&error), ("misconfigured", "issuer_mismatch"));
}

#[tokio::test]
async fn a_redirect_that_is_not_followed_is_explained() {
    for (to, host, requests) in [
        (OIDC, "127.0.0.1", 4),
        ("http://id.example.com/metadata", "id.example.com", 1),
        ("http://10.0.0.1/metadata", "10.0.0.1", 1),
        ("mailto:ada@example.com", "127.0.0.1", 1),
    ] {
        for has_other in [false, true] {
            let stub = Stub::start(move |seen, base| match seen.path.as_str() {
                OIDC => redirect(302, to),
                OAUTH if has_other => reply_json(200, &metadata(base)),
                "/token" => pending(),
                _ => reply(404, "text/plain", ""),
            })
            .await;
            let outcome = Subject::new(issuer(&stub.base)).redeem().await;
            assert_eq!(stub.count(OIDC), requests, "{to}");
            if has_other {
                assert_eq!(step(&outcome), "pending", "{to}");
                continue;
            }
            let error = error_of(outcome);
            assert_eq!(kind(&error), ("misconfigured", "metadata_redirected"));
            let words = error.to_string();
            assert!(
                words.contains(host) && words.contains("set the issuer"),
                "{words}"
            );
        }
    }
}

// A server without OpenID Connect may answer 500 at the URL of OpenID Connect Discovery, so the next URL is tried. If no
// URL has metadata, the failure is temporary. After 429 or 503 no other URL is tried, because this one may soon respond.
#[tokio::test]
async fn a_failing_address_does_not_hide_the_other() {
    for status in [429, 500, 503] {
        for has_metadata in [true, false] {
            let stub = Stub::start(move |seen, base| match seen.path.as_str() {
                OIDC => reply(status, "text/plain", ""),
                OAUTH if has_metadata => reply_json(200, &metadata(base)),
                "/token" => pending(),
                _ => reply(404, "text/plain", ""),
            })
            .await;
            let outcome = Subject::new(issuer(&stub.base)).redeem().await;
            let expected = if status == 500 && has_metadata {
                "pending"
            } else {
                "unavailable"
            };
            assert_eq!(step(&outcome), expected, "{status}");
        }
    }
}

// Configured endpoints override the metadata, which has no device endpoint and an unusable token endpoint.
#[tokio::test]
async fn what_is_given_wins() {
    let stub = Stub::start(issuer_with(json!({
        "device_authorization_endpoint": null,
        "token_endpoint": "http://id.example.com/not-used",
    })))
    .await;
    let at = |path: &str| Some(Url::parse(&format!("{}{path}", stub.base)).unwrap());
    let subject = Subject::new(ProviderSettings {
        token_endpoint: at("/own-token"),
        ..issuer(&stub.base)
    });
    // A configured token endpoint needs no discovery.
    assert_eq!(origin(&subject).await, format!("{}/own-token", stub.base));
    assert_eq!(stub.count(OIDC), 0);
    assert_eq!(step(&subject.redeem().await), "pending");
    assert_eq!(stub.count("/own-token"), 1);
    let error = error_of(subject.begin().await);
    assert_eq!(kind(&error), ("misconfigured", "no_endpoint"));
    assert!(error.to_string().contains("device_authorization_endpoint"));

    let subject = Subject::new(ProviderSettings {
        device_authorization_endpoint: at("/own-device"),
        token_endpoint: at("/own-token"),
        ..issuer(&stub.base)
    });
    assert!(subject.begin().await.is_err());
    assert_eq!(stub.count("/own-device"), 1);
}

// OpenID Connect Discovery section 4.3, RFC 8414 section 3.3: this check prevents a mix-up attack.
#[tokio::test]
async fn another_issuer_is_refused() {
    for named in ["https://id.example.com", "http://127.0.0.1:1", "nonsense"] {
        let stub = Stub::start(issuer_with(json!({"issuer": named}))).await;
        let error = error_of(Subject::new(issuer(&stub.base)).redeem().await);
        assert_eq!(
            kind(&error),
            ("misconfigured", "issuer_mismatch"),
            "{named}"
        );
    }
    let stub = Stub::start(issuer_with(json!({"issuer": null}))).await;
    let error = error_of(Subject::new(issuer(&stub.base)).redeem().await);
    assert_eq!(kind(&error), ("nonsense", ""));
}

// Endpoints must be https, except on loopback. This applies also to discovered endpoints and the URL of the keys.
#[tokio::test]
async fn plain_http_in_public_is_refused() {
    for member in [
        "device_authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
        "jwks_uri",
    ] {
        for bad in [
            "http://id.example.com/x",
            "http://192.0.2.1/x",
            "ftp://127.0.0.1/x",
            "https://me:pw@id.example.com/x",
            "/x",
        ] {
            let stub = Stub::start(issuer_with(json!({ member: bad }))).await;
            let error = error_of(Subject::new(issuer(&stub.base)).begin().await);
            assert_eq!(kind(&error), ("misconfigured", "endpoint_refused"));
            assert!(error.to_string().contains(member), "{error}");
        }
    }
}

// A refresh needs only the token endpoint, so an invalid URL of another endpoint does not stop refreshes.
#[tokio::test]
async fn a_bad_endpoint_that_refreshes_do_not_use_stops_none() {
    for member in [
        "authorization_endpoint",
        "device_authorization_endpoint",
        "userinfo_endpoint",
        "jwks_uri",
        "revocation_endpoint",
    ] {
        let changes = json!({ member: "http://id.example.com/x" });
        let stub = Stub::start(issuer_with(changes)).await;
        let _answered = Subject::new(issuer(&stub.base)).refresh().await;
        assert_eq!(stub.count("/token"), 1, "{member}");
    }
}

#[tokio::test]
async fn a_bad_endpoint_of_the_other_flow_stops_no_links() {
    for (flow, member) in [
        (Flow::Device, "authorization_endpoint"),
        (Flow::AuthorizationCode, "device_authorization_endpoint"),
    ] {
        let stub = Stub::start(move |seen, base| {
            let mut changes = json!({"authorization_endpoint": format!("{base}/authorize")});
            changes[member] = json!("http://id.example.com/x");
            let answer = json!({"device_code": "d", "user_code": "BCDF-GHJK", "expires_in": 600,
                "verification_uri": format!("{base}/verify")});
            match seen.path.as_str() {
                "/device" => reply_json(200, &answer),
                _ => issuer_with(changes)(seen, base),
            }
        })
        .await;
        let settings = ProviderSettings {
            flow,
            ..issuer(&stub.base)
        };
        let begun = Subject::new(settings).begin().await;
        assert!(begun.is_ok(), "{member}: {}", error_of(begun));
    }
}

#[tokio::test]
async fn no_metadata_at_all() {
    let stub = Stub::saying(404, "text/plain", "").await;
    let error = error_of(Subject::new(issuer(&stub.base)).begin().await);
    assert_eq!(kind(&error), ("misconfigured", "no_metadata"));
    assert_eq!((stub.count(OIDC), stub.count(OAUTH)), (1, 1));

    let stub = Stub::saying(200, "text/html", "<html>Welcome</html>").await;
    let error = error_of(Subject::new(issuer(&stub.base)).begin().await);
    assert_eq!(kind(&error), ("nonsense", ""));

    let stub = Stub::saying(503, "text/plain", "").await;
    let error = error_of(Subject::new(issuer(&stub.base)).begin().await);
    assert_eq!(kind(&error), ("unavailable", ""));
}

/// Starts an issuer. While `up` is 0, its metadata cannot be fetched. Otherwise the URL of its token endpoint ends with
/// `up`.
async fn moody(up: Arc<AtomicUsize>) -> Stub {
    Stub::start(move |seen, base| {
        let version = up.load(Ordering::Relaxed);
        let mut answer = metadata(base);
        answer["token_endpoint"] = format!("{base}/token{version}").into();
        match (seen.path.as_str(), version) {
            (OIDC, 0) => reply(503, "text/plain", ""),
            (OIDC, _) => reply_json(200, &answer),
            _ => pending(),
        }
    })
    .await
}

#[tokio::test]
async fn failures_are_not_kept() {
    let up = Arc::new(AtomicUsize::new(0));
    let stub = moody(Arc::clone(&up)).await;
    let subject = Subject::new(issuer(&stub.base));
    assert_eq!(step(&subject.redeem().await), "unavailable");
    up.store(1, Ordering::Relaxed);
    assert_eq!(step(&subject.redeem().await), "pending");
}

#[tokio::test]
async fn looks_again_after_an_hour_and_outlives_a_failure() {
    let hour = Duration::from_secs(3600);
    let up = Arc::new(AtomicUsize::new(1));
    let stub = moody(Arc::clone(&up)).await;
    let subject = Subject::new(issuer(&stub.base));
    let endpoint = |version: u8| format!("{}/token{version}", stub.base);
    assert_eq!(origin(&subject).await, endpoint(1));

    up.store(2, Ordering::Relaxed);
    subject.clock.advance(hour - Duration::from_secs(1));
    assert_eq!(origin(&subject).await, endpoint(1));
    subject.clock.advance(Duration::from_secs(1));
    assert_eq!(origin(&subject).await, endpoint(2));
    assert_eq!(stub.count(OIDC), 2);

    up.store(0, Ordering::Relaxed);
    subject.clock.advance(hour);
    assert_eq!(origin(&subject).await, endpoint(2));
    assert_eq!(origin(&subject).await, endpoint(2));
    assert_eq!(stub.count(OIDC), 3);

    up.store(3, Ordering::Relaxed);
    subject.clock.advance(Duration::from_secs(60));
    assert_eq!(origin(&subject).await, endpoint(3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_share_one_discovery() {
    for (status, expected) in [(200, "pending"), (503, "unavailable")] {
        let stub = Stub::start(move |seen, base| match seen.path.as_str() {
            OIDC => {
                // All callers start to wait for the fetch during this time.
                std::thread::sleep(Duration::from_millis(200));
                reply_json(status, &metadata(base))
            }
            _ => pending(),
        })
        .await;
        let subject = Arc::new(Subject::new(issuer(&stub.base)));
        let ask = |_| {
            let subject = Arc::clone(&subject);
            tokio::spawn(async move { step(&subject.redeem().await) })
        };
        let tasks: Vec<_> = (0..20).map(ask).collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), expected);
        }
        assert_eq!(stub.count(OIDC), 1, "{expected}");
    }
}

/// Starts an issuer that moves its endpoints when `moved` is set. After the move, the old endpoints answer with `old`.
async fn moving(
    moved: Arc<AtomicUsize>,
    old: impl Fn() -> Response + Send + Sync + 'static,
) -> Stub {
    Stub::start(move |seen, base| {
        let has_moved = moved.load(Ordering::Relaxed) != 0;
        let changes = if has_moved {
            json!({
                "token_endpoint": format!("{base}/v2/token"),
                "userinfo_endpoint": format!("{base}/v2/userinfo"),
            })
        } else {
            json!({})
        };
        match (seen.path.as_str(), has_moved) {
            (OIDC, _) => reply_json(200, &changed(metadata(base), changes)),
            ("/token", false) | ("/v2/token", true) => {
                reply_json(200, &json!({"access_token": "at"}))
            }
            ("/userinfo", false) | ("/v2/userinfo", true) => {
                reply_json(200, &json!({"sub": "ada"}))
            }
            _ => old(),
        }
    })
    .await
}

// simov/grant issue 266, robertogallea/restado issue 2: the token endpoint of an issuer may move.
#[tokio::test]
async fn endpoints_that_are_gone_are_looked_for_at_once() {
    for status in [301, 308, 404, 405, 410, 421] {
        let moved = Arc::new(AtomicUsize::new(0));
        let stub = moving(Arc::clone(&moved), move || {
            reply(status, "text/plain", "gone")
        })
        .await;
        let subject = Subject::new(issuer(&stub.base));
        let before = subject.provider.origin().await.unwrap();
        assert_eq!(before.issuer.as_ref(), Some(&stub.base));
        assert!(subject.refresh().await.is_ok());
        moved.store(1, Ordering::Relaxed);
        subject.clock.advance(Duration::from_secs(10));
        assert!(subject.refresh().await.is_err(), "{status}");
        assert!(subject.refresh().await.is_ok(), "{status}");
        assert!(origin(&subject).await.ends_with("/v2/token"));
        let now = subject.provider.origin().await.unwrap();
        assert!(before.may_be_sent_to(&now));
        assert_eq!(stub.count(OIDC), 2, "{status}");
    }
}

#[tokio::test]
async fn an_endpoint_that_was_missing_is_looked_for_at_once() {
    for (changes, code) in [
        (json!({"authorization_endpoint": null}), "no_endpoint"),
        (
            json!({"userinfo_endpoint": "http://id.example.com/x"}),
            "endpoint_refused",
        ),
        (
            json!({"require_pushed_authorization_requests": true}),
            "pushed_requests_required",
        ),
    ] {
        let mended = Arc::new(AtomicUsize::new(0));
        let is_mended = Arc::clone(&mended);
        let stub = Stub::start(move |_, base| {
            let authorization = json!({"authorization_endpoint": format!("{base}/authorize")});
            let good = changed(metadata(base), authorization);
            match is_mended.load(Ordering::Relaxed) {
                0 => reply_json(200, &changed(good, changes.clone())),
                _ => reply_json(200, &good),
            }
        })
        .await;
        let subject = Subject::new(ProviderSettings {
            flow: Flow::AuthorizationCode,
            ..issuer(&stub.base)
        });
        for _ in 0..2 {
            let error = error_of(subject.begin().await);
            assert_eq!(kind(&error), ("misconfigured", code));
        }
        assert_eq!(stub.count(OIDC), 1, "{code}");
        mended.store(1, Ordering::Relaxed);
        subject.clock.advance(Duration::from_secs(10));
        assert!(subject.begin().await.is_ok(), "{code}");
        assert_eq!(stub.count(OIDC), 2, "{code}");
    }
}

#[tokio::test]
async fn a_userinfo_endpoint_that_is_gone_is_looked_for_at_once() {
    for status in [302, 404, 405, 410] {
        let moved = Arc::new(AtomicUsize::new(0));
        let gone = move || reply(status, "text/plain", "gone");
        let stub = moving(Arc::clone(&moved), gone).await;
        let subject = Subject::new(issuer(&stub.base));
        assert!(subject.identify(None).await.is_ok());
        moved.store(1, Ordering::Relaxed);
        subject.clock.advance(Duration::from_secs(10));
        assert!(subject.identify(None).await.is_err(), "{status}");
        assert!(subject.identify(None).await.is_ok(), "{status}");
        assert_eq!(stub.count(OIDC), 2, "{status}");
    }
}

// The old endpoint has not processed the code, so the new endpoint still accepts it.
#[tokio::test]
async fn a_code_is_not_lost_when_the_token_endpoint_moves() {
    for status in [302, 404, 405, 410] {
        let moved = Arc::new(AtomicUsize::new(0));
        let gone = move || reply(status, "text/plain", "gone");
        let stub = moving(Arc::clone(&moved), gone).await;
        let subject = Subject::new(ProviderSettings {
            flow: Flow::AuthorizationCode,
            authorization_endpoint: format!("{}/authorize", stub.base).parse().ok(),
            scopes: vec!["repo".to_owned()],
            ..issuer(&stub.base)
        });
        let consent = subject.begin().await.ok().unwrap();
        moved.store(1, Ordering::Relaxed);
        subject.clock.advance(Duration::from_secs(10));
        let error = error_of(subject.come_back(&consent.handle, CALLBACK).await);
        assert!(error.is_temporary(), "{status}: {error}");
        let redeemed = subject.come_back(&consent.handle, CALLBACK).await;
        assert_eq!(step(&redeemed), "granted", "{status}");
    }
}

// An endpoint that the operator configured has no issuer.
#[tokio::test]
async fn a_configured_token_endpoint_has_no_issuer() {
    let stub = Stub::start(|seen, base| match seen.path.as_str() {
        OIDC => reply_json(200, &metadata(base)),
        _ => reply_json(200, &json!({"access_token": "at"})),
    })
    .await;
    let mut settings = issuer(&stub.base);
    settings.token_endpoint = Some(format!("{}/elsewhere", stub.base).parse().unwrap());
    let subject = Subject::new(settings);
    assert!(subject.refresh().await.is_ok());
    assert_eq!(subject.provider.origin().await.unwrap().issuer, None);
}

#[tokio::test]
async fn endpoints_that_refuse_are_not_looked_for() {
    for answer in [
        r#"{"error":"invalid_grant"}"#,
        r#"{"errors":[{"errorType":"invalid_grant"}]}"#,
    ] {
        let stub = Stub::start(move |seen, base| match seen.path.as_str() {
            OIDC => reply_json(200, &metadata(base)),
            _ => reply(404, "application/json", answer),
        })
        .await;
        let subject = Subject::new(issuer(&stub.base));
        for _ in 0..3 {
            assert!(subject.refresh().await.is_err());
            subject.clock.advance(Duration::from_secs(60));
        }
        assert_eq!(stub.count(OIDC), 1);
    }
}

#[tokio::test]
async fn a_dead_endpoint_is_looked_for_once_in_ten_seconds() {
    let nobody = Nobody::listens();
    let address = format!("{}/token", nobody.base);
    let stub = Stub::start(issuer_with(json!({"token_endpoint": address}))).await;
    let subject = Subject::new(issuer(&stub.base));
    for (advance, expected) in [(0, 1), (1, 1), (9, 1), (0, 2), (1, 2), (9, 2), (0, 3)] {
        subject.clock.advance(Duration::from_secs(advance));
        assert!(subject.refresh().await.is_err());
        assert_eq!(stub.count(OIDC), expected, "{advance}");
    }
}
