//! Client authentication (RFC 6749 section 2.3.1).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use central_oauth_provider_openidconnect::{ClientAuthMethod, ProviderSettings};
use secrecy::SecretString;
use serde_json::json;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use central_oauth_domain::ports::{ProviderError, Revoked};
use central_oauth_provider_openidconnect::Flow;
use poem::Response;

use crate::support::{
    STATE, Seen, Stub, Subject, WithHeader, error_of, issuer, json as reply_json, kind, metadata,
    plain, reply, step,
};

// Ids and secrets with these characters must work.
const ID: &str = "client:+%/&=1";
const SECRET: &str = "s3cret:+%/& ~";

fn confidential(settings: ProviderSettings) -> ProviderSettings {
    ProviderSettings {
        client_id: ID.to_owned(),
        client_secret: Some(SecretString::from(SECRET)),
        ..settings
    }
}

/// The id and the secret in the `Authorization` header, and then the id and the secret in the body.
type Credentials = [Option<String>; 4];

async fn credentials(stub: &Stub, settings: ProviderSettings) -> Credentials {
    let subject = Subject::new(settings);
    assert!(subject.begin().await.is_err());
    let mut at_device = stub.last(read);
    assert!(subject.redeem().await.is_err());
    let at_token = stub.last(read);
    // Some servers read the client id only from the form at the device endpoint: goauthentik/authentik, dexidp/dex
    // issue 3983.
    assert!(at_device[2].is_some());
    at_device[2].clone_from(&at_token[2]);
    assert_eq!(at_device, at_token);
    assert!(subject.revoke().await.is_err());
    assert_eq!(at_token, stub.last(read));
    at_token
}

fn read(seen: &Seen) -> Credentials {
    let mut form = seen.form();
    let basic = seen.header("authorization").strip_prefix("Basic ");
    let decoded = basic.map(|text| String::from_utf8(STANDARD.decode(text).unwrap()).unwrap());
    let (id, secret) = match decoded.as_deref().and_then(|pair| pair.split_once(':')) {
        Some((id, secret)) => (Some(form_decoded(id)), Some(form_decoded(secret))),
        None => (None, None),
    };
    [
        id,
        secret,
        form.remove("client_id"),
        form.remove("client_secret"),
    ]
}

/// Decodes a part of the Basic credentials (RFC 6749 section 2.3.1).
fn form_decoded(text: &str) -> String {
    let pair = format!("x={text}");
    let mut pairs = url::form_urlencoded::parse(pair.as_bytes()).into_owned();
    pairs.next().unwrap().1
}

fn own(text: &str) -> Option<String> {
    Some(text.to_owned())
}

async fn refusing() -> Stub {
    Stub::saying(
        400,
        "application/json",
        r#"{"error":"invalid_request","error_description":"no"}"#,
    )
    .await
}

#[tokio::test]
async fn basic_is_the_default() {
    let stub = refusing().await;
    let sent = credentials(&stub, confidential(plain(&stub.base))).await;
    assert_eq!(sent, [own(ID), own(SECRET), None, None]);
}

#[tokio::test]
async fn in_the_body() {
    let stub = refusing().await;
    let settings = ProviderSettings {
        token_endpoint_auth_method: Some(ClientAuthMethod::Post),
        ..confidential(plain(&stub.base))
    };
    let sent = credentials(&stub, settings).await;
    assert_eq!(sent, [None, None, own(ID), own(SECRET)]);
}

// RFC 8628 section 3.1: a client that does not authenticate sends its id in the body.
#[tokio::test]
async fn a_public_client() {
    let stub = refusing().await;
    let sent = credentials(&stub, plain(&stub.base)).await;
    assert_eq!(sent, [None, None, own("client-1"), None]);
    let settings = ProviderSettings {
        token_endpoint_auth_method: Some(ClientAuthMethod::None),
        ..confidential(plain(&stub.base))
    };
    let sent = credentials(&stub, settings).await;
    assert_eq!(sent, [None, None, own(ID), None]);
}

