//! The identity of the person in an ID token (OpenID Connect Core section 3.1.3.7).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use central_oauth_domain::grant::Identity;
use central_oauth_domain::ports::ProviderError;
use central_oauth_provider_openidconnect::ProviderSettings;
use openidconnect::PrivateSigningKey;
use openidconnect::core::CoreJwsSigningAlgorithm;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::jwt::{
    claims, claims_with, ed25519, key_set, rsa, sign, sign_ed25519, sign_hmac, sign_rsa,
};
use crate::quirks::preset;
use crate::support::{
    Stub, Subject, TestClock, error_of, issuer, json as reply_json, keys_as, kind, known, metadata,
    plain, reply,
};

const INVALID: (&str, &str) = ("refused", "invalid_id_token");

/// Starts an issuer with one Ed25519 key, one RSA key and this userinfo response.
pub(crate) async fn start(userinfo: Value) -> Stub {
    let keys = key_set(&[
        ed25519("ed", 1).as_verification_key(),
        rsa("rsa").as_verification_key(),
    ]);
    Stub::start(move |seen, base| match seen.path.as_str() {
        "/.well-known/openid-configuration" => reply_json(200, &metadata(base)),
        "/jwks" => reply_json(200, &keys),
        "/userinfo" => reply_json(200, &userinfo),
        _ => reply(404, "text/plain", ""),
    })
    .await
}

pub(crate) async fn identify(stub: &Stub, token: &str) -> Result<Identity, ProviderError> {
    let subject = Subject::new(issuer(&stub.base));
    subject.identify(Some(token)).await
}

pub(crate) fn good(claims: &Value) -> String {
    sign_ed25519(&ed25519("ed", 1), "ed", claims)
}

#[tokio::test]
async fn a_good_token_says_it_all() {
    let stub = start(json!({})).await;
    let person = identify(&stub, &good(&claims(&stub.base))).await;
    assert_eq!(person, Ok(known("person-1", Some("Ada Lovelace"))));
    assert_eq!(stub.count("/userinfo"), 0);
    let token = sign_rsa(&rsa("rsa"), "rsa", &claims(&stub.base));
    assert_eq!(identify(&stub, &token).await, person);
}

// Some servers send keys only as one of these types: Kubernetes (ramosbugs/openidconnect-rs#238), UAA
// (cloudfoundry/uaa#3365).
#[tokio::test]
async fn keys_are_accepted_as_both_media_types() {
    for media_type in ["application/json", "application/jwk-set+json"] {
        let keys = key_set(&[ed25519("ed", 1).as_verification_key()]);
        let stub = Stub::start(move |seen, base| match seen.path.as_str() {
            "/jwks" => keys_as(media_type, &keys, seen),
            _ => reply_json(200, &metadata(base)),
        })
        .await;
        let person = identify(&stub, &good(&claims(&stub.base))).await;
        let expected = Ok(known("person-1", Some("Ada Lovelace")));
        assert_eq!(person, expected, "{media_type}");
    }
}

// RFC 7515 section 2 forbids base64url padding in keys, but some issuers send it.
#[tokio::test]
async fn padded_keys_are_accepted() {
    let mut keys = key_set(&[rsa("rsa").as_verification_key()]);
    for name in ["n", "e"] {
        let member = &mut keys["keys"][0][name];
        *member = json!(format!("{}==", member.as_str().unwrap()));
    }
    let stub = Stub::start(move |seen, base| match seen.path.as_str() {
        "/jwks" => reply_json(200, &keys),
        _ => reply_json(200, &metadata(base)),
    })
    .await;
    let token = sign_rsa(&rsa("rsa"), "rsa", &claims(&stub.base));
    let person = identify(&stub, &token).await;
    assert_eq!(person, Ok(known("person-1", Some("Ada Lovelace"))));
}

