//! The authorization code grant with PKCE (RFC 6749 section 4.1, RFC 7636, RFC 9207).

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use central_oauth_domain::grant::TokenGrant;
use central_oauth_domain::ports::{Consent, ConsentHandle, Prompt, ProviderError, Redemption};
use central_oauth_domain::secret::{DeviceCode, PendingCallback};
use central_oauth_provider_openidconnect::{Flow, ProviderSettings};
use openidconnect::{PkceCodeChallenge, PkceCodeVerifier};
use serde_json::{Value, json};
use url::Url;

use crate::support::{
    DEVICE_CODE, REDIRECT_URI, STATE, Stub, Subject, changed, error_of, issuer, json as reply_json,
    kind, metadata, plain, step, unusable,
};

const CODE: &str = "auth-code+1/2=3";
pub(crate) const CALLBACK: &str = "code=auth-code%2B1%2F2%3D3&state=x";
const OIDC: &str = "/.well-known/openid-configuration";

pub(crate) fn code_flow(base: &str) -> ProviderSettings {
    ProviderSettings {
        flow: Flow::AuthorizationCode,
        authorization_endpoint: Some(Url::parse(&format!("{base}/authorize")).unwrap()),
        ..plain(base)
    }
}

fn address(consent: &Consent) -> Url {
    match &consent.prompt {
        Prompt::Visit { uri } => Url::parse(uri.expose()).unwrap(),
        Prompt::UserCode { .. } => panic!("an address"),
    }
}

fn query(url: &Url) -> HashMap<String, String> {
    url.query_pairs().into_owned().collect()
}

/// Starts an authorization request, and redeems the code in `callback`.
pub(crate) async fn round_trip(
    settings: ProviderSettings,
    callback: &str,
) -> Result<Redemption, ProviderError> {
    let subject = Subject::new(settings);
    let consent = subject.begin().await.ok().unwrap();
    subject.come_back(&consent.handle, callback).await
}

pub(crate) async fn granting() -> Stub {
    Stub::start(|_, _| reply_json(200, &json!({"access_token": "at", "refresh_token": "rt"}))).await
}

/// Starts an issuer with this metadata and token response.
async fn issuing(changes: Value, token_answer: Value) -> Stub {
    Stub::start(move |seen, base| match seen.path.as_str() {
        OIDC => {
            let whole = json!({"authorization_endpoint": format!("{base}/authorize")});
            reply_json(
                200,
                &changed(changed(metadata(base), whole), changes.clone()),
            )
        }
        _ => reply_json(200, &token_answer),
    })
    .await
}

/// Settings for an issuer without the scope `openid`.
fn for_access(base: &str) -> ProviderSettings {
    ProviderSettings {
        scopes: vec!["repo".to_owned()],
        ..at_issuer(base)
    }
}

fn at_issuer(base: &str) -> ProviderSettings {
    ProviderSettings {
        flow: Flow::AuthorizationCode,
        ..issuer(base)
    }
}

// RFC 6749 section 4.1.1, RFC 7636 section 4.3, OpenID Connect Core section 3.1.2.1.
#[tokio::test]
async fn where_the_person_is_sent() {
    let subject = Subject::new(code_flow("http://127.0.0.1:9"));
    let consent = subject.begin().await.ok().unwrap();
    let url = address(&consent);
    assert!(
        url.as_str().starts_with("http://127.0.0.1:9/authorize?"),
        "{url}"
    );
    let query = query(&url);
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "client-1"),
        ("redirect_uri", REDIRECT_URI),
        ("state", STATE),
        ("code_challenge_method", "S256"),
        ("scope", "openid repo"),
    ] {
        assert_eq!(query[name], value, "{name}");
    }
    assert_eq!(query["code_challenge"].len(), 43);
    assert!(query["nonce"].len() >= 22);
    assert_eq!(query.len(), 8, "{query:?}");
    assert!(consent.expires_in.as_secs() > 0);
    assert_eq!(consent.interval, None);
}

