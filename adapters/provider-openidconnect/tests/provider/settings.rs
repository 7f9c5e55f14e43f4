//! Errors in settings that the adapter finds without a request.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::ports::{Clock, OAuthProvider, ScopeWords};
use central_oauth_domain::testing::seeded_entropy;
use central_oauth_provider_openidconnect::{
    ClientAuthMethod, OpenIdConnectProvider, ProviderSettings,
};
use secrecy::SecretString;
use url::Url;

use crate::support::{Subject, client, issuer, plain};

struct Never;

impl Clock for Never {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(0)
    }

    fn uptime(&self) -> Duration {
        Duration::ZERO
    }
}

fn complaint(settings: ProviderSettings) -> String {
    let _ = rustls::crypto::ring::default_provider().install_default();
    match OpenIdConnectProvider::new(settings, Arc::new(Never), Arc::new(seeded_entropy(1))) {
        Ok(_) => panic!("no complaint"),
        Err(error) => error.to_string(),
    }
}

fn url(text: &str) -> Option<Url> {
    Some(Url::parse(text).unwrap())
}

const BASE: &str = "http://127.0.0.1:9";

#[test]
fn an_endpoint_is_missing() {
    let told = complaint(client());
    assert_eq!(
        told,
        "device_authorization_endpoint is missing: set it, or an issuer to discover it from"
    );
    let told = complaint(ProviderSettings {
        token_endpoint: None,
        ..plain(BASE)
    });
    assert!(told.starts_with("token_endpoint is missing"), "{told}");
}

#[test]
fn addresses_that_secrets_must_not_go_to() {
    let http = url("http://id.example.com/x");
    for (key, settings) in [
        ("issuer", issuer("http://id.example.com")),
        (
            "device_authorization_endpoint",
            ProviderSettings {
                device_authorization_endpoint: http.clone(),
                ..plain(BASE)
            },
        ),
        (
            "token_endpoint",
            ProviderSettings {
                token_endpoint: http.clone(),
                ..plain(BASE)
            },
        ),
        (
            "revocation_endpoint",
            ProviderSettings {
                revocation_endpoint: http.clone(),
                ..plain(BASE)
            },
        ),
        (
            "userinfo_endpoint",
            ProviderSettings {
                userinfo_endpoint: http.clone(),
                ..plain(BASE)
            },
        ),
    ] {
        let expected = format!("{key} must be https (plain http is for loopback addresses only)");
        assert_eq!(complaint(settings), expected);
    }
    let told = complaint(issuer("https://id.example.com/?tenant=1"));
    assert_eq!(told, "issuer must not have a query or a fragment");
    let told = complaint(issuer("https://me:pw@id.example.com"));
    assert_eq!(told, "issuer must not contain a user name or password");
}

#[test]
fn a_client_that_cannot_be() {
    let told = complaint(ProviderSettings {
        client_id: String::new(),
        ..plain(BASE)
    });
    assert_eq!(told, "client_id is missing");
    for method in [ClientAuthMethod::Basic, ClientAuthMethod::Post] {
        let told = complaint(ProviderSettings {
            token_endpoint_auth_method: Some(method),
            ..plain(BASE)
        });
        assert_eq!(told, "token_endpoint_auth_method needs a client_secret");
    }
}

// RFC 6749 section 3.3 defines the characters of a scope.
#[test]
fn scopes_that_cannot_be() {
    for scope in ["", "two words", "quo\"ted", "back\\slash", "größe"] {
        let told = complaint(ProviderSettings {
            scopes: vec![scope.to_owned()],
            ..plain(BASE)
        });
        assert_eq!(told, format!("scopes has {scope:?}, which is not a scope"));
    }
    for timeout in [Duration::ZERO, Duration::MAX] {
        let told = complaint(ProviderSettings {
            timeout,
            ..plain(BASE)
        });
        assert!(told.starts_with("the timeout must be"), "{told}");
    }
}

#[test]
fn what_people_see() {
    let named = ProviderSettings {
        display_name: "Example Work".to_owned(),
        ..plain(BASE)
    };
    let subject = Subject::new(named);
    assert_eq!(subject.provider.display_name(), "Example Work");
    assert_eq!(subject.provider.name(), &ProviderName::new("work"));
    assert_eq!(subject.provider.scopes(), ["openid", "repo"]);
    let unnamed = ProviderSettings {
        display_name: String::new(),
        ..plain(BASE)
    };
    assert_eq!(Subject::new(unnamed).provider.display_name(), "work");
}

#[test]
fn methods_by_their_registered_names() {
    let read = ClientAuthMethod::parse;
    assert_eq!(read("client_secret_basic"), Some(ClientAuthMethod::Basic));
    assert_eq!(read("client_secret_post"), Some(ClientAuthMethod::Post));
    assert_eq!(read("none"), Some(ClientAuthMethod::None));
    assert_eq!(read("private_key_jwt"), None);
}

fn words(text: &str) -> ScopeWords {
    ScopeWords {
        text: text.to_owned(),
        language: None,
    }
}