// RFC 7517 section 4.5: `kid` is optional. Google has published keys without one (WICG/email-verification issue 43).
#[tokio::test]
async fn keys_need_no_id() {
    let mut keys = key_set(&[
        ed25519("ed", 2).as_verification_key(),
        ed25519("ed", 1).as_verification_key(),
    ]);
    for key in keys["keys"].as_array_mut().unwrap() {
        key.as_object_mut().unwrap().remove("kid");
    }
    let stub = Stub::start(move |seen, base| match seen.path.as_str() {
        "/jwks" => reply_json(200, &keys),
        _ => reply_json(200, &metadata(base)),
    })
    .await;
    for named in ["ed", ""] {
        let token = sign_ed25519(&ed25519("ed", 1), named, &claims(&stub.base));
        let person = identify(&stub, &token).await;
        assert_eq!(
            person,
            Ok(known("person-1", Some("Ada Lovelace"))),
            "{named:?}"
        );
        // No known key made this signature, so the issuer may have a newer key.
        let token = sign_ed25519(&ed25519("ed", 3), named, &claims(&stub.base));
        let error = error_of(identify(&stub, &token).await);
        assert_eq!(kind(&error), ("refused", "unknown_signing_key"));
    }
}

// Auth0 sends `updated_at` as a date. Cognito sends `email_verified` as a string. Zitadel sends several audiences and
// `azp`.
#[tokio::test]
async fn good_tokens_differ() {
    let stub = start(json!({})).await;
    for changes in [
        json!({"updated_at": "2027-01-15T07:00:00.000Z"}),
        json!({"email_verified": "true"}),
        json!({"nickname": null, "locale": "de", "amr": ["pwd"], "nonce": "ignored"}),
        json!({"aud": ["client-1"]}),
        json!({"aud": ["client-1", "project-7"], "azp": "client-1"}),
        json!({"azp": "client-1"}),
        // Clocks may differ by some seconds.
        json!({"exp": TestClock::START - 30}),
    ] {
        let token = good(&claims_with(&stub.base, changes.clone()));
        let person = identify(&stub, &token).await;
        assert_eq!(
            person,
            Ok(known("person-1", Some("Ada Lovelace"))),
            "{changes}"
        );
    }
}

#[tokio::test]
async fn the_best_name_there_is() {
    let stub = start(json!({})).await;
    for (changes, expected) in [
        (
            json!({"name": null, "preferred_username": "ada", "email": "a@b.c"}),
            "ada",
        ),
        (
            json!({"name": " ", "email": "a@b.c", "nickname": "Addie"}),
            "a@b.c",
        ),
        (json!({"name": null, "nickname": "Addie"}), "Addie"),
        (json!({"name": "Ada\r\nLovelace"}), "Ada  Lovelace"),
    ] {
        let token = good(&claims_with(&stub.base, changes));
        let person = identify(&stub, &token).await;
        assert_eq!(person, Ok(known("person-1", Some(expected))));
    }
}

#[tokio::test]
async fn a_token_that_is_not_to_be_believed() {
    let stub = start(json!({"sub": "person-1"})).await;
    for changes in [
        json!({"aud": "another-client"}),
        json!({"aud": ["another-client", "project-7"]}),
        json!({"aud": null}),
        json!({"aud": ["client-1", "project-7"]}),
        json!({"aud": ["client-1", "project-7"], "azp": "another-client"}),
        json!({"azp": "another-client"}),
        json!({"exp": TestClock::START - 61}),
        json!({"exp": null}),
        json!({"iss": "https://id.example.com"}),
        // The issuer is compared byte for byte. A missing slash is tolerated only in the configuration.
        json!({"iss": format!("{}/", stub.base)}),
        json!({"iss": null}),
        json!({"sub": null}),
        json!({"exp": "soon"}),
        json!({"exp": [TestClock::START + 300]}),
        json!({"aud": [["client-1"]]}),
        json!({"aud": {"id": "client-1"}}),
        json!({"aud": ["client-1", 7]}),
        json!({"azp": {"id": "client-1"}}),
        json!({"iss": [stub.base]}),
    ] {
        let token = good(&claims_with(&stub.base, changes.clone()));
        let error = error_of(identify(&stub, &token).await);
        assert_eq!(kind(&error), INVALID, "{changes}");
    }
    let nobody = good(&claims_with(&stub.base, json!({"sub": ""})));
    assert_eq!(
        kind(&error_of(identify(&stub, &nobody).await)).0,
        "nonsense"
    );
}

