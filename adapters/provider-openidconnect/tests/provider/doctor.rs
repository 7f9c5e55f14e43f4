//! `providers check`: its findings, and a remedy for each problem.

use std::time::{Duration, SystemTime};

use central_oauth_provider_openidconnect::{
    ClientAuthMethod, Finding, Flow, ProviderSettings, Subject as About, Verdict,
};
use poem::Response;
use poem::http::HeaderValue;
use poem::http::header::DATE;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

use crate::quirks::preset;
use crate::support::{
    Nobody, REDIRECT_URI, Seen, Stub, Subject, TestClock, WithHeader as _, changed, issuer,
    json as reply_json, metadata, plain, raw, reply,
};

const OIDC: &str = "/.well-known/openid-configuration";
const SECRET: &str = "hunter2+/hunter2";
const DEVICE_CODE: &str = "a-device-code-of-the-provider";
const USER_CODE: &str = "WDJB-MJHT";

/// Adds a `Date` header that is this many seconds ahead of the clock of the test.
fn dated(mut response: Response, ahead: i64) -> Response {
    let at = u64::try_from(TestClock::START + ahead).unwrap();
    let date = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(at));
    let headers = response.headers_mut();
    headers.insert(DATE, HeaderValue::from_str(&date).unwrap());
    response
}

/// A provider without problems.
fn healthy(seen: &Seen, base: &str) -> Response {
    match seen.path.as_str() {
        OIDC => {
            let more = json!({
                "authorization_endpoint": format!("{base}/authorize"),
                "scopes_supported": ["openid", "offline_access"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "none"],
            });
            reply_json(200, &changed(metadata(base), more))
        }
        "/device" => reply_json(
            200,
            &json!({
                "device_code": DEVICE_CODE,
                "user_code": USER_CODE,
                "verification_uri": format!("{base}/activate"),
                "expires_in": 900,
            }),
        ),
        "/token" if seen.form().contains_key("code") => {
            reply_json(400, &json!({"error": "invalid_grant"}))
        }
        "/token" => reply_json(400, &json!({"error": "authorization_pending"})),
        "/authorize" => reply(302, "text/html", "").with_header_value("location", "/login"),
        _ => reply(404, "text/plain", ""),
    }
}

/// Starts a healthy provider with another response at one path. Its clock agrees with the clock of the test.
async fn healthy_but(
    path: &'static str,
    answer: impl Fn() -> Response + Send + Sync + 'static,
) -> Stub {
    Stub::start(move |seen, base| {
        let answer = match seen.path == path {
            true => answer(),
            false => healthy(seen, base),
        };
        dated(answer, 0)
    })
    .await
}

/// Starts a healthy provider with other metadata.
async fn described_as(changes: Value) -> Stub {
    Stub::start(move |seen, base| {
        let more = json!({ "authorization_endpoint": format!("{base}/authorize") });
        dated(
            match seen.path.as_str() {
                OIDC => reply_json(
                    200,
                    &changed(changed(metadata(base), more), changes.clone()),
                ),
                _ => healthy(seen, base),
            },
            0,
        )
    })
    .await
}

/// Settings without problems.
fn good(base: &str) -> ProviderSettings {
    ProviderSettings {
        scopes: vec!["openid".to_owned(), "offline_access".to_owned()],
        client_secret: Some(SecretString::from(SECRET)),
        ..issuer(base)
    }
}

fn redirecting(base: &str) -> ProviderSettings {
    ProviderSettings {
        flow: Flow::AuthorizationCode,
        ..good(base)
    }
}

/// Returns all findings. Asserts that they contain no secret, and that every problem has a remedy.
async fn check(settings: ProviderSettings) -> Vec<Finding> {
    let findings = Subject::new(settings).provider.check(REDIRECT_URI).await;
    for finding in &findings {
        let is_well = finding.verdict == Verdict::Ok;
        assert!(is_well || finding.remedy.is_some(), "{finding:?}");
        assert!(!finding.found.ends_with('.'), "{finding:?}");
        let all = format!("{finding:?}");
        for secret in [SECRET, "hunter2", DEVICE_CODE, USER_CODE] {
            assert!(!all.contains(secret), "{all}");
        }
    }
    findings
}

/// Returns the last finding about this subject.
#[track_caller]
fn about(findings: &[Finding], subject: About) -> &Finding {
    let found = findings.iter().rfind(|finding| finding.subject == subject);
    found.unwrap_or_else(|| panic!("nothing about {subject} in {findings:#?}"))
}

