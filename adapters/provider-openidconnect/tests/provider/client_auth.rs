//! How this service says who it is (RFC 6749 section 2.3.1).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use central_oauth_provider_openidconnect::{ClientAuthMethod, ProviderSettings};
use secrecy::SecretString;
use serde_json::json;

use crate::support::{Stub, Subject, issuer, json as reply_json, metadata, plain};

// The stack notes: ids and secrets with these characters must work.
const ID: &str = "client:+%/&=1";
const SECRET: &str = "s3cret:+%/& ~";

fn confidential(settings: ProviderSettings) -> ProviderSettings {
    ProviderSettings {
        client_id: ID.to_owned(),
        client_secret: Some(SecretString::from(SECRET)),
        ..settings
    }
}

/// What the server learns of the client at every endpoint: id and secret of the header, id and secret of the body.
type Credentials = [Option<String>; 4];

async fn credentials(stub: &Stub, settings: ProviderSettings) -> Credentials {
    let subject = Subject::new(settings);
    assert!(subject.begin().await.is_err());
    let at_device = stub.last(read);
    assert!(subject.redeem().await.is_err());
    let at_token = stub.last(read);
    assert_eq!(at_device, at_token);
    assert!(subject.revoke().await.is_err());
    assert_eq!(at_token, stub.last(read));
    at_token
}

fn read(seen: &crate::support::Seen) -> Credentials {
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

/// What a server does that keeps to the RFC.
fn form_decoded(text: &str) -> String {
    let pair = format!("x={text}");
    let mut pairs = url::form_urlencoded::parse(pair.as_bytes()).into_owned();
    pairs.next().unwrap().1
}

fn own(text: &str) -> Option<String> {
    Some(text.to_owned())
}

async fn refusing() -> Stub {
    Stub::saying(400, "application/json", r#"{"error":"invalid_request"}"#).await
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

// RFC 8628 section 3.1: a client that does not authenticate names itself in the body.
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

// RFC 8414 section 2: token_endpoint_auth_methods_supported, client_secret_basic without it.
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
                _ => reply_json(400, &json!({"error": "invalid_request"})),
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

// RFC 8414 section 2: revocation_endpoint_auth_methods_supported, where it says something of its own.
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
                "/revoke" => reply_json(400, &json!({"error": "invalid_request"})),
                _ => reply_json(200, &answer),
            }
        })
        .await;
        let subject = Subject::new(confidential(issuer(&stub.base)));
        assert!(subject.revoke().await.is_err());
        assert_eq!(stub.last(read)[0].is_some(), in_header, "{at_revocation}");
        // What the operator says goes for both.
        let subject = Subject::new(ProviderSettings {
            token_endpoint_auth_method: Some(ClientAuthMethod::Basic),
            ..confidential(issuer(&stub.base))
        });
        assert!(subject.revoke().await.is_err());
        assert_eq!(stub.last(read)[0], own(ID));
    }
}

// A server that compares the header undecoded, against the RFC, still takes what most secrets are made of.
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