// OpenID Connect Core section 15.6.2: Google's older implementations omit the scheme.
#[tokio::test]
async fn an_issuer_may_have_an_alias() {
    let alias = preset("google", "https://accounts.google.com")
        .quirks
        .identity
        .issuer_alias;
    let stub = start(json!({})).await;
    let mut settings = issuer(&stub.base);
    settings.quirks.identity.issuer_alias = alias;
    let subject = Subject::new(settings);
    for (named, is_accepted) in [
        (&*stub.base, true),
        ("accounts.google.com", true),
        ("https://accounts.google.com", false),
        ("google.com", false),
    ] {
        let token = good(&claims_with(&stub.base, json!({"iss": named})));
        let identified = subject.identify(Some(&token)).await;
        assert_eq!(identified.is_ok(), is_accepted, "{named}");
    }
    let token = good(&claims_with(
        &stub.base,
        json!({"iss": "accounts.google.com"}),
    ));
    assert_eq!(kind(&error_of(identify(&stub, &token).await)), INVALID);
}

// RFC 8725 section 3.11 recommends explicit types, but none is registered for ID tokens. rodauth-oauth and Connect2id
// send `id_token+jwt`, Pocket ID has sent `id+jwt` (pocket-id/pocket-id issue 440).
#[tokio::test]
async fn id_tokens_have_several_types() {
    let stub = start(json!({})).await;
    for typ in ["JWT", "id_token+jwt", "application/id_token+jwt", "ID+JWT"] {
        let header = json!({"alg": "EdDSA", "kid": "ed", "typ": typ});
        let token = sign(&header, &claims(&stub.base), |message| {
            let algorithm = CoreJwsSigningAlgorithm::EdDsa;
            ed25519("ed", 1).sign(&algorithm, message).unwrap()
        });
        let person = identify(&stub, &token).await;
        assert_eq!(person, Ok(known("person-1", Some("Ada Lovelace"))), "{typ}");
    }
}

// RFC 9864 section 2.2 defines `Ed25519` as the algorithm name for EdDSA with the curve Ed25519.
#[tokio::test]
async fn ed25519_is_eddsa() {
    for (curve, alg, is_accepted) in [
        ("Ed25519", "Ed25519", true),
        ("Ed25519", "EdDSA", true),
        ("Ed25519", "Ed448", false),
        ("Ed448", "Ed25519", false),
        ("Ed448", "Ed448", false),
    ] {
        for of_key in ["Ed25519", "EdDSA"] {
            let mut keys = key_set(&[ed25519("ed", 1).as_verification_key()]);
            keys["keys"][0]["crv"] = json!(curve);
            keys["keys"][0]["alg"] = json!(of_key);
            let stub = Stub::start(move |seen, base| match seen.path.as_str() {
                "/jwks" => reply_json(200, &keys),
                _ => reply_json(200, &metadata(base)),
            })
            .await;
            let header = json!({"alg": alg, "kid": "ed"});
            let token = sign(&header, &claims(&stub.base), |message| {
                let algorithm = CoreJwsSigningAlgorithm::EdDsa;
                ed25519("ed", 1).sign(&algorithm, message).unwrap()
            });
            let identified = identify(&stub, &token).await;
            assert_eq!(identified.is_ok(), is_accepted, "{curve} {alg} {of_key}");
        }
    }
}

