//! Microsoft Entra ID: many tenants share one issuer, and error numbers are more specific than error codes.

use central_oauth_domain::ports::Prompt;
use central_oauth_provider_openidconnect::ProviderSettings;
use openidconnect::PrivateSigningKey;
use serde_json::{Value, json};
use url::Url;
use url::form_urlencoded::Serializer;

use super::{SECRET, by_code, preset, saying};
use crate::jwt::{claims_with, ed25519, key_set, sign_ed25519};
use crate::support::{
    Stub, Subject, changed, error_of, json as reply_json, kind, known, metadata, reply, step,
    words_of,
};

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const OTHER: &str = "99999999-2222-3333-4444-555555555555";

/// Starts a server with this issuer in its metadata. Replaces `{base}` with its base URL.
async fn calling_itself(issuer: &'static str) -> Stub {
    let keys = key_set(&[ed25519("ed", 1).as_verification_key()]);
    Stub::start(move |seen, base| match seen.path.as_str() {
        "/jwks" => reply_json(200, &keys),
        "/userinfo" => reply_json(200, &json!({"sub": "person-1", "name": "Ada"})),
        path if path.ends_with("/v2.0/.well-known/openid-configuration") => {
            let named = issuer.replace("{base}", base);
            reply_json(200, &changed(metadata(base), json!({"issuer": named})))
        }
        _ => reply(404, "text/plain", ""),
    })
    .await
}

fn settings(base: &str, tenant: &str) -> ProviderSettings {
    let mut settings = preset("entra", base);
    settings.issuer = Url::parse(&format!("{base}/{tenant}/v2.0")).ok();
    settings.quirks.identity.issuer_template = Some(format!("{base}/{{tenantid}}/v2.0"));
    settings
}

fn token(base: &str, issuer_tenant: &str, tid: &Value) -> String {
    let issuer = format!("{base}/{issuer_tenant}/v2.0");
    let claims = claims_with(&issuer, json!({"tid": tid, "name": null}));
    sign_ed25519(&ed25519("ed", 1), "ed", &claims)
}

// Microsoft, "Access tokens", validating the issuer: `{tenantid}` stands for the tenant of the token.
#[tokio::test]
async fn any_tenant_but_only_its_own_tokens() {
    let stub = calling_itself("{base}/{tenantid}/v2.0").await;
    for tenant in ["common", "organizations"] {
        let subject = Subject::new(settings(&stub.base, tenant));
        let good = token(&stub.base, TENANT, &json!(TENANT));
        let id = format!("{TENANT}:person-1");
        let person = subject.identify(Some(&good)).await;
        assert_eq!(person, Ok(known(&id, Some("Ada"))), "{tenant}");
        for bad in [
            token(&stub.base, TENANT, &json!(OTHER)),
            token(&stub.base, OTHER, &json!(TENANT)),
            token(&stub.base, "{tenantid}", &json!("{tenantid}")),
            token(&stub.base, "common", &json!("common")),
            token(&stub.base, "a/b", &json!("a/b")),
            token(&stub.base, TENANT, &json!(null)),
            token(&stub.base, TENANT, &json!(7)),
            token("https://evil.example.com", TENANT, &json!(TENANT)),
        ] {
            let error = error_of(subject.identify(Some(&bad)).await);
            assert_eq!(kind(&error), ("refused", "invalid_id_token"));
        }
    }
}

// If the configuration names a tenant as `consumers` or by a domain, the metadata contains the id of the tenant. The tokens
// must contain the same id.
#[tokio::test]
async fn a_tenant_by_another_name() {
    let stub = calling_itself("{base}/11111111-2222-3333-4444-555555555555/v2.0").await;
    for tenant in ["consumers", "contoso.example", TENANT] {
        let subject = Subject::new(settings(&stub.base, tenant));
        let good = token(&stub.base, TENANT, &json!(TENANT));
        let person = subject.identify(Some(&good)).await;
        assert_eq!(person, Ok(known("person-1", Some("Ada"))), "{tenant}");
        let bad = token(&stub.base, OTHER, &json!(OTHER));
        let error = error_of(subject.identify(Some(&bad)).await);
        assert_eq!(kind(&error), ("refused", "invalid_id_token"));
    }
}

// If the issuer URL contains a tenant id, metadata of another issuer is rejected. Without the profile's issuer
// template, `common` rejects such metadata too.
#[tokio::test]
async fn not_any_issuer() {
    for issuer in [
        "{base}/99999999-2222-3333-4444-555555555555/v2.0",
        "{base}/{tenantid}/v2.0",
        "https://evil.example.com/{tenantid}/v2.0",
    ] {
        let stub = calling_itself(issuer).await;
        let subject = Subject::new(settings(&stub.base, TENANT));
        let error = error_of(subject.identify(None).await);
        assert_eq!(
            kind(&error),
            ("misconfigured", "issuer_mismatch"),
            "{issuer}"
        );
    }
    let stub = calling_itself("{base}/{tenantid}/v2.0").await;
    let mut plain = settings(&stub.base, "common");
    plain.quirks.identity.issuer_template = None;
    let error = error_of(Subject::new(plain).identify(None).await);
    assert_eq!(kind(&error), ("misconfigured", "issuer_mismatch"));
}

