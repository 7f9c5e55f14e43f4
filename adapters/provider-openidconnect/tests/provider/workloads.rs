//! JWTs of workloads: their format, their signatures, and the keys of their issuers.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use central_oauth_domain::ports::{Clock, NotVerified, SignedClaims, WorkloadIdentities};
use central_oauth_domain::secret::WorkloadToken;
use central_oauth_domain::workload::{ClaimValue, Rule};
use central_oauth_provider_openidconnect::{
    KeySource, WorkloadIssuerError, WorkloadIssuerSettings, WorkloadVerifier,
};
use openidconnect::PrivateSigningKey as _;
use openidconnect::core::CoreJwsSigningAlgorithm;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::Semaphore;

use crate::jwt::{ed25519, key_set, rsa, sign, sign_ed25519, sign_hmac, sign_rsa};
use crate::support::{Stub, TestClock, json as answer, keys_as, raw, reply};

/// An issuer whose JWK set the test can change, and a verifier that trusts this issuer.
struct Scene {
    stub: Stub,
    keys: Arc<Mutex<Option<Value>>>,
    clock: Arc<TestClock>,
    verifier: WorkloadVerifier,
}

impl Scene {
    async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let keys = Arc::new(Mutex::new(Some(key_set(&[
            ed25519("one", 1).as_verification_key(),
            rsa("rsa").as_verification_key(),
        ]))));
        let published = Arc::clone(&keys);
        let stub = Stub::start(move |seen, base| match seen.path.as_str() {
            "/.well-known/openid-configuration" => {
                let uri = format!("{base}/keys");
                answer(200, &json!({"issuer": base, "jwks_uri": uri}))
            }
            "/keys" => match &*published.lock().unwrap() {
                Some(keys) => answer(200, keys),
                None => reply(500, "text/plain", "down"),
            },
            _ => reply(404, "text/plain", "nothing"),
        });
        let stub = stub.await;
        let clock = Arc::new(TestClock::new());
        let verifier = verifier(&stub.base, KeySource::Discovery, &clock).unwrap();
        Self {
            stub,
            keys,
            clock,
            verifier,
        }
    }

    fn publish(&self, keys: Option<Value>) {
        *self.keys.lock().unwrap() = keys;
    }

    fn claims(&self) -> Value {
        json!({"iss": self.stub.base, "sub": "job", "aud": "us", "exp": 7.5, "id": 74.5, "nested": {"a": {"b": 1}}})
    }

    fn signed(&self, kid: &str, seed: u8) -> String {
        sign_ed25519(&ed25519(kid, seed), kid, &self.claims())
    }

    async fn verify(&self, token: &str) -> Result<SignedClaims, NotVerified> {
        self.verifier.verify(&WorkloadToken::new(token)).await
    }

    async fn rule(&self, token: &str) -> Option<Rule> {
        match self.verify(token).await {
            Ok(_) => None,
            Err(NotVerified::Refused { refusal, .. }) => Some(refusal.rule),
            Err(NotVerified::KeysUnavailable { detail, .. }) => panic!("{detail}"),
        }
    }

    fn fetches(&self) -> usize {
        self.stub.count("/keys")
    }
}

fn verifier(
    issuer: &str,
    keys: KeySource,
    clock: &Arc<TestClock>,
) -> Result<WorkloadVerifier, (String, WorkloadIssuerError)> {
    let settings = WorkloadIssuerSettings {
        name: "platform".to_owned(),
        issuer: issuer.to_owned(),
        keys,
    };
    let clock: Arc<dyn Clock> = clock.clone();
    WorkloadVerifier::new(vec![settings], &clock)
}

#[tokio::test]
async fn a_signed_token_is_verified_and_its_claims_are_read() {
    let scene = Scene::new().await;
    let signed = scene.verify(&scene.signed("one", 1)).await.unwrap();
    assert_eq!(signed.issuer, scene.stub.base);
    assert_eq!(signed.claims.text("nested/a/b").as_deref(), Some("1"));
    assert_eq!(signed.claims.get("exp"), Some(&ClaimValue::Number(7)));
    assert_eq!(signed.claims.text("id"), None, "not the id 74");
    let by_rsa = sign_rsa(&rsa("rsa"), "rsa", &scene.claims());
    assert_eq!(scene.rule(&by_rsa).await, None);
}