// RFC 8414 section 2: the metadata names the methods in `token_endpoint_auth_methods_supported`. The default is
// `client_secret_basic`.
#[tokio::test]
async fn as_the_issuer_says() {
    for (supported, in_header) in [
        (json!(null), true),
        (json!(["client_secret_post"]), false),
        (json!(["client_secret_post", "client_secret_basic"]), true),
        (json!(["private_key_jwt"]), true),
    ] {
        let stub = Stub::start(move |seen, base| {
            let mut answer = metadata(base);
            answer["token_endpoint_auth_methods_supported"] = supported.clone();
            match seen.path.as_str() {
                "/.well-known/openid-configuration" => reply_json(200, &answer),
                _ => reply_json(
                    400,
                    &json!({"error": "invalid_request", "error_description": "no"}),
                ),
            }
        })
        .await;
        let sent = credentials(&stub, confidential(issuer(&stub.base))).await;
        let expected = match in_header {
            true => [own(ID), own(SECRET), None, None],
            false => [None, None, own(ID), own(SECRET)],
        };
        assert_eq!(sent, expected);
    }
}

// RFC 8414 section 2: `revocation_endpoint_auth_methods_supported` names the methods of the revocation endpoint.
#[tokio::test]
async fn as_the_issuer_says_of_revocation() {
    for (at_token, at_revocation, in_header) in [
        ("client_secret_basic", "client_secret_post", false),
        ("client_secret_post", "client_secret_basic", true),
    ] {
        let stub = Stub::start(move |seen, base| {
            let mut answer = metadata(base);
            answer["token_endpoint_auth_methods_supported"] = json!([at_token]);
            answer["revocation_endpoint_auth_methods_supported"] = json!([at_revocation]);
            match seen.path.as_str() {
                "/revoke" => reply_json(
                    400,
                    &json!({"error": "invalid_request", "error_description": "no"}),
                ),
                _ => reply_json(200, &answer),
            }
        })
        .await;
        let subject = Subject::new(confidential(issuer(&stub.base)));
        assert!(subject.revoke().await.is_err());
        assert_eq!(stub.last(read)[0].is_some(), in_header, "{at_revocation}");
        // The operator's setting applies to the token endpoint and the revocation endpoint.
        let subject = Subject::new(ProviderSettings {
            token_endpoint_auth_method: Some(ClientAuthMethod::Basic),
            ..confidential(issuer(&stub.base))
        });
        assert!(subject.revoke().await.is_err());
        assert_eq!(stub.last(read)[0], own(ID));
    }
}

// Some servers violate the RFC and do not decode the header. They accept most secrets nevertheless, because unreserved
// characters are not encoded.
#[tokio::test]
async fn unreserved_characters_are_not_encoded() {
    let stub = refusing().await;
    let settings = ProviderSettings {
        client_secret: Some(SecretString::from("aB3~x-y_z.0")),
        ..plain(&stub.base)
    };
    assert!(Subject::new(settings).redeem().await.is_err());
    let plainly = format!("Basic {}", STANDARD.encode("client-1:aB3~x-y_z.0"));
    stub.last(|seen| assert_eq!(seen.header("authorization"), plainly));
}

/// Starts a server that accepts only one method, and answers `refusal` to the other.
async fn accepting(in_body: bool, refusal: impl Fn() -> Response + Send + Sync + 'static) -> Stub {
    Stub::start(move |seen, _| {
        let [_, in_header_secret, _, in_body_secret] = read(seen);
        let given = if in_body { in_body_secret } else { in_header_secret };
        match (given, seen.path.as_str()) {
            (None, _) => refusal(),
            (_, "/device") => reply_json(
                200,
                &json!({"device_code": "d", "user_code": "u", "verification_uri": "https://example.com"}),
            ),
            (_, "/revoke") => reply(200, "text/plain", ""),
            _ => reply_json(200, &json!({"access_token": "at", "refresh_token": "rt"})),
        }
    })
    .await
}

fn invalid_client(status: u16) -> Response {
    reply_json(status, &json!({"error": "invalid_client"}))
}