// The device flow is for public clients: with a secret, Entra returns AADSTS700025. The code flow needs the secret: without
// it, Entra returns AADSTS7000218. Sources: Microsoft, "Device authorization grant", and canonical/authd pull request 1882.
#[tokio::test]
async fn the_secret_belongs_to_the_code_flow() {
    let stub = Stub::start(|_, _| reply_json(200, &json!({"access_token": "at"}))).await;
    let sent = || stub.last(|seen| seen.form().get("client_secret").cloned());
    let device = Subject::new(preset("entra", &stub.base));
    assert!(device.begin().await.is_err());
    assert_eq!(sent(), None);
    assert_eq!(step(&device.redeem().await), "granted");
    assert_eq!(sent(), None);
    assert!(device.refresh().await.is_ok());
    assert_eq!(sent(), None);
    let code = Subject::new(by_code(preset("entra", &stub.base)));
    let consent = code.begin().await.ok().unwrap();
    let outcome = code.come_back(&consent.handle, "code=c").await;
    assert_eq!(step(&outcome), "granted");
    assert_eq!(sent().as_deref(), Some(SECRET));
    assert!(code.refresh().await.is_ok());
    assert_eq!(sent().as_deref(), Some(SECRET));
}

// Microsoft Q&A 5847660: if users must not consent themselves, `prompt=consent` requests the approval of an administrator
// again (AADSTS90094). The operator can still set `prompt` for Entra, and omit it for other providers.
#[tokio::test]
async fn nobody_is_asked_for_consent_again() {
    let prompt = async |settings: ProviderSettings| {
        let consent = Subject::new(by_code(settings)).begin().await.ok().unwrap();
        let Prompt::Visit { uri } = consent.prompt else {
            panic!("an address");
        };
        let uri = Url::parse(uri.expose()).unwrap();
        let mut pairs = uri.query_pairs().into_owned();
        pairs.find(|(name, _)| name == "prompt").map(|(_, it)| it)
    };
    let base = "http://127.0.0.1:9";
    let entra = preset("entra", base);
    assert!(entra.scopes.contains(&"offline_access".to_owned()));
    assert_eq!(prompt(entra.clone()).await, None);
    let mut wanted = entra;
    wanted.authorization_parameters = vec![("prompt".to_owned(), "select_account".to_owned())];
    assert_eq!(prompt(wanted).await.as_deref(), Some("select_account"));
    // OpenID Connect Core section 11 applies to every other provider, unless the operator's table overrides it.
    let mut other = preset("keycloak", base);
    assert_eq!(prompt(other.clone()).await.as_deref(), Some("consent"));
    other.quirks.authorization.needs_no_prompt = true;
    assert_eq!(prompt(other).await, None);
}

// Microsoft, "Device authorization grant", defines additional error codes for polls.
#[tokio::test]
async fn steps() {
    for (error, number, expected) in [
        ("authorization_pending", 70016, "pending"),
        ("authorization_declined", 70018, "denied"),
        ("expired_token", 70020, "expired"),
        (
            "bad_verification_code",
            70000,
            "refused bad_verification_code",
        ),
        ("invalid_client", 7000218, "misconfigured invalid_client"),
        ("invalid_request", 900144, "misconfigured invalid_request"),
        ("temporarily_unavailable", 90033, "unavailable"),
    ] {
        let words = format!("AADSTS{number}: so it is. Trace ID: x");
        let answer = json!({"error": error, "error_description": words, "error_codes": [number]});
        let (subject, _stub) = saying("entra", 400, &answer).await;
        assert_eq!(step(&subject.redeem().await), expected, "{error}");
    }
}

// MicrosoftDocs/azure-docs#114009: for an account that is not a guest of the tenant, Entra returns the error of a person
// who has declined.
#[tokio::test]
async fn a_no_that_is_not_the_person_s_own() {
    let advice = "This account is from another tenant and is not a guest here.";
    let told = "AADSTS50020: User account 'a@b.example' does not exist in tenant 'Contoso'.";
    let mut query = Serializer::new("error=access_denied".to_owned());
    query.append_pair("error_description", told);
    let stub = saying("entra", 500, &json!({})).await.1;
    let subject = Subject::new(by_code(preset("entra", &stub.base)));
    let consent = subject.begin().await.ok().unwrap();
    let outcome = subject.come_back(&consent.handle, query.finish()).await;
    assert_eq!(words_of(&outcome), Some(&*format!("{advice} {told}")));

    let answer = json!({"error": "access_denied", "error_description": told});
    let (subject, _stub) = saying("entra", 400, &answer).await;
    let outcome = subject.redeem().await;
    assert_eq!(words_of(&outcome), Some(&*format!("{advice} {told}")));
}