#[test]
fn words_that_the_page_cannot_show() {
    let named = |name: &str| ProviderSettings {
        consent_name: Some(name.to_owned()),
        ..plain(BASE)
    };
    let told = complaint(named("Bank\u{200b}"));
    assert_eq!(
        told,
        "consent_name holds U+200B, which is invisible or changes how other characters look"
    );
    let told = complaint(named(&"x".repeat(101)));
    assert_eq!(told, "consent_name is longer than 100 characters");

    let said = |scope: &str, text: &str| ProviderSettings {
        scope_words: BTreeMap::from([(scope.to_owned(), words(text))]),
        ..plain(BASE)
    };
    let told = complaint(said("a b", "Read"));
    assert_eq!(told, "scope_words has \"a b\", which is not a scope");
    let told = complaint(said("read", "Read\u{202e}"));
    assert_eq!(
        told,
        "scope_words.\"read\" holds U+202E, which is invisible or changes how other characters look"
    );
    let told = complaint(said("read", &"x".repeat(151)));
    assert_eq!(told, "scope_words.\"read\" is longer than 150 characters");
}

#[test]
fn standard_scopes_have_words_with_openid_alone() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let said = |scopes: &[&str]| {
        let settings = ProviderSettings {
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            scope_words: BTreeMap::from([
                ("email".to_owned(), words("Write to you")),
                ("phone".to_owned(), words("")),
            ]),
            ..plain(BASE)
        };
        let made =
            OpenIdConnectProvider::new(settings, Arc::new(Never), Arc::new(seeded_entropy(1)));
        let provider = made.unwrap_or_else(|error| panic!("{error}"));
        ["profile", "email", "phone", "other"].map(|scope| provider.scope_words(scope))
    };
    let [profile, email, phone, other] = said(&["openid", "profile", "email", "phone"]);
    assert_eq!(profile.and_then(|words| words.language), Some("en"));
    assert_eq!(email, Some(words("Write to you")));
    // An empty text removes the words.
    assert_eq!((phone, other), (None, None));
    // Another server may mean something else by `profile`.
    let [profile, email, ..] = said(&["profile", "email"]);
    assert_eq!((profile, email), (None, Some(words("Write to you"))));
}

#[test]
fn settings_print_no_secret() {
    let settings = ProviderSettings {
        client_secret: Some(SecretString::from("s3cret")),
        ..plain(BASE)
    };
    assert!(!format!("{settings:?}").contains("s3cret"));
}

#[test]
fn parameters_that_are_not_the_operator_s() {
    let told = |key: &str, name: &str| {
        let mut settings = plain(BASE);
        let parameters = match key {
            "quirks.device.parameters" => &mut settings.quirks.device.parameters,
            "quirks.token.parameters" => &mut settings.quirks.token.parameters,
            "quirks.refresh.parameters" => &mut settings.quirks.refresh.parameters,
            _ => &mut settings.quirks.revocation.parameters,
        };
        parameters.insert(name.to_owned(), "x".to_owned());
        complaint(settings)
    };
    for (key, names) in [
        ("quirks.device.parameters", &["client_id", "scope"][..]),
        (
            "quirks.token.parameters",
            &[
                "grant_type",
                "code",
                "device_code",
                "code_verifier",
                "redirect_uri",
                "client_secret",
            ],
        ),
        (
            "quirks.refresh.parameters",
            &[
                "grant_type",
                "refresh_token",
                "client_id",
                "client_assertion",
            ],
        ),
        (
            "quirks.revocation.parameters",
            &["token", "token_type_hint", "client_id"],
        ),
    ] {
        for name in names {
            let expected = format!("{key} cannot set {name}: this service sets it itself");
            assert_eq!(told(key, name), expected);
        }
    }
    let told = complaint(ProviderSettings {
        authorization_parameters: vec![("state".to_owned(), "x".to_owned())],
        ..plain(BASE)
    });
    assert!(
        told.starts_with("authorization_parameters cannot set state"),
        "{told}"
    );
}

// OAuth 2.0 Multiple Response Types section 2.1 and OAuth 2.0 Form Post Response Mode define other response modes, which
// the callback does not support.
#[test]
fn the_response_comes_in_the_query() {
    let with_mode = |mode: &str| ProviderSettings {
        authorization_parameters: vec![("response_mode".to_owned(), mode.to_owned())],
        ..plain(BASE)
    };
    for other in ["form_post", "fragment", "query.jwt"] {
        let told = complaint(with_mode(other));
        assert!(told.contains("response_mode only to \"query\""), "{told}");
    }
    Subject::new(with_mode("query"));
}

#[test]
fn tokens_and_secrets_are_never_given_to_clients() {
    for name in [
        "access_token",
        "refresh_token",
        "id_token",
        "authed_user.access_token",
        "app.client_secret",
    ] {
        let told = complaint(ProviderSettings {
            extra: vec!["instance_url".to_owned(), name.to_owned()],
            ..plain(BASE)
        });
        let expected =
            format!("extra cannot list {name:?}: tokens and secrets are never given to clients");
        assert_eq!(told, expected);
    }
}