#[tokio::test]
async fn another_way_is_tried_once_and_remembered() {
    for status in [200, 400, 401, 403, 500] {
        let stub = accepting(true, move || invalid_client(status)).await;
        let subject = Subject::new(confidential(plain(&stub.base)));
        for round in 1..4 {
            // The method is stored for each endpoint, so each endpoint gets one extra request in the first round.
            assert!(subject.begin().await.is_ok(), "{status}");
            assert_eq!(stub.count("/device"), round + 1, "{status}");
            assert_eq!(step(&subject.redeem().await), "granted", "{status}");
            assert!(subject.refresh().await.is_ok(), "{status}");
            assert_eq!(stub.count("/token"), 2 * round + 1, "{status}");
            assert_eq!(subject.revoke().await, Ok(Revoked::Revoked), "{status}");
            assert_eq!(stub.count("/revoke"), round + 1, "{status}");
        }
        assert_eq!(stub.last(read), [None, None, own(ID), own(SECRET)]);
    }
}

// mitreid-connect/OpenID-Connect-Java-Spring-Server issue 691 (an empty body), Keycloak (`unauthorized_client`),
// wso2-extensions/identity-inbound-auth-oauth pull request 1141, jumbojett/OpenID-Connect-PHP issue 310.
#[tokio::test]
async fn a_client_is_refused_in_several_ways() {
    for (status, body) in [
        (401, ""),
        (401, "Unauthorized"),
        (401, r#"{"error":"unauthorized_client"}"#),
        (401, r#"{"error":"invalid_request"}"#),
        (
            400,
            r#"{"error":"invalid_request","error_description":"missing required parameter(s) (client_id)"}"#,
        ),
        (
            400,
            r#"{"error":"invalid_request","error_description":"Client credentials are missing"}"#,
        ),
    ] {
        let stub = accepting(true, move || reply(status, "application/json", body)).await;
        let subject = Subject::new(confidential(plain(&stub.base)));
        for requests in [2, 3] {
            assert!(subject.refresh().await.is_ok(), "{status} {body}");
            assert_eq!(stub.count("/token"), requests, "{status} {body}");
        }
    }
}

// Some servers read the client id only from the body, and return a vague error if the body has none.
#[tokio::test]
async fn a_vague_refusal_before_there_is_a_grant_may_be_about_the_client() {
    for body in [
        r#"{"error":"unauthorized_client"}"#,
        r#"{"error":"invalid_request"}"#,
    ] {
        let stub = accepting(true, move || reply(400, "application/json", body)).await;
        let subject = Subject::new(confidential(plain(&stub.base)));
        assert!(subject.begin().await.is_ok(), "{body}");
        assert_eq!(step(&subject.redeem().await), "granted", "{body}");
        assert_eq!(stub.count("/token"), 2, "{body}");
        assert!(subject.refresh().await.is_ok(), "{body}");
        assert_eq!(stub.count("/token"), 3, "{body}");
    }
}

// A vague error may also be about the grant. If both methods fail, neither counts as rejected, and the next request
// tries both again.
#[tokio::test]
async fn a_vague_refusal_teaches_nothing() {
    let is_bad = Arc::new(AtomicBool::new(true));
    let bad = Arc::clone(&is_bad);
    let stub = Stub::start(move |seen, _| match &read(seen)[3] {
        Some(_) if !bad.load(Ordering::SeqCst) => {
            reply_json(200, &json!({"access_token": "at", "refresh_token": "rt"}))
        }
        _ => reply_json(400, &json!({"error": "invalid_request"})),
    })
    .await;
    let subject = Subject::new(confidential(plain(&stub.base)));
    for (is_bad_now, expected, requests) in [
        (true, "failed", 2),
        (false, "granted", 4),
        (true, "failed", 5),
        (false, "granted", 6),
    ] {
        is_bad.store(is_bad_now, Ordering::SeqCst);
        let redeemed = subject.redeem().await;
        let outcome = redeemed
            .as_ref()
            .map_or("failed".to_owned(), |_| step(&redeemed));
        assert_eq!(
            (outcome.as_str(), stub.count("/token")),
            (expected, requests)
        );
    }
    assert!(subject.refresh().await.is_ok());
    assert_eq!(stub.count("/token"), 7);
}

// Secrets are removed from error texts, and a short secret may be a part of an error code. The code must be recognised
// nevertheless.
#[tokio::test]
async fn a_secret_that_is_a_part_of_an_error_hides_nothing_about_the_client() {
    for secret in ["s", "secret", "client", "id", "long-enough"] {
        let missing = || json!({"error": "invalid_request", "error_description": "client_secret is required"});
        let stub = accepting(true, move || reply_json(400, &missing())).await;
        let subject = Subject::new(ProviderSettings {
            client_secret: Some(SecretString::from(secret)),
            ..plain(&stub.base)
        });
        assert!(subject.refresh().await.is_ok(), "{secret}");
        let stub =
            Stub::start(|_, _| reply_json(400, &json!({"error": "unsupported_token_type"}))).await;
        let subject = Subject::new(ProviderSettings {
            client_secret: Some(SecretString::from(secret)),
            ..plain(&stub.base)
        });
        assert_eq!(subject.revoke().await, Ok(Revoked::Unsupported), "{secret}");
    }
}

// After an error that is not about the client, the refresh token is not sent again.
#[tokio::test]
async fn other_refusals_are_none_of_the_client() {
    for (status, body) in [
        (401, r#"{"error":"invalid_grant"}"#),
        (401, r#"{"error":"token_gone"}"#),
        (400, r#"{"error":"unauthorized_client"}"#),
        (400, r#"{"error":"invalid_request"}"#),
        (
            400,
            r#"{"error":"invalid_request","error_description":"no such scope"}"#,
        ),
        (400, ""),
        (403, "<html>"),
        (500, ""),
    ] {
        let stub = Stub::start(move |_, _| reply(status, "application/json", body)).await;
        let subject = Subject::new(confidential(plain(&stub.base)));
        assert!(subject.refresh().await.is_err());
        assert_eq!(stub.count("/token"), 1, "{status} {body}");
    }
}

#[tokio::test]
async fn what_the_operator_chose_is_not_second_guessed() {
    let stub = accepting(true, || invalid_client(401)).await;
    let subject = Subject::new(ProviderSettings {
        token_endpoint_auth_method: Some(ClientAuthMethod::Basic),
        ..confidential(plain(&stub.base))
    });
    let error = subject.refresh().await.err().unwrap();
    assert_eq!(kind(&error.cause), ("misconfigured", "invalid_client"));
    // Without a secret there is no other method.
    assert!(Subject::plain(&stub.base).refresh().await.is_err());
    assert_eq!(stub.count("/token"), 2);
}

#[tokio::test]
async fn requests_are_not_doubled_for_ever() {
    let stub = Stub::start(|_, _| invalid_client(401)).await;
    let subject = Subject::new(confidential(plain(&stub.base)));
    for expected in [2, 3, 4] {
        let error = subject.refresh().await.err().unwrap();
        assert_eq!(kind(&error.cause), ("misconfigured", "invalid_client"));
        assert!(!error.may_have_acted);
        assert_eq!(stub.count("/token"), expected);
        // The last request of the first round used the body. Later rounds use only the usual method, the header.
        let [id, ..] = stub.last(read);
        assert_eq!(id.is_some(), expected > 2);
    }
    subject.clock.advance(Duration::from_secs(3600));
    assert!(subject.refresh().await.is_err());
    assert_eq!(stub.count("/token"), 6, "after an hour it is tried again");
    subject.clock.advance(Duration::from_secs(60));
    assert!(subject.refresh().await.is_err());
    assert_eq!(stub.count("/token"), 7);
}

// A 401 without a code may be about the refresh token. After both methods got a 401, refreshes use only one method for
// an hour, even if redemptions of other accounts succeed.
#[tokio::test]
async fn a_dead_token_is_not_presented_twice_for_ever() {
    let stub = Stub::start(|seen, _| match seen.form().contains_key("refresh_token") {
        true => reply(401, "application/json", ""),
        false => reply_json(200, &json!({"access_token": "at", "refresh_token": "rt"})),
    })
    .await;
    let subject = Subject::new(confidential(plain(&stub.base)));
    for expected in [2, 4, 6] {
        assert!(subject.refresh().await.is_err());
        assert_eq!(stub.count("/token"), expected);
        assert_eq!(step(&subject.redeem().await), "granted");
    }
    subject.clock.advance(Duration::from_secs(3600));
    assert!(subject.refresh().await.is_err());
    assert_eq!(stub.count("/token"), 9, "after an hour it is tried again");
}

// If the second method gets a different error, the server may not accept this method either. Both methods then count as
// rejected.
#[tokio::test]
async fn a_second_refusal_in_other_words_is_none_of_the_first() {
    for second in ["invalid_request", "unauthorized_client"] {
        let stub = Stub::start(move |seen, _| match read(seen)[0] {
            Some(_) => invalid_client(401),
            None => reply_json(400, &json!({"error": second})),
        })
        .await;
        let subject = Subject::new(confidential(plain(&stub.base)));
        for expected in [2, 3] {
            let error = subject.refresh().await.err().unwrap();
            assert_eq!(kind(&error.cause), ("misconfigured", "invalid_client"));
            assert_eq!(stub.count("/token"), expected);
        }
    }
}

#[tokio::test]
async fn a_pause_is_kept_before_another_way_is_tried() {
    let stub = Stub::start(|_, _| invalid_client(401).with_header_value("retry-after", "9")).await;
    let subject = Subject::new(confidential(plain(&stub.base)));
    let error = subject.refresh().await.err().unwrap();
    assert_eq!(error.cause.retry_after(), Some(Duration::from_secs(9)));
    assert_eq!(stub.count("/token"), 1);
}

#[tokio::test]
async fn a_provider_may_change_its_mind() {
    let stub = Stub::start(|seen, _| {
        let [_, in_header, _, in_body] = read(seen);
        let is_new = seen.form().contains_key("refresh_token");
        match (is_new, in_header, in_body) {
            (true, Some(_), _) | (false, _, Some(_)) => {
                reply_json(200, &json!({"access_token": "at"}))
            }
            _ => invalid_client(401),
        }
    })
    .await;
    let subject = Subject::new(confidential(plain(&stub.base)));
    assert_eq!(step(&subject.redeem().await), "granted");
    assert_eq!(stub.count("/token"), 2);
    for expected in [4, 5] {
        assert!(subject.refresh().await.is_ok());
        assert_eq!(stub.count("/token"), expected);
    }
}

// The second attempt may have succeeded although its response was lost.
#[tokio::test]
async fn a_second_try_without_an_answer_leaves_it_open() {
    let stub = accepting(true, || invalid_client(401)).await;
    drop(stub);
    let stub = Stub::start(|seen, _| match read(seen)[0] {
        Some(_) => invalid_client(401),
        None => reply(502, "text/html", "<html>"),
    })
    .await;
    let subject = Subject::new(confidential(plain(&stub.base)));
    let error = subject.refresh().await.err().unwrap();
    assert_eq!(kind(&error.cause), ("unavailable", ""));
    assert!(error.may_have_acted);
}

// A server may invalidate the authorization code before it authenticates the client. This link fails then, and the next
// link works.
#[tokio::test]
async fn a_code_that_the_first_try_spent_costs_one_link() {
    let stub = Stub::start(|seen, _| {
        let is_spent = seen.form()["code"] == "spent";
        match (read(seen)[0].is_some(), is_spent) {
            (true, _) => invalid_client(401),
            (false, true) => reply_json(400, &json!({"error": "invalid_grant"})),
            (false, false) => {
                reply_json(200, &json!({"access_token": "at", "refresh_token": "rt"}))
            }
        }
    })
    .await;
    let base = stub.base.clone();
    let settings = ProviderSettings {
        flow: Flow::AuthorizationCode,
        scopes: Vec::new(),
        authorization_endpoint: Some(format!("{base}/authorize").parse().unwrap()),
        ..confidential(plain(&base))
    };
    let subject = Subject::new(settings);
    let handle = subject.begin().await.ok().unwrap().handle;
    let redeem = async |code: &str| {
        subject
            .come_back(&handle, format!("code={code}&state={STATE}"))
            .await
    };
    let error: ProviderError = error_of(redeem("spent").await);
    assert_eq!(kind(&error), ("refused", "invalid_grant"));
    assert_eq!(step(&redeem("fresh").await), "granted");
    assert_eq!(stub.count("/token"), 3);
}