// RFC 8725 section 3.1: this service chooses the algorithm, not the token.
#[tokio::test]
async fn a_signature_that_is_none() {
    let stub = start(json!({"sub": "person-1"})).await;
    let claims = claims(&stub.base);
    let unsigned = |alg: &str| sign(&json!({ "alg": alg }), &claims, |_| Vec::new());
    let with_header = |header: &Value| {
        sign(header, &claims, |message| {
            let algorithm = CoreJwsSigningAlgorithm::EdDsa;
            ed25519("ed", 1).sign(&algorithm, message).unwrap()
        })
    };
    let other_key = sign_ed25519(&ed25519("ed", 2), "ed", &claims);
    // An attacker signs with HMAC and the public key as the shared secret.
    let public = serde_json::to_vec(&ed25519("ed", 1).as_verification_key()).unwrap();
    let genuine = good(&claims);
    let (head, signature) = genuine.rsplit_once('.').unwrap();
    let (header, _) = head.split_once('.').unwrap();
    let other_claims = claims_with(&stub.base, json!({"sub": "person-2"}));
    let forged = URL_SAFE_NO_PAD.encode(other_claims.to_string());
    for token in [
        unsigned("none"),
        unsigned("None"),
        unsigned("ES512"),
        with_header(&json!({"alg": "EdDSA", "kid": "ed", "crit": ["x"], "x": 1})),
        with_header(&json!({"alg": "EdDSA", "kid": "ed", "cty": "JWT"})),
        with_header(&json!({"alg": "EdDSA", "kid": "ed", "typ": "at+jwt"})),
        other_key,
        sign_hmac(&public, &claims),
        sign_hmac(b"", &claims),
        format!("{header}.{forged}.{signature}"),
        head.to_owned(),
        "opaque".to_owned(),
        "a.b.c".to_owned(),
    ] {
        let error = error_of(identify(&stub, &token).await);
        assert_eq!(kind(&error), INVALID, "{token}");
        assert!(!error.to_string().contains(&token), "{error}");
    }
    assert_eq!(stub.count("/userinfo"), 0);
}

// OpenID Connect Core section 10.1: the issuer may sign with HS256 and the client secret. The metadata must announce this.
#[tokio::test]
async fn signed_with_the_client_secret() {
    for (algorithms, expected) in [
        (
            json!(["HS256"]),
            Ok(known("person-1", Some("Ada Lovelace"))),
        ),
        (json!(["RS256"]), Err(INVALID)),
    ] {
        let stub = Stub::start(move |seen, base| {
            let mut answer = metadata(base);
            answer["id_token_signing_alg_values_supported"] = algorithms.clone();
            match seen.path.as_str() {
                "/.well-known/openid-configuration" => reply_json(200, &answer),
                _ => reply_json(200, &key_set(&[])),
            }
        })
        .await;
        let token = sign_hmac(b"the client secret", &claims(&stub.base));
        let subject = Subject::new(ProviderSettings {
            client_secret: Some(SecretString::from("the client secret")),
            ..issuer(&stub.base)
        });
        let outcome = subject.identify(Some(&token)).await;
        assert_eq!(
            outcome.as_ref().map_err(kind),
            expected.as_ref().map_err(|kind| *kind)
        );
        // A public client has no secret, so anybody could have signed this token.
        assert_eq!(kind(&error_of(identify(&stub, &token).await)), INVALID);
    }
}

/// Starts an issuer that publishes only the key with the number `current`. While it is 0, the keys cannot be fetched.
async fn rotating(current: Arc<AtomicUsize>) -> Stub {
    Stub::start(move |seen, base| {
        let number = u8::try_from(current.load(Ordering::Relaxed)).unwrap();
        match (seen.path.as_str(), number) {
            ("/.well-known/openid-configuration", _) => reply_json(200, &metadata(base)),
            (_, 0) => reply(503, "text/plain", ""),
            _ => {
                let key = ed25519(&number.to_string(), number);
                reply_json(200, &key_set(&[key.as_verification_key()]))
            }
        }
    })
    .await
}