// Microsoft, "Error codes": each number gets its own advice. The error code alone determines the kind of error.
#[tokio::test]
async fn numbers_in_words() {
    for (error, number, expected, words) in [
        (
            "invalid_client",
            7000218,
            "misconfigured invalid_client",
            "allow public client flows",
        ),
        (
            "invalid_client",
            700025,
            "misconfigured invalid_client",
            "add a second provider",
        ),
        (
            "invalid_client",
            7000222,
            "misconfigured invalid_client",
            "secret has expired",
        ),
        (
            "unauthorized_client",
            700016,
            "misconfigured unauthorized_client",
            "does not know this client id",
        ),
        (
            "invalid_grant",
            65001,
            "refused invalid_grant",
            "Consent is missing",
        ),
        (
            "invalid_grant",
            70043,
            "refused invalid_grant",
            "sign-in frequency policy",
        ),
        (
            "invalid_grant",
            700082,
            "refused invalid_grant",
            "expired from disuse",
        ),
        (
            "interaction_required",
            50076,
            "refused invalid_grant",
            "multi-factor",
        ),
        (
            "consent_required",
            65001,
            "refused invalid_grant",
            "Consent is missing",
        ),
        (
            "invalid_grant",
            53003,
            "refused invalid_grant",
            "Conditional Access",
        ),
        (
            "invalid_grant",
            1,
            "refused invalid_grant",
            "AADSTS1: so it is",
        ),
    ] {
        let description = format!("AADSTS{number}: so it is. Trace ID: x");
        let answer = json!({"error": error, "error_description": description, "error_codes": [number],
            "suberror": "basic_action"});
        let (subject, _stub) = saying("entra", 400, &answer).await;
        let refused = subject.refresh().await.err().expect("an error");
        let (kind, code) = kind(&refused.cause);
        assert_eq!(format!("{kind} {code}"), expected, "{number}");
        let told = refused.to_string();
        assert!(
            told.contains(words) && told.contains(&format!("AADSTS{number}")),
            "{told}"
        );
    }
}

// RFC 9207 section 2.4: if the configured issuer stands for many tenants, `iss` in the callback names one tenant.
#[tokio::test]
async fn the_answer_comes_from_a_tenant() {
    for (announced, named, expected) in [
        (
            true,
            "{base}/11111111-2222-3333-4444-555555555555/v2.0",
            "granted",
        ),
        (true, "{base}/{tenantid}/v2.0", "refused issuer_mismatch"),
        (true, "{base}/common/v2.0", "refused issuer_mismatch"),
        (
            true,
            "{base}/11111111-2222-3333-4444-555555555555/v2.0/",
            "refused issuer_mismatch",
        ),
        (
            true,
            "https://evil.example.com/11111111-2222-3333-4444-555555555555/v2.0",
            "refused issuer_mismatch",
        ),
        (true, "", "refused issuer_missing"),
        (
            false,
            "{base}/11111111-2222-3333-4444-555555555555/v2.0",
            "granted",
        ),
        (false, "https://evil.example.com", "refused issuer_mismatch"),
        (false, "", "granted"),
    ] {
        let stub = Stub::start(move |seen, base| match seen.path.as_str() {
            "/token" => reply_json(200, &json!({"access_token": "at"})),
            _ => {
                let issuer = format!("{base}/{{tenantid}}/v2.0");
                let changes = json!({"issuer": issuer, "authorization_response_iss_parameter_supported": announced});
                reply_json(200, &changed(metadata(base), changes))
            }
        })
        .await;
        let subject = Subject::new(ProviderSettings {
            scopes: vec!["offline_access".to_owned()],
            ..by_code(settings(&stub.base, "common"))
        });
        let consent = subject.begin().await.ok().unwrap();
        let mut query = Serializer::new(String::new());
        query.append_pair("code", "c");
        if !named.is_empty() {
            query.append_pair("iss", &named.replace("{base}", &stub.base));
        }
        let outcome = subject.come_back(&consent.handle, query.finish()).await;
        assert_eq!(step(&outcome), expected, "{announced} {named}");
        assert_eq!(stub.count("/token"), usize::from(expected == "granted"));
    }
}

// `providers check` puts an invented tenant into `iss` of its callback. Otherwise the callback would be rejected, and the
// client could not be checked.
#[tokio::test]
async fn the_doctor_is_no_foreign_server() {
    let stub = calling_itself("{base}/{tenantid}/v2.0").await;
    let findings = Subject::new(by_code(settings(&stub.base, "common")))
        .provider
        .check("https://x.example/")
        .await;
    let told = format!("{findings:?}");
    assert!(told.contains("subject: Client"), "{told}");
    assert!(!told.contains("issuer_mismatch"), "{told}");
}

// A callback has no `error_codes`, so the number comes from the description.
#[tokio::test]
async fn numbers_in_a_callback() {
    let subject = Subject::new(by_code(preset("entra", "http://127.0.0.1:9")));
    let consent = subject.begin().await.ok().unwrap();
    let query = "error=invalid_client&error_description=AADSTS650052%3A+The+app+is+trying";
    let outcome = subject.come_back(&consent.handle, query).await;
    let told = error_of(outcome).to_string();
    assert!(told.contains("no subscription to the service"), "{told}");
}
