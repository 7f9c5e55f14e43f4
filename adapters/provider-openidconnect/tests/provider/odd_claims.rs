//! ID tokens with claims of unexpected types (OpenID Connect Core sections 2 and 5.1).

use serde_json::json;

use crate::id_tokens::{good, identify, start};
use crate::jwt::claims;
use crate::support::{TestClock, changed, known};

// Claims that the adapter does not use may have any type: ramosbugs/openidconnect-rs issues 110 and 230,
// rustdesk/rustdesk-server-pro issue 860, zitadel/oidc issue 139.
#[tokio::test]
async fn unused_claims_may_be_anything() {
    let stub = start(json!({})).await;
    let unused = [
        "acr",
        "address",
        "amr",
        "at_hash",
        "auth_time",
        "birthdate",
        "c_hash",
        "email_verified",
        "family_name",
        "gender",
        "given_name",
        "groups",
        "iat",
        "jti",
        "locale",
        "middle_name",
        "nbf",
        "nonce",
        "phone_number",
        "phone_number_verified",
        "picture",
        "profile",
        "realm_access",
        "sid",
        "tid",
        "updated_at",
        "website",
        "zoneinfo",
    ];
    let odd = [
        json!(null),
        json!(true),
        json!("text"),
        json!(7),
        json!(1.5),
        json!(["a", 1]),
        json!({"a": {"b": 1}}),
    ];
    let person = Ok(known("person-1", Some("Ada Lovelace")));
    for value in odd {
        let mut odd_claims = claims(&stub.base);
        for name in unused {
            odd_claims[name] = value.clone();
        }
        assert_eq!(identify(&stub, &good(&odd_claims)).await, person, "{value}");
    }
}

#[tokio::test]
async fn used_claims_in_other_types() {
    let stub = start(json!({})).await;
    for (changes, id, name) in [
        (json!({"sub": 12345}), "12345", "Ada Lovelace"),
        (
            json!({"exp": (TestClock::START + 300).to_string()}),
            "person-1",
            "Ada Lovelace",
        ),
        (
            json!({"exp": (TestClock::START + 300) as f64 + 0.5}),
            "person-1",
            "Ada Lovelace",
        ),
        (
            json!({"aud": ["client-1", "client-1"]}),
            "person-1",
            "Ada Lovelace",
        ),
        (
            json!({"aud": ["client-1", 7], "azp": ["client-1"]}),
            "person-1",
            "Ada Lovelace",
        ),
        (
            json!({"name": ["x"], "preferred_username": {"a": 1}, "email": ["ada@example.com"]}),
            "person-1",
            "x",
        ),
        (
            json!({"name": 7, "preferred_username": {"a": 1}, "email": ["ada@example.com"]}),
            "person-1",
            "ada@example.com",
        ),
    ] {
        let token = good(&changed(claims(&stub.base), changes.clone()));
        let person = identify(&stub, &token).await;
        assert_eq!(person, Ok(known(id, Some(name))), "{changes}");
    }
    let mut with_null = claims(&stub.base);
    for name in ["azp", "name", "email"] {
        with_null[name] = json!(null);
    }
    let person = identify(&stub, &good(&with_null)).await;
    assert_eq!(person, Ok(known("person-1", None)));
}