fn signed_by(number: u8, issuer: &str) -> String {
    let kid = number.to_string();
    sign_ed25519(&ed25519(&kid, number), &kid, &claims(issuer))
}

// OpenID Connect Core section 10.1.1: if a token has an unknown `kid`, the keys are fetched again.
#[tokio::test]
async fn keys_are_rotated() {
    let current = Arc::new(AtomicUsize::new(1));
    let stub = rotating(Arc::clone(&current)).await;
    let subject = Subject::new(issuer(&stub.base));
    let identify = async |number| {
        let token = signed_by(number, &stub.base);
        let outcome = subject.identify(Some(&token)).await;
        outcome.map(drop).map_err(|error| kind(&error).0)
    };
    assert_eq!(identify(1).await, Ok(()));
    assert_eq!(identify(1).await, Ok(()));
    assert_eq!(stub.count("/jwks"), 1);

    // The keys were fetched a moment ago, so a token with an unknown key causes no request.
    assert_eq!(identify(9).await, Err("refused"));
    assert_eq!(stub.count("/jwks"), 1);

    current.store(2, Ordering::Relaxed);
    subject.clock.advance(Duration::from_secs(10));
    assert_eq!(identify(2).await, Ok(()));
    assert_eq!(stub.count("/jwks"), 2);

    // If the keys cannot be fetched, the failure is temporary, and the cached keys still work.
    current.store(0, Ordering::Relaxed);
    subject.clock.advance(Duration::from_secs(10));
    assert_eq!(identify(3).await, Err("unavailable"));
    assert_eq!(identify(2).await, Ok(()));
}

// OpenID Connect Core section 10.1: an issuer with one key may omit `kid`. After a rotation, the cached key does not match
// the signature of a valid token, so the keys are fetched again.
#[tokio::test]
async fn a_key_without_a_name_is_rotated() {
    let current = Arc::new(AtomicUsize::new(1));
    let published = Arc::clone(&current);
    let stub = Stub::start(move |seen, base| match seen.path.as_str() {
        "/jwks" => {
            let number = u8::try_from(published.load(Ordering::Relaxed)).unwrap();
            let mut keys = key_set(&[ed25519("", number).as_verification_key()]);
            keys["keys"][0].as_object_mut().unwrap().remove("kid");
            reply_json(200, &keys)
        }
        _ => reply_json(200, &metadata(base)),
    })
    .await;
    let subject = Subject::new(issuer(&stub.base));
    let identify = async |number| {
        let token = sign(&json!({"alg": "EdDSA"}), &claims(&stub.base), |message| {
            let algorithm = CoreJwsSigningAlgorithm::EdDsa;
            ed25519("", number).sign(&algorithm, message).unwrap()
        });
        let outcome = subject.identify(Some(&token)).await;
        outcome
            .map(drop)
            .map_err(|error| format!("{:?}", kind(&error)))
    };
    let unknown = format!("{:?}", ("refused", "unknown_signing_key"));
    assert_eq!(identify(1).await, Ok(()));
    assert_eq!(identify(2).await, Err(unknown.clone()));
    assert_eq!(
        stub.count("/jwks"),
        1,
        "tokens do not make us ask all the time"
    );

    current.store(2, Ordering::Relaxed);
    subject.clock.advance(Duration::from_secs(10));
    assert_eq!(identify(2).await, Ok(()));
    assert_eq!(stub.count("/jwks"), 2);

    subject.clock.advance(Duration::from_secs(10));
    assert_eq!(identify(9).await, Err(unknown));
    assert_eq!(identify(2).await, Ok(()));
}