// nhosoya/omniauth-apple#16, burberius/eve-esi#6, sbomify/sbomify#1501: not every server reads `+` as a space.
#[tokio::test]
async fn spaces_are_percent_encoded() {
    let settings = ProviderSettings {
        authorization_endpoint: Url::parse("http://127.0.0.1:9/go?own=a+b").ok(),
        scopes: vec!["openid".to_owned(), "repo+issues".to_owned()],
        ..code_flow("http://127.0.0.1:9")
    };
    let consent = Subject::new(settings).begin().await.ok().unwrap();
    let Prompt::Visit { uri } = &consent.prompt else {
        panic!("an address");
    };
    let uri = uri.expose();
    assert!(uri.contains("?own=a%20b&"), "{uri}");
    assert!(uri.contains("&scope=openid%20repo%2Bissues&"), "{uri}");
    assert!(!uri.contains('+'), "{uri}");
    assert_eq!(query(&address(&consent))["scope"], "openid repo+issues");
}

// RFC 6749 section 3.1: the client keeps the query of the endpoint. Some providers need additional parameters, such as
// `access_type` for Google.
#[tokio::test]
async fn what_the_endpoint_and_the_profile_add() {
    let settings = ProviderSettings {
        authorization_endpoint: Url::parse("http://127.0.0.1:9/go?realm=a%26b").ok(),
        authorization_parameters: vec![("access_type".to_owned(), "offline".to_owned())],
        scopes: vec!["repo".to_owned()],
        ..code_flow("http://127.0.0.1:9")
    };
    let subject = Subject::new(settings);
    let query = query(&address(&subject.begin().await.ok().unwrap()));
    assert_eq!(query["realm"], "a&b");
    assert_eq!(query["access_type"], "offline");
    assert_eq!(query["client_id"], "client-1");
    assert!(!query.contains_key("nonce"), "nobody asks who it is");
}

// Salesforce's and Microsoft's endpoints have a `prompt` in their query (modelcontextprotocol/python-sdk issue 2776,
// anthropics/claude-code issue 23560). RFC 6749 section 3.1: no parameter may come twice.
#[tokio::test]
async fn no_parameter_comes_twice() {
    let settings = ProviderSettings {
        authorization_endpoint: Url::parse(
            "http://127.0.0.1:9/go?prompt=select_account&audience=own&realm=a#top",
        )
        .ok(),
        authorization_parameters: vec![("audience".to_owned(), "ours".to_owned())],
        scopes: vec!["openid".to_owned(), "offline_access".to_owned()],
        ..code_flow("http://127.0.0.1:9")
    };
    let url = address(&Subject::new(settings).begin().await.ok().unwrap());
    let query = query(&url);
    assert_eq!(url.query_pairs().count(), query.len(), "{url}");
    assert_eq!(query["prompt"], "consent");
    assert_eq!(query["audience"], "ours");
    assert_eq!(query["realm"], "a");
}

// RFC 9126 section 5: the metadata may require pushed authorization requests. This does not apply to an authorization
// endpoint that the operator configured.
#[tokio::test]
async fn nobody_is_sent_to_a_server_that_needs_pushed_requests() {
    let metadata = json!({"require_pushed_authorization_requests": true});
    let stub = issuing(metadata, json!({})).await;
    let error = error_of(Subject::new(at_issuer(&stub.base)).begin().await);
    assert_eq!(kind(&error), ("misconfigured", "pushed_requests_required"));
    let settings = ProviderSettings {
        authorization_endpoint: Url::parse(&format!("{}/plain", stub.base)).ok(),
        ..at_issuer(&stub.base)
    };
    assert!(Subject::new(settings).begin().await.is_ok());
}

#[tokio::test]
async fn every_request_is_another() {
    let subject = Subject::new(code_flow("http://127.0.0.1:9"));
    let first = query(&address(&subject.begin().await.ok().unwrap()));
    let second = query(&address(&subject.begin().await.ok().unwrap()));
    for name in ["code_challenge", "nonce"] {
        assert_ne!(first[name], second[name], "{name}");
    }
}