/// Asserts the verdict of a finding, and that its text contains these words.
#[track_caller]
fn expect(findings: &[Finding], subject: About, verdict: Verdict, words: &[&str]) {
    let finding = about(findings, subject);
    assert_eq!(finding.verdict, verdict, "{finding:?}");
    let text = format!(
        "{}. {}",
        finding.found,
        finding.remedy.as_deref().unwrap_or_default()
    );
    for words in words {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
}

fn troubles(findings: &[Finding]) -> Vec<&Finding> {
    let all = findings.iter();
    all.filter(|finding| finding.verdict != Verdict::Ok)
        .collect()
}

#[tokio::test]
async fn all_is_well() {
    let stub = Stub::start(|seen, base| dated(healthy(seen, base), 0)).await;
    let findings = check(good(&stub.base)).await;
    assert!(troubles(&findings).is_empty(), "{findings:#?}");
    let subjects: Vec<_> = findings.iter().map(|finding| finding.subject).collect();
    let expected = [
        About::Settings,
        About::Reachability,
        About::Discovery,
        About::Clock,
        About::Endpoints,
        About::DeviceFlow,
        About::Client,
        About::Revocation,
    ];
    assert_eq!(subjects, expected);
    expect(&findings, About::Discovery, Verdict::Ok, &[OIDC]);
    expect(
        &findings,
        About::DeviceFlow,
        Verdict::Ok,
        &["nobody will finish it", "900 s"],
    );
    // Nothing was revoked, and the flow was started once.
    let asked = ["/device", "/token", "/revoke"].map(|path| stub.count(path));
    assert_eq!(asked, [1, 1, 0]);
}

#[tokio::test]
async fn all_is_well_by_redirect() {
    let stub = Stub::start(|seen, base| dated(healthy(seen, base), 0)).await;
    let findings = check(redirecting(&stub.base)).await;
    assert!(troubles(&findings).is_empty(), "{findings:#?}");
    expect(
        &findings,
        About::RedirectUri,
        Verdict::Ok,
        &[REDIRECT_URI, "Register exactly"],
    );
    expect(&findings, About::Authorization, Verdict::Ok, &["HTTP 302"]);
    expect(&findings, About::Client, Verdict::Ok, &["invalid_grant"]);
    assert_eq!(stub.count("/device"), 0);
}

// RFC 9207 section 2.4: the invented callback must name the issuer. Otherwise this service would reject the callback,
// and the client could not be checked.
#[tokio::test]
async fn a_provider_that_names_itself() {
    let stub = described_as(json!({"authorization_response_iss_parameter_supported": true})).await;
    let findings = check(redirecting(&stub.base)).await;
    expect(&findings, About::Client, Verdict::Ok, &["invalid_grant"]);
}

// LinkedIn rejects PKCE and returns no nonce, and Slack accepts PKCE only from public clients. The check mentions this
// but does not report a problem.
#[tokio::test]
async fn a_code_that_only_the_state_ties_to_its_request() {
    let stub = Stub::start(|seen, base| dated(healthy(seen, base), 0)).await;
    let words = ["only the state", "https"];
    for name in ["linkedin", "slack"] {
        let settings = preset(name, &stub.base);
        expect(
            &check(settings).await,
            About::Settings,
            Verdict::Warning,
            &words,
        );
    }
    let mut public = preset("slack", &stub.base);
    public.client_secret = None;
    public.token_endpoint_auth_method = None;
    for settings in [public, redirecting(&stub.base), good(&stub.base)] {
        let findings = check(settings).await;
        expect(
            &findings,
            About::Settings,
            Verdict::Ok,
            &["client \"client-1\""],
        );
    }
}

#[tokio::test]
async fn plain_endpoints() {
    let stub = Stub::start(|seen, base| dated(healthy(seen, base), 0)).await;
    let findings = check(plain(&stub.base)).await;
    assert!(troubles(&findings).is_empty(), "{findings:#?}");
    expect(
        &findings,
        About::Discovery,
        Verdict::Ok,
        &["no issuer is configured"],
    );
    assert_eq!(stub.count(OIDC), 0);
}

#[tokio::test]
async fn clocks() {
    for (ahead, verdict, words) in [
        (29, Verdict::Ok, "29 s behind"),
        (-29, Verdict::Ok, "29 s ahead of"),
        (30, Verdict::Warning, "30 s behind"),
        (3600, Verdict::Warning, "too early"),
        (-60, Verdict::Warning, "too late"),
        (-61, Verdict::Warning, "ID tokens that last 1 s or less"),
        (
            -3600,
            Verdict::Warning,
            "ID tokens that last 3540 s or less",
        ),
    ] {
        let stub = Stub::start(move |seen, base| dated(healthy(seen, base), ahead)).await;
        let findings = check(good(&stub.base)).await;
        expect(&findings, About::Clock, verdict, &[words, &stub.base]);
        if verdict != Verdict::Ok {
            expect(
                &findings,
                About::Clock,
                verdict,
                &["this machine's clock first"],
            );
        }
        // ID tokens look expired only if the clock of this machine is more than a minute ahead. A plain OAuth 2.0 server
        // issues no ID tokens.
        let refuses = |findings: &[Finding]| about(findings, About::Clock).found.contains("ID");
        assert_eq!(refuses(&findings), ahead < -60, "{ahead}");
        assert!(!refuses(&check(plain(&stub.base)).await));
    }
}

// RFC 9111 section 5.1: the `Date` of a cached response is old, so it does not show the server's clock.
#[tokio::test]
async fn answers_out_of_a_cache_tell_no_time() {
    let stub = Stub::start(|seen, base| {
        dated(healthy(seen, base), -5000).with_header_value("age", "5000")
    })
    .await;
    let findings = check(good(&stub.base)).await;
    expect(
        &findings,
        About::Clock,
        Verdict::Ok,
        &["cannot be compared", "NTP"],
    );
}

#[tokio::test]
async fn a_second_host_is_a_witness() {
    let tokens = Stub::start(|seen, base| dated(healthy(seen, base), 500)).await;
    let stub = described_as(json!({"token_endpoint": format!("{}/token", tokens.base)})).await;
    let findings = check(good(&stub.base)).await;
    let words = [tokens.base.as_str(), "500 s behind", "that server's clock"];
    expect(&findings, About::Clock, Verdict::Warning, &words);
    let reached = findings
        .iter()
        .filter(|it| it.subject == About::Reachability);
    assert_eq!(reached.count(), 2);
}

#[tokio::test]
async fn no_device_endpoint() {
    let stub = described_as(json!({"device_authorization_endpoint": null})).await;
    let findings = check(good(&stub.base)).await;
    let words = [
        "no device_authorization_endpoint",
        "Enable the device flow",
        "authorization_code",
    ];
    expect(&findings, About::Endpoints, Verdict::Problem, &words);
    assert_eq!(stub.count("/token"), 0);
    // The redirect flow does not need the device endpoint.
    let findings = check(redirecting(&stub.base)).await;
    assert!(troubles(&findings).is_empty(), "{findings:#?}");

    let stub = described_as(json!({"authorization_endpoint": null, "token_endpoint": null})).await;
    let findings = check(redirecting(&stub.base)).await;
    expect(
        &findings,
        About::Endpoints,
        Verdict::Problem,
        &["no token_endpoint"],
    );
    assert_eq!(troubles(&findings).len(), 2, "{findings:#?}");
}

// RFC 9126 section 5: if the server requires pushed authorization requests, it shows people an error page, even if the
// operator sets `authorization_endpoint`.
#[tokio::test]
async fn pushed_requests_are_required() {
    let stub = described_as(json!({"require_pushed_authorization_requests": true})).await;
    let findings = check(redirecting(&stub.base)).await;
    let words = [
        "RFC 9126",
        "flow = \"device\"",
        "switch this requirement off",
    ];
    expect(&findings, About::Endpoints, Verdict::Problem, &words);
    assert!(troubles(&check(good(&stub.base)).await).is_empty());
}

/// Error codes, and what the remedy must contain.
const NOES: &[(&str, &str)] = &[
    ("invalid_client", "client_secret"),
    // GitHub, "Error codes for the device flow".
    ("incorrect_client_credentials", "client_secret"),
    ("unauthorized_client", "Enable the device flow"),
    ("device_flow_disabled", "Enable the device flow"),
    ("unsupported_grant_type", "Enable the device flow"),
    ("invalid_scope", "Remove the scopes"),
    ("access_denied", "policy"),
    ("odd_word_of_its_own", "provider's documentation"),
];

#[tokio::test]
async fn the_device_flow_is_refused() {
    for (code, remedy) in NOES {
        for status in [200, 400, 401] {
            let stub = healthy_but("/device", move || {
                reply_json(
                    status,
                    &json!({"error": code, "error_description": "no way"}),
                )
            })
            .await;
            let findings = check(good(&stub.base)).await;
            expect(
                &findings,
                About::DeviceFlow,
                Verdict::Problem,
                &[code, "no way", remedy],
            );
            assert!(!about(&findings, About::DeviceFlow).is_temporary);
            assert_eq!(stub.count("/token"), 0);
        }
    }
}

// Some servers check the client only at the token endpoint.
#[tokio::test]
async fn the_client_is_refused_at_the_token_endpoint() {
    for settings in [good as fn(&str) -> ProviderSettings, redirecting] {
        let stub = healthy_but("/token", || {
            reply_json(401, &json!({"error": "invalid_client"}))
        })
        .await;
        let findings = check(settings(&stub.base)).await;
        let words = ["invalid_client", "Compare client_id and client_secret"];
        expect(&findings, About::Client, Verdict::Problem, &words);
        assert_eq!(troubles(&findings).len(), 1, "{findings:#?}");
    }
}

// auth0/laravel-auth0 issue 42: for a wrong client id or secret, Auth0 returns the same error as for a person who
// declines.
#[tokio::test]
async fn a_client_that_is_refused_like_a_person() {
    let stub = healthy_but("/token", || {
        reply_json(
            401,
            &json!({"error": "access_denied", "error_description": "Unauthorized"}),
        )
    })
    .await;
    for flow in [Flow::Device, Flow::AuthorizationCode] {
        let settings = ProviderSettings {
            flow,
            ..preset("auth0", &stub.base)
        };
        let findings = check(settings).await;
        let words = ["does not accept this client", "client secret"];
        expect(&findings, About::Client, Verdict::Problem, &words);
    }
}

#[tokio::test]
async fn first_polls() {
    for (error, verdict) in [
        (json!({"error": "slow_down"}), Verdict::Ok),
        (json!({"error": "expired_token"}), Verdict::Ok),
        (json!({"error": "access_denied"}), Verdict::Warning),
        (json!({"access_token": "at"}), Verdict::Warning),
        (json!({"error": "invalid_grant"}), Verdict::Problem),
    ] {
        let answer = error.clone();
        let stub = healthy_but("/token", move || reply_json(200, &answer)).await;
        let findings = check(good(&stub.base)).await;
        assert_eq!(about(&findings, About::Client).verdict, verdict, "{error}");
    }
}

#[tokio::test]
async fn servers_in_trouble() {
    for (status, words) in [
        (500, "has trouble"),
        (503, "has trouble"),
        (429, "limits requests"),
    ] {
        let stub = healthy_but("/device", move || reply(status, "text/plain", "")).await;
        let findings = check(good(&stub.base)).await;
        let number = status.to_string();
        expect(
            &findings,
            About::DeviceFlow,
            Verdict::Problem,
            &[&number, words],
        );
        assert!(about(&findings, About::DeviceFlow).is_temporary);
    }
    let stub = Stub::saying(503, "text/plain", "").await;
    let findings = check(good(&stub.base)).await;
    expect(
        &findings,
        About::Reachability,
        Verdict::Warning,
        &["HTTP 503"],
    );
    expect(&findings, About::Discovery, Verdict::Problem, &["HTTP 503"]);
    assert!(about(&findings, About::Discovery).is_temporary);
}

#[tokio::test]
async fn nobody_listens() {
    let nobody = Nobody::listens();
    let base = nobody.base.clone();
    let findings = check(good(&base)).await;
    let words = [base.as_str(), "refused", "Check the address"];
    expect(&findings, About::Reachability, Verdict::Problem, &words);
    assert!(about(&findings, About::Reachability).is_temporary);
    assert_eq!(
        findings.len(),
        2,
        "nothing more can be known: {findings:#?}"
    );

    // Only the userinfo host is unreachable.
    let stub = described_as(json!({"userinfo_endpoint": format!("{base}/userinfo")})).await;
    let findings = check(good(&stub.base)).await;
    expect(&findings, About::Reachability, Verdict::Problem, &words);
    assert_eq!(troubles(&findings).len(), 1, "{findings:#?}");
}

#[tokio::test]
async fn nobody_answers() {
    let base =
        raw(async |mut socket| while matches!(socket.read(&mut [0; 64]).await, Ok(1..)) {}).await;
    let settings = ProviderSettings {
        timeout: Duration::from_millis(200),
        ..good(&base)
    };
    let checked = tokio::time::timeout(Duration::from_secs(60), check(settings)).await;
    let findings = checked.expect("bounded in time");
    let words = ["in time", "firewall"];
    expect(&findings, About::Reachability, Verdict::Problem, &words);
}

#[tokio::test]
async fn pages_for_people() {
    let html = || reply(200, "text/html", "<html>Sign in</html>");
    for (path, subject) in [("/device", About::DeviceFlow), (OIDC, About::Discovery)] {
        let stub = healthy_but(path, html).await;
        let findings = check(good(&stub.base)).await;
        expect(
            &findings,
            subject,
            Verdict::Problem,
            &["HTML", "Compare it with"],
        );
        assert!(!about(&findings, subject).is_temporary);
    }
}

// GitHub's response to an unknown client_id.
#[tokio::test]
async fn a_no_without_a_code() {
    let stub = healthy_but("/device", || {
        reply_json(404, &json!({"error": "Not Found"}))
    })
    .await;
    let findings = check(good(&stub.base)).await;
    let words = ["HTTP 404", "client_id"];
    expect(&findings, About::DeviceFlow, Verdict::Problem, &words);
}

#[tokio::test]
async fn issuers() {
    for (changes, words) in [
        (
            json!({"issuer": "https://id.example.com"}),
            "Set issuer to exactly",
        ),
        (
            json!({"token_endpoint": "http://id.example.com/t"}),
            "set this endpoint yourself",
        ),
        // No setting overrides this URL.
        (
            json!({"jwks_uri": "http://id.example.com/keys"}),
            "jwks_uri must be https",
        ),
    ] {
        let stub = described_as(changes).await;
        let findings = check(good(&stub.base)).await;
        expect(&findings, About::Discovery, Verdict::Problem, &[words]);
        assert_eq!(stub.count("/device"), 0);
    }
    let stub = Stub::saying(404, "text/plain", "").await;
    let findings = check(good(&stub.base)).await;
    expect(
        &findings,
        About::Discovery,
        Verdict::Problem,
        &[OIDC, "realm or tenant"],
    );
}

#[tokio::test]
async fn pages_of_the_authorization_endpoint() {
    for (status, verdict, words) in [
        (200, Verdict::Ok, "HTTP 200"),
        (400, Verdict::Warning, "redirect URI above"),
        (502, Verdict::Problem, "has trouble"),
    ] {
        let stub = healthy_but("/authorize", move || reply(status, "text/html", "<p>")).await;
        let findings = check(redirecting(&stub.base)).await;
        expect(&findings, About::Authorization, verdict, &[words]);
        expect(&findings, About::Client, Verdict::Ok, &[]);
    }
}

// RFC 6749 section 4.1.2.1: errors of the client or the scopes are returned through the browser.
#[tokio::test]
async fn sent_back_at_once() {
    const TO: &str = "https://broker.example.com/callback/work";
    assert_eq!(TO, REDIRECT_URI);
    for (location, verdict, words) in [
        (
            "https://broker.example.com/callback/work?error=invalid_scope&state=x",
            Verdict::Problem,
            &["invalid_scope", "Remove the scopes"][..],
        ),
        (
            "https://broker.example.com/callback/work?error=unauthorized_client",
            Verdict::Problem,
            &["Allow the authorization code grant"],
        ),
        ("https://broker.example.com/login?error=1", Verdict::Ok, &[]),
        ("/login?error=1", Verdict::Ok, &[]),
    ] {
        let stub = healthy_but("/authorize", move || {
            reply(303, "text/html", "").with_header_value("location", location)
        })
        .await;
        let findings = check(redirecting(&stub.base)).await;
        expect(&findings, About::Authorization, verdict, words);
    }
}

#[tokio::test]
async fn made_up_codes() {
    for (answer, verdict) in [
        // GitHub, "Troubleshooting OAuth app access token request errors".
        (json!({"error": "bad_verification_code"}), Verdict::Ok),
        (json!({"error": "invalid_request"}), Verdict::Warning),
        (json!({"error": "unauthorized_client"}), Verdict::Problem),
        (json!({"access_token": "at"}), Verdict::Problem),
        (json!({}), Verdict::Problem),
    ] {
        let said = answer.clone();
        let stub = healthy_but("/token", move || reply_json(200, &said)).await;
        // Without the scope `openid`, no nonce is expected.
        let settings = ProviderSettings {
            scopes: vec!["profile".to_owned()],
            ..redirecting(&stub.base)
        };
        let findings = check(settings).await;
        assert_eq!(about(&findings, About::Client).verdict, verdict, "{answer}");
    }
}

// oengusio/oengusio#125: Twitch rejects the invented code with a description but without an error code, so the check only
// warns. Without a description, or with another status, the response may not come from the token endpoint.
#[tokio::test]
async fn made_up_codes_refused_without_a_code() {
    for (status, answer, verdict) in [
        (
            400,
            json!({"status": 400, "message": "Invalid authorization code"}),
            Verdict::Warning,
        ),
        (400, json!({}), Verdict::Problem),
        (404, json!({"message": "Not here"}), Verdict::Problem),
    ] {
        let said = answer.clone();
        let stub = healthy_but("/token", move || reply_json(status, &said)).await;
        let findings = check(redirecting(&stub.base)).await;
        assert_eq!(about(&findings, About::Client).verdict, verdict, "{answer}");
    }
}

#[tokio::test]
async fn hints_about_scopes() {
    let stub = Stub::start(|seen, base| dated(healthy(seen, base), 0)).await;
    for (scopes, lacking) in [
        (&["openid"][..], "scopes lack offline_access"),
        (&["offline_access"], "scopes lack openid"),
    ] {
        let settings = ProviderSettings {
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            ..good(&stub.base)
        };
        let findings = check(settings).await;
        expect(
            &findings,
            About::Scopes,
            Verdict::Warning,
            &[lacking, "Add it"],
        );
    }
    let mut profile = good(&stub.base);
    profile.quirks.scopes.for_identity = vec!["identity.basic".to_owned()];
    let findings = check(profile).await;
    expect(
        &findings,
        About::Scopes,
        Verdict::Warning,
        &["scopes lack identity.basic"],
    );
    let nameless = ProviderSettings {
        userinfo_endpoint: None,
        ..plain(&stub.base)
    };
    let findings = check(nameless).await;
    expect(
        &findings,
        About::Scopes,
        Verdict::Warning,
        &["does not say who"],
    );
}

#[tokio::test]
async fn hints_about_the_secret() {
    let takes = async |methods: &[&str]| {
        described_as(json!({"token_endpoint_auth_methods_supported": methods})).await
    };
    let without = |base: &str| ProviderSettings {
        client_secret: None,
        ..good(base)
    };
    let stub = takes(&["client_secret_basic"]).await;
    let findings = check(without(&stub.base)).await;
    expect(
        &findings,
        About::Settings,
        Verdict::Warning,
        &["no client secret", "Set client_secret"],
    );
    // A configured authentication method overrides the metadata.
    let told = ProviderSettings {
        token_endpoint_auth_method: Some(ClientAuthMethod::None),
        ..without(&stub.base)
    };
    assert!(troubles(&check(told).await).is_empty());

    let stub = takes(&["private_key_jwt"]).await;
    let findings = check(good(&stub.base)).await;
    expect(
        &findings,
        About::Settings,
        Verdict::Warning,
        &["private_key_jwt"],
    );

    let never_sent = ProviderSettings {
        token_endpoint_auth_method: Some(ClientAuthMethod::None),
        ..good(&stub.base)
    };
    let findings = check(never_sent).await;
    expect(
        &findings,
        About::Settings,
        Verdict::Warning,
        &["never sent"],
    );
}

#[tokio::test]
async fn revocation() {
    let stub = described_as(json!({"revocation_endpoint": null})).await;
    let findings = check(good(&stub.base)).await;
    let words = ["until they expire", "Set revocation_endpoint"];
    expect(&findings, About::Revocation, Verdict::Warning, &words);

    let stub = described_as(json!({"revocation_endpoint": "http://id.example.com/r"})).await;
    let findings = check(good(&stub.base)).await;
    expect(&findings, About::Revocation, Verdict::Warning, &["https"]);

    // Slack's auth.revoke revokes one token, and the grant stays valid.
    let stub = Stub::start(|seen, base| dated(healthy(seen, base), 0)).await;
    let findings = check(preset("slack", &stub.base)).await;
    let words = ["its grant lives on"];
    expect(&findings, About::Revocation, Verdict::Warning, &words);
}

#[tokio::test]
async fn what_is_echoed_is_not_told() {
    for path in ["/device", "/token"] {
        for settings in [good as fn(&str) -> ProviderSettings, redirecting] {
            let stub = Stub::start(move |seen, base| {
                if seen.path != path {
                    return dated(healthy(seen, base), 0);
                }
                let body = format!("{} {} {SECRET}", seen.body, seen.header("authorization"));
                reply_json(400, &json!({"error": "odd", "error_description": body}))
            })
            .await;
            check(settings(&stub.base)).await;
        }
    }
}