// Casdoor's `kid` is the name of a certificate. The name stays when the certificate is replaced.
#[tokio::test]
async fn a_key_is_replaced_under_the_same_name() {
    let current = Arc::new(AtomicUsize::new(1));
    let published = Arc::clone(&current);
    let stub = Stub::start(move |seen, base| match seen.path.as_str() {
        "/jwks" => {
            let number = u8::try_from(published.load(Ordering::Relaxed)).unwrap();
            reply_json(
                200,
                &key_set(&[ed25519("ed", number).as_verification_key()]),
            )
        }
        _ => reply_json(200, &metadata(base)),
    })
    .await;
    let subject = Subject::new(issuer(&stub.base));
    let identify = async |number| {
        let token = sign_ed25519(&ed25519("ed", number), "ed", &claims(&stub.base));
        let outcome = subject.identify(Some(&token)).await;
        outcome
            .map(drop)
            .map_err(|error| format!("{:?}", kind(&error)))
    };
    assert_eq!(identify(1).await, Ok(()));
    current.store(2, Ordering::Relaxed);
    subject.clock.advance(Duration::from_secs(10));
    assert_eq!(identify(2).await, Ok(()));
    assert_eq!(identify(1).await, Err(format!("{INVALID:?}")));
    assert_eq!(stub.count("/jwks"), 2, "forged tokens cause no requests");
}

#[tokio::test]
async fn keys_that_make_no_sense() {
    for body in ["{}", "[]", r#"{"keys":7}"#, "<html>"] {
        let stub = Stub::start(move |seen, base| match seen.path.as_str() {
            "/.well-known/openid-configuration" => reply_json(200, &metadata(base)),
            _ => reply(200, "application/json", body),
        })
        .await;
        let error = error_of(identify(&stub, &good(&claims(&stub.base))).await);
        assert_eq!(kind(&error), ("nonsense", ""), "{body}");
    }
}

// RFC 7517 section 5: keys of unknown types are ignored.
#[tokio::test]
async fn unknown_keys_among_the_known() {
    let mut keys = key_set(&[ed25519("ed", 1).as_verification_key()]);
    let unknown = json!({"kty": "AKP", "alg": "ML-DSA-44", "kid": "pq", "pub": "AA"});
    keys["keys"].as_array_mut().unwrap().insert(0, unknown);
    let stub = Stub::start(move |seen, base| match seen.path.as_str() {
        "/.well-known/openid-configuration" => reply_json(200, &metadata(base)),
        _ => reply_json(200, &keys),
    })
    .await;
    let person = identify(&stub, &good(&claims(&stub.base))).await;
    assert_eq!(person, Ok(known("person-1", Some("Ada Lovelace"))));
}

// OpenID Connect Core section 5.3.2: userinfo is ignored if its `sub` differs from the `sub` of the ID token.
#[tokio::test]
async fn userinfo_adds_a_name_and_nothing_else() {
    for (userinfo, name) in [
        (json!({"sub": "person-1", "name": "Ada"}), Some("Ada")),
        (json!({"sub": "person-1"}), None),
        (json!({"sub": "person-2", "name": "Mallory"}), None),
        (json!({"error": "server_error"}), None),
        (json!({"name": "Mallory"}), None),
    ] {
        let stub = start(userinfo).await;
        let token = good(&claims_with(&stub.base, json!({"name": null})));
        assert_eq!(identify(&stub, &token).await, Ok(known("person-1", name)));
        assert_eq!(stub.count("/userinfo"), 1);
    }
}

// Without an issuer, ID tokens cannot be verified. The identity comes from userinfo, or it stays unknown.
#[tokio::test]
async fn no_issuer_no_id_token() {
    let stub = start(json!({"sub": "person-7", "name": "Grace"})).await;
    let token = good(&claims(&stub.base));
    let person = Subject::plain(&stub.base).identify(Some(&token)).await;
    assert_eq!(person, Ok(known("person-7", Some("Grace"))));
    let subject = Subject::new(ProviderSettings {
        userinfo_endpoint: None,
        ..plain(&stub.base)
    });
    assert_eq!(subject.identify(Some(&token)).await, Ok(Identity::Unknown));
}