// RFC 6749 section 4.1.3, RFC 7636 section 4.5: the verifier matches the hash in the authorization request.
#[tokio::test]
async fn the_code_is_redeemed_with_its_verifier() {
    let stub = granting().await;
    let subject = Subject::new(code_flow(&stub.base));
    let consent = subject.begin().await.ok().unwrap();
    assert_eq!(stub.count("/token"), 0);
    let outcome = subject.come_back(&consent.handle, CALLBACK).await;
    let Ok(Redemption::Granted(grant)) = outcome else {
        panic!("{}", step(&outcome));
    };
    let TokenGrant {
        access_token,
        refresh_token,
        scopes,
        ..
    } = *grant;
    assert_eq!(access_token.expose(), "at");
    assert_eq!(refresh_token.unwrap().expose(), "rt");
    assert_eq!(scopes, ["openid", "repo"]);
    stub.last(|seen| {
        let form = seen.form();
        assert_eq!(form["grant_type"], "authorization_code");
        assert_eq!(form["code"], CODE);
        assert_eq!(form["redirect_uri"], REDIRECT_URI);
        assert_eq!(form["client_id"], "client-1");
        assert_eq!(form.len(), 5, "{form:?}");
        let verifier = PkceCodeVerifier::new(form["code_verifier"].clone());
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
        let sent = query(&address(&consent));
        assert_eq!(sent["code_challenge"], challenge.as_str());
    });
}

// RFC 9207 section 2.4: the issuer is compared byte for byte, also in errors. A missing issuer is rejected if the
// metadata announces one.
#[tokio::test]
async fn the_answer_must_come_from_the_right_server() {
    let announced = json!({"authorization_response_iss_parameter_supported": true});
    for (changes, named, expected) in [
        (announced.clone(), "right", "granted"),
        (announced.clone(), "wrong", "refused issuer_mismatch"),
        (announced.clone(), "slash", "refused issuer_mismatch"),
        (announced.clone(), "", "refused issuer_missing"),
        (announced, "empty", "refused issuer_missing"),
        (json!({}), "empty", "granted"),
        (json!({}), "right", "granted"),
        (json!({}), "wrong", "refused issuer_mismatch"),
        (json!({}), "", "granted"),
    ] {
        let stub = issuing(changes.clone(), json!({"access_token": "at"})).await;
        let named = match named {
            "right" => format!("&iss={}", stub.base),
            "slash" => format!("&iss={}/", stub.base),
            "wrong" => "&iss=https://evil.example.com".to_owned(),
            "empty" => "&iss=".to_owned(),
            _ => String::new(),
        };
        let outcome = round_trip(for_access(&stub.base), &format!("{CALLBACK}{named}")).await;
        assert_eq!(step(&outcome), expected, "{changes} {named}");
        let refused = usize::from(expected == "granted");
        assert_eq!(stub.count("/token"), refused, "the code must not go out");
        let denial = format!("error=access_denied{named}");
        let outcome = round_trip(for_access(&stub.base), &denial).await;
        let expected = expected.replace("granted", "denied");
        assert_eq!(step(&outcome), expected, "{changes} {denial}");
    }
}