/// Encodes a text as a part of a JWT.
fn part(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

#[tokio::test]
async fn forged_and_malformed_tokens_are_refused_by_name() {
    let scene = Scene::new().await;
    let good = scene.signed("one", 1);
    let claims = scene.claims();
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let headed = |header: Value| {
        sign(&header, &claims, |message| {
            ed25519("one", 1)
                .sign(&CoreJwsSigningAlgorithm::EdDsa, message)
                .unwrap()
        })
    };
    let eddsa = |more: Value| {
        let mut header = json!({"alg": "EdDSA", "kid": "one"});
        header
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        headed(header)
    };
    let public_key =
        serde_json::to_vec(&key_set(&[ed25519("one", 1).as_verification_key()])).unwrap();
    let with_payload = |text: &str| format!("{header}.{}.{signature}", part(text));
    let iss = &scene.stub.base;
    for (token, rule) in [
        // Forged.
        (
            format!(
                "{header}.{}.{signature}",
                part(&claims.to_string().replace("job", "other"))
            ),
            Rule::Signature,
        ),
        (format!("{header}.{payload}.{}", part("x")), Rule::Signature),
        (format!("{header}.{payload}."), Rule::Signature),
        (scene.signed("one", 2), Rule::Signature),
        // Key confusion.
        (
            headed(json!({"alg": "none", "kid": "one"})),
            Rule::Algorithm,
        ),
        (
            headed(json!({"alg": "None", "kid": "one"})),
            Rule::Algorithm,
        ),
        (headed(json!({"kid": "one"})), Rule::Algorithm),
        (
            headed(json!({"alg": "HS256", "kid": "one"})),
            Rule::Algorithm,
        ),
        (sign_hmac(&public_key, &claims), Rule::Algorithm),
        (headed(json!({"alg": "RS256", "kid": "one"})), Rule::Key),
        (headed(json!({"alg": "EdDSA", "kid": "rsa"})), Rule::Key),
        (headed(json!({"alg": "EdDSA", "kid": 1})), Rule::Form),
        // Headers.
        (eddsa(json!({"crit": ["exp"]})), Rule::Extensions),
        (eddsa(json!({"crit": []})), Rule::Extensions),
        (eddsa(json!({"typ": "at+jwt"})), Rule::Type),
        (eddsa(json!({"typ": 7})), Rule::Type),
        (eddsa(json!({"cty": "JWT"})), Rule::Nesting),
        (eddsa(json!({"enc": "A128GCM"})), Rule::Nesting),
        // Form.
        (String::new(), Rule::Form),
        ("eyJ".to_owned(), Rule::Form),
        (format!("{header}.{payload}"), Rule::Form),
        (format!("{good}.x"), Rule::Form),
        (format!("{header}=.{payload}.{signature}"), Rule::Form),
        (format!("{}.{payload}.{signature}", part("[]")), Rule::Form),
        (with_payload("\"text\""), Rule::Form),
        (with_payload(&good), Rule::Nesting),
        (
            with_payload(&format!(
                "{}{}",
                "{\"a\":".repeat(9),
                "1".to_owned() + &"}".repeat(9)
            )),
            Rule::Form,
        ),
        (
            with_payload(&format!(r#"{{"iss":"{iss}","sub":"a","sub":"b"}}"#)),
            Rule::Members,
        ),
        (
            with_payload(&format!(r#"{{"iss":"{iss}","a":{{"b":1}},"a/b":2}}"#)),
            Rule::Members,
        ),
        (
            format!(
                "{}.{payload}.{signature}",
                part(r#"{"alg":"EdDSA","alg":"none"}"#)
            ),
            Rule::Members,
        ),
        (
            format!("{header}.{}.{signature}", "A".repeat(20_000)),
            Rule::Size,
        ),
        // Issuers.
        (with_payload("{}"), Rule::Required),
        (with_payload(r#"{"iss":7}"#), Rule::Required),
        (
            with_payload(&format!(r#"{{"iss":"{iss}/"}}"#)),
            Rule::Issuer,
        ),
        (
            with_payload(&format!(r#"{{"iss":"{}"}}"#, iss.to_uppercase())),
            Rule::Issuer,
        ),
        (
            with_payload(&format!(r#"{{"iss":"{iss}.evil"}}"#)),
            Rule::Issuer,
        ),
        (
            with_payload(r#"{"iss":"kubernetes/serviceaccount"}"#),
            Rule::LegacyServiceAccount,
        ),
    ] {
        assert_eq!(scene.rule(&token).await, Some(rule), "{token}");
    }
    // The key URLs `jku` and `x5u` in the header are ignored.
    let theirs = ed25519("one", 9).as_verification_key();
    for member in ["jku", "x5u"] {
        let ours = eddsa(json!({member: "https://evil.example/keys"}));
        assert_eq!(scene.rule(&ours).await, None);
    }
    let header = json!({"alg": "EdDSA", "kid": "one", "jwk": theirs});
    let forged = sign(&header, &claims, |message| {
        ed25519("one", 9)
            .sign(&CoreJwsSigningAlgorithm::EdDsa, message)
            .unwrap()
    });
    assert_eq!(scene.rule(&forged).await, Some(Rule::Signature));
}

// RFC 9864 section 2.2 defines `Ed25519` as the algorithm name for EdDSA with the curve Ed25519.
#[tokio::test]
async fn ed25519_is_eddsa() {
    let scene = Scene::new().await;
    let mut keys = key_set(&[ed25519("one", 1).as_verification_key()]);
    keys["keys"][0]["alg"] = json!("Ed25519");
    scene.publish(Some(keys));
    for (alg, rule) in [
        ("Ed25519", None),
        ("EdDSA", None),
        ("Ed448", Some(Rule::Algorithm)),
    ] {
        let header = json!({"alg": alg, "kid": "one"});
        let token = sign(&header, &scene.claims(), |message| {
            ed25519("one", 1)
                .sign(&CoreJwsSigningAlgorithm::EdDsa, message)
                .unwrap()
        });
        assert_eq!(scene.rule(&token).await, rule, "{alg}");
    }
}

#[tokio::test]
async fn a_new_key_is_picked_up_once_a_minute_at_most() {
    let scene = Scene::new().await;
    assert_eq!(scene.rule(&scene.signed("one", 1)).await, None);
    assert_eq!(scene.fetches(), 1);
    scene.publish(Some(key_set(&[ed25519("two", 2).as_verification_key()])));
    let new = scene.signed("two", 2);
    assert_eq!(
        scene.rule(&new).await,
        Some(Rule::Key),
        "asked a moment ago"
    );
    for n in 0..50 {
        let unknown = scene.signed(&format!("made-up-{n}"), 3);
        assert_eq!(scene.rule(&unknown).await, Some(Rule::Key));
    }
    assert_eq!(
        scene.fetches(),
        1,
        "no flood of unknown keys becomes one of requests"
    );
    scene.clock.advance(Duration::from_secs(61));
    assert_eq!(scene.rule(&new).await, None);
    assert_eq!(scene.fetches(), 2);
    assert_eq!(
        scene.rule(&scene.signed("one", 1)).await,
        Some(Rule::Key),
        "withdrawn"
    );
}

#[tokio::test]
async fn an_issuer_that_hangs_is_not_asked_by_each_caller() {
    const METADATA: &str = "/.well-known/openid-configuration";
    let _ = rustls::crypto::ring::default_provider().install_default();
    let clock = Arc::new(TestClock::new());
    let slow = Arc::clone(&clock);
    let stub = Stub::start(move |_, _| {
        // The response takes longer than the pause between two requests.
        slow.advance(Duration::from_secs(8));
        reply(500, "text/plain", "down")
    });
    let stub = stub.await;
    let verifier = Arc::new(verifier(&stub.base, KeySource::Discovery, &clock).unwrap());
    let claims = json!({"iss": stub.base, "sub": "job"});
    let token = sign_ed25519(&ed25519("one", 1), "one", &claims);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (verifier, token) = (Arc::clone(&verifier), token.clone());
        tasks.spawn(async move {
            let verified = verifier.verify(&WorkloadToken::new(token)).await;
            assert!(matches!(verified, Err(NotVerified::KeysUnavailable { .. })));
        });
    }
    tasks.join_all().await;
    assert_eq!(stub.count(METADATA), 1);
}

#[tokio::test]
async fn many_at_once_fetch_once() {
    let scene = Arc::new(Scene::new().await);
    let verified = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (scene, verified) = (Arc::clone(&scene), Arc::clone(&verified));
        tasks.spawn(async move {
            let token = scene.signed("one", 1);
            assert_eq!(scene.rule(&token).await, None);
            verified.fetch_add(1, Ordering::Relaxed);
        });
    }
    tasks.join_all().await;
    assert_eq!((verified.load(Ordering::Relaxed), scene.fetches()), (20, 1));
}

/// A server that sends each response only when the test permits it.
struct SlowIssuer {
    base: String,
    keys: Arc<Mutex<Value>>,
    asked: Arc<Semaphore>,
    answers: Arc<Semaphore>,
}

impl SlowIssuer {
    async fn start() -> Self {
        let keys = Arc::new(Mutex::new(Value::Null));
        let semaphore = || Arc::new(Semaphore::new(0));
        let (asked, answers) = (semaphore(), semaphore());
        let parts = (Arc::clone(&keys), Arc::clone(&asked), Arc::clone(&answers));
        let base = raw(move |mut socket| {
            let (keys, asked, answers) = parts.clone();
            async move {
                asked.add_permits(1);
                answers.acquire().await.unwrap().forget();
                let body = keys.lock().unwrap().to_string();
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
                let length = body.len();
                let answer = format!("{head}\r\ncontent-length: {length}\r\n\r\n{body}");
                socket.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self {
            base: base.await,
            keys,
            asked,
            answers,
        }
    }
}

#[tokio::test]
async fn callers_wait_for_a_fetch_in_progress() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (issuer, clock) = (SlowIssuer::start().await, Arc::new(TestClock::new()));
    let uri = format!("{}/keys", issuer.base).parse().unwrap();
    let verifier = verifier(&issuer.base, KeySource::JwksUri(uri), &clock).unwrap();
    // The verifier fetches the first keys, and then the keys after a rotation.
    for (kid, seed) in [("one", 1), ("two", 2)] {
        *issuer.keys.lock().unwrap() = key_set(&[ed25519(kid, seed).as_verification_key()]);
        clock.advance(Duration::from_secs(61));
        let claims = json!({"iss": issuer.base});
        let token = WorkloadToken::new(sign_ed25519(&ed25519(kid, seed), kid, &claims));
        let mut first = pin!(verifier.verify(&token));
        tokio::select! {
            early = &mut first => panic!("{early:?}"),
            asked = issuer.asked.acquire() => asked.unwrap().forget(),
        }
        let mut second = pin!(verifier.verify(&token));
        tokio::select! {
            biased;
            early = &mut second => panic!("{kid}: {early:?}"),
            () = tokio::task::yield_now() => {}
        }
        issuer.answers.add_permits(1);
        let (first, second) = tokio::join!(first, second);
        assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
        assert_eq!(issuer.asked.available_permits(), 0, "one fetch");
    }
}

#[tokio::test]
async fn known_keys_serve_while_the_issuer_is_no_help() {
    let scene = Scene::new().await;
    let token = scene.signed("one", 1);
    assert_eq!(scene.rule(&token).await, None);
    let large = json!({"keys": [], "padding": "x".repeat(10 * 1024 * 1024)});
    for (n, published) in [
        None,
        Some(json!({"keys": []})),
        Some(json!({"keys": 1})),
        Some(large),
    ]
    .into_iter()
    .enumerate()
    {
        scene.publish(published);
        scene.clock.advance(Duration::from_secs(301));
        assert_eq!(scene.rule(&token).await, None);
        assert_eq!(scene.fetches(), n + 2);
    }
}

#[tokio::test]
async fn an_issuer_that_was_never_reached_is_not_asked_all_the_time() {
    let scene = Scene::new().await;
    scene.publish(None);
    let token = scene.signed("one", 1);
    for _ in 0..5 {
        let refused = scene.verify(&token).await;
        let Err(NotVerified::KeysUnavailable {
            issuer,
            detail,
            retry_after,
        }) = refused
        else {
            panic!("{refused:?}");
        };
        assert_eq!(issuer, scene.stub.base);
        assert!(detail.contains(&scene.stub.base), "{detail}");
        assert!(!retry_after.is_zero());
    }
    assert_eq!(scene.fetches(), 1);
    scene.publish(Some(key_set(&[ed25519("one", 1).as_verification_key()])));
    scene.clock.advance(Duration::from_secs(6));
    assert_eq!(scene.rule(&token).await, None);
}

#[tokio::test]
async fn metadata_must_name_the_issuer_byte_for_byte() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let stub = Stub::start(|_, base| {
        let uri = format!("{base}/keys");
        answer(200, &json!({"issuer": format!("{base}/"), "jwks_uri": uri}))
    });
    let stub = stub.await;
    let verifier = verifier(
        &stub.base,
        KeySource::Discovery,
        &Arc::new(TestClock::new()),
    )
    .unwrap();
    let claims = json!({"iss": stub.base});
    let token = sign_ed25519(&ed25519("one", 1), "one", &claims);
    let refused = verifier.verify(&WorkloadToken::new(token)).await;
    assert!(
        matches!(refused, Err(NotVerified::KeysUnavailable { .. })),
        "{refused:?}"
    );
    assert_eq!(stub.count("/keys"), 0);
}

// The API server of Kubernetes sends only `application/jwk-set+json` (ramosbugs/openidconnect-rs#238).
#[tokio::test]
async fn keys_are_fetched_as_both_media_types() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    for media_type in ["application/json", "application/jwk-set+json"] {
        let keys = key_set(&[ed25519("one", 1).as_verification_key()]);
        let stub = Stub::start(move |seen, _| keys_as(media_type, &keys, seen)).await;
        let source = KeySource::JwksUri(format!("{}/keys", stub.base).parse().unwrap());
        let verifier = verifier(&stub.base, source, &Arc::new(TestClock::new())).unwrap();
        let token = sign_ed25519(&ed25519("one", 1), "one", &json!({"iss": stub.base}));
        let verified = verifier.verify(&WorkloadToken::new(token)).await;
        assert!(verified.is_ok(), "{media_type}: {verified:?}");
    }
}

#[tokio::test]
async fn keys_come_from_a_file_or_an_address_too() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let clock = Arc::new(TestClock::new());
    let name = format!("central-oauth-keys-{}.json", std::process::id());
    let path = std::env::temp_dir().join(name);
    let keys = key_set(&[ed25519("one", 1).as_verification_key()]);
    std::fs::write(&path, keys.to_string()).unwrap();
    let stub = Stub::saying(200, "application/json", &keys.to_string()).await;
    let uri = format!("{}/keys", stub.base).parse().unwrap();
    for source in [KeySource::JwksFile(path.clone()), KeySource::JwksUri(uri)] {
        let verifier = verifier("spiffe issuer of ours", source, &clock).unwrap();
        let claims = json!({"iss": "spiffe issuer of ours"});
        let token = sign_ed25519(&ed25519("one", 1), "one", &claims);
        verifier.verify(&WorkloadToken::new(token)).await.unwrap();
    }
    std::fs::write(&path, r#"{"keys":[]}"#).unwrap();
    let empty = verifier("x", KeySource::JwksFile(path.clone()), &clock)
        .err()
        .unwrap()
        .1;
    assert!(empty.to_string().contains("empty"), "{empty}");
    std::fs::remove_file(&path).unwrap();
    for (issuer, source) in [
        ("x", KeySource::JwksFile(path)),
        ("x", KeySource::Discovery),
        ("http://issuer.example", KeySource::Discovery),
        (
            "x",
            KeySource::JwksUri("http://keys.example/".parse().unwrap()),
        ),
    ] {
        assert!(verifier(issuer, source, &clock).is_err());
    }
}