// OpenID Connect Core section 3.1.3.7, step 11: the nonce of the ID token must be the nonce of the request.
#[tokio::test]
async fn the_id_token_must_answer_this_request() {
    let encode = |claims: Value| format!("h.{}.s", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let another = encode(json!({"nonce": "another"}));
    for id_token in [
        another.clone(),
        encode(json!({"nonce": null})),
        encode(json!({})),
        "no.jwt".to_owned(),
    ] {
        let answer = json!({"access_token": "at", "refresh_token": "rt", "id_token": id_token});
        let stub = issuing(json!({}), answer).await;
        let error = unusable(round_trip(at_issuer(&stub.base), CALLBACK).await);
        assert_eq!(kind(&error), ("refused", "invalid_id_token"), "{id_token}");
        let names_setting = error.to_string().contains("omits_nonce");
        assert_eq!(names_setting, id_token != another, "{error}");
    }
    // Without keys, the ID token is not used. It is rejected only if its nonce shows that it belongs to another
    // request.
    for (id_token, expected) in [
        (encode(json!({})), "granted"),
        ("no.jwt".to_owned(), "granted"),
        (another, "refused invalid_id_token"),
    ] {
        let answer = json!({"access_token": "at", "id_token": id_token});
        let stub = issuing(json!({"jwks_uri": null}), answer).await;
        let outcome = round_trip(at_issuer(&stub.base), CALLBACK).await;
        assert_eq!(step(&outcome), expected, "{id_token}");
    }
}

// OpenID Connect Core section 3.1.3.3: an issuer responds to the scope `openid` with an ID token. A plain OAuth 2.0
// server, or one whose metadata has no keys, may give this scope another meaning, so it may omit the ID token.
#[tokio::test]
async fn an_id_token_that_was_asked_for_must_come() {
    let answer = || json!({"access_token": "at", "refresh_token": "rt"});
    let stub = issuing(json!({}), answer()).await;
    let error = unusable(round_trip(at_issuer(&stub.base), CALLBACK).await);
    assert_eq!(kind(&error), ("refused", "id_token_missing"));
    let outcome = round_trip(for_access(&stub.base), CALLBACK).await;
    assert_eq!(step(&outcome), "granted");
    let mut forgetful = at_issuer(&stub.base);
    forgetful.quirks.authorization.omits_nonce = true;
    let outcome = round_trip(forgetful, CALLBACK).await;
    assert_eq!(step(&outcome), "granted", "nothing ties one to the request");
    let outcome = round_trip(code_flow(&stub.base), CALLBACK).await;
    assert_eq!(step(&outcome), "granted");
    let stub = issuing(json!({"jwks_uri": null}), answer()).await;
    let outcome = round_trip(at_issuer(&stub.base), CALLBACK).await;
    assert_eq!(step(&outcome), "granted");
}

#[tokio::test]
async fn the_right_nonce_passes() {
    // The test sends the nonce to the stub as the authorization code.
    let stub = Stub::start(|seen, base| match seen.path.as_str() {
        OIDC => {
            let more = json!({"authorization_endpoint": format!("{base}/authorize")});
            reply_json(200, &changed(metadata(base), more))
        }
        _ => {
            let claims = json!({"nonce": seen.form()["code"]}).to_string();
            let id_token = format!("h.{}.s", URL_SAFE_NO_PAD.encode(claims));
            reply_json(200, &json!({"access_token": "at", "id_token": id_token}))
        }
    })
    .await;
    let subject = Subject::new(at_issuer(&stub.base));
    let consent = subject.begin().await.ok().unwrap();
    let nonce = query(&address(&consent))["nonce"].clone();
    let outcome = subject
        .come_back(&consent.handle, &format!("code={nonce}"))
        .await;
    assert_eq!(step(&outcome), "granted");
}

// If the operator changes the flow, links that started with the old flow are rejected.
#[tokio::test]
async fn a_handle_of_the_other_flow() {
    let stub = granting().await;
    let subject = Subject::new(code_flow(&stub.base));
    let device_code = ConsentHandle::DeviceCode(DeviceCode::new(DEVICE_CODE));
    let outcome = subject.come_back(&device_code, CALLBACK).await;
    assert_eq!(step(&outcome), "refused flow_changed");
    for kept in [DEVICE_CODE, "{}", r#"{"verifier":"v"}"#, "[1]"] {
        let handle = ConsentHandle::PendingCallback(PendingCallback::new(kept));
        let outcome = subject.come_back(&handle, CALLBACK).await;
        assert_eq!(step(&outcome), "refused flow_changed", "{kept}");
    }
    assert_eq!(stub.count("/token"), 0);
}

#[tokio::test]
async fn neither_code_nor_verifier_is_repeated() {
    for status in [200, 400, 401, 429, 503] {
        let stub = Stub::start(move |seen, _| {
            let form = seen.form();
            let echo = format!("{} {} {}", form["code"], form["code_verifier"], seen.body);
            reply_json(
                status,
                &json!({"error": "invalid_grant", "error_description": echo}),
            )
        })
        .await;
        let error = error_of(round_trip(code_flow(&stub.base), CALLBACK).await);
        let text = format!("{error} {error:?}");
        assert!(text.contains("[removed]"), "{text}");
        let verifier = stub.last(|seen| seen.form()["code_verifier"].clone());
        for secret in [CODE, "auth-code%2B1%2F2%3D3", &verifier] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

// Texts in a callback are untrusted, so each becomes one short line.
#[tokio::test]
async fn words_of_a_callback_are_bounded() {
    let long = format!(
        "error=invalid_request&error_description=a%0Ab{}",
        "x".repeat(5000)
    );
    let error = error_of(round_trip(code_flow("http://127.0.0.1:9"), &long).await);
    let text = error.to_string();
    assert!(
        text.len() < 500 && !text.chars().any(char::is_control),
        "{text}"
    );
}

#[tokio::test]
async fn a_server_without_the_endpoint() {
    let stub = issuing(json!({"authorization_endpoint": null}), json!({})).await;
    let subject = Subject::new(at_issuer(&stub.base));
    let error = error_of(subject.begin().await);
    assert_eq!(kind(&error), ("misconfigured", "no_endpoint"));
}
