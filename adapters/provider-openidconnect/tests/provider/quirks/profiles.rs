//! Tests of the profile files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::ports::{OAuthProvider as _, ScopeWords};
use central_oauth_domain::testing::{FixedClock, seeded_entropy};
use central_oauth_provider_openidconnect::{
    Flow, OpenIdConnectProvider, Profile, ProviderSettings, SettingsError,
};
use serde_json::json;
use url::Url;

use super::saying;
use crate::support::step;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/profiles");

fn values(profile: &Profile) -> BTreeMap<String, String> {
    let keys = profile.placeholders.keys();
    keys.map(|key| (key.clone(), format!("{key}.example")))
        .collect()
}

fn completed(name: &str) -> ProviderSettings {
    let profile = Profile::named(name).unwrap();
    let settings = ProviderSettings::new(ProviderName::new("x"), "client-1");
    profile.complete(settings, None, &values(&profile)).unwrap()
}

fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn make(settings: ProviderSettings) -> Result<OpenIdConnectProvider, SettingsError> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (clock, entropy) = (FixedClock::default(), seeded_entropy(1));
    OpenIdConnectProvider::new(settings, Arc::new(clock), Arc::new(entropy))
}

#[test]
fn every_file_is_embedded_and_parses() {
    let files: BTreeSet<_> = fs::read_dir(FOLDER)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let names: Vec<_> = Profile::names().collect();
    let listed: BTreeSet<_> = names.iter().map(|name| format!("{name}.toml")).collect();
    assert_eq!(listed, files);
    assert!(names.is_sorted());
    let endpoints = [
        "authorization_endpoint",
        "device_authorization_endpoint",
        "device_token_endpoint",
        "revocation_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
    ];
    for name in names {
        let profile = Profile::named(name).unwrap_or_else(|error| panic!("{name} {error}"));
        let mut keys = profile.endpoints.keys();
        assert!(keys.all(|key| endpoints.contains(&key.as_str())), "{name}");
    }
    let error = Profile::named("gitub").unwrap_err().to_string();
    assert!(error.contains("github, github-app, gitlab"), "{error}");
}

// Every source that a comment names is listed in `[sources]`.
#[test]
fn every_source_is_named() {
    for name in Profile::names() {
        let text = fs::read_to_string(Path::new(FOLDER).join(format!("{name}.toml"))).unwrap();
        let profile = Profile::named(name).unwrap();
        let mut used = BTreeSet::new();
        for line in text.lines().filter(|line| line.starts_with('#')) {
            for list in line.split("src: ").skip(1) {
                let end = list.find(['.', ')', ';']).unwrap_or(list.len());
                let outside = list[..end].split('(').next().unwrap();
                used.extend(outside.split(',').map(|key| key.trim().to_owned()));
            }
        }
        used.remove("");
        let known: BTreeSet<_> = profile.sources.keys().cloned().collect();
        // The first file explains the format of these comments.
        used.remove("key\" names an entry of [sources] and holds for the lines below it");
        assert!(
            used.is_subset(&known),
            "{name}: {:?}",
            used.difference(&known)
        );
    }
}

// Quirks are data, so the code must never compare the name of a provider.
#[test]
fn no_code_knows_a_provider_by_name() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.ends_with("profile/embedded.rs") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap().to_ascii_lowercase();
            let code = text.lines().map(|line| line.split("//").next().unwrap());
            for line in code {
                let mut words = line.split(|c: char| !c.is_ascii_alphanumeric());
                let known = words.find(|word| Profile::names().any(|name| name == *word));
                assert_eq!(known, None, "{line} in {}", path.display());
            }
        }
    }
}

// Each profile gives a usable provider with each of its flows.
#[test]
fn every_preset_works_with_an_id_alone() {
    for name in Profile::names() {
        let profile = Profile::named(name).unwrap();
        assert!(
            !profile.flows.is_empty() && !profile.sources.is_empty(),
            "{name}"
        );
        for flow in &profile.flows {
            let settings = ProviderSettings {
                flow: *flow,
                ..completed(name)
            };
            let made = make(settings);
            assert!(made.is_ok(), "{name} {flow:?}: {:?}", made.err());
        }
    }
}

#[test]
fn the_default_scopes_of_every_preset_have_words() {
    for name in Profile::names() {
        let settings = completed(name);
        let scopes = settings.scopes.clone();
        let provider = make(settings).unwrap_or_else(|error| panic!("{name}: {error}"));
        for scope in scopes {
            let words = provider.scope_words(&scope);
            let words = words.unwrap_or_else(|| panic!("{name}: {scope} has no words"));
            assert_eq!(words.language, Some("en"), "{name} {scope}");
        }
    }
}

/// At these providers, the registration of the client or the person determines the permissions.
#[test]
fn presets_without_scopes_say_what_is_permitted() {
    for name in ["bitbucket", "github", "github-app", "notion"] {
        let provider = make(completed(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let scopes = provider.scopes();
        assert_eq!(scopes, <[String; 0]>::default(), "{name}");
        let words = provider.scope_words("");
        assert!(words.is_some_and(|it| it.language == Some("en")), "{name}");
    }
}

#[test]
fn the_operator_s_words_override_the_preset_s() {
    let said = |text: &str| ScopeWords {
        text: text.to_owned(),
        language: None,
    };
    let settings = ProviderSettings {
        scope_words: BTreeMap::from([
            ("repo".to_owned(), said("Lesen und Schreiben")),
            ("gist".to_owned(), said("")),
        ]),
        ..ProviderSettings::new(ProviderName::new("x"), "client-1")
    };
    let profile = Profile::named("github").unwrap();
    let provider = make(profile.complete(settings, None, &BTreeMap::new()).unwrap());
    let provider = provider.unwrap_or_else(|error| panic!("{error}"));
    let words = provider.scope_words("repo");
    assert_eq!(words, Some(said("Lesen und Schreiben")));
    assert_eq!(provider.scope_words("gist"), None);
    let preset = provider.scope_words("workflow");
    assert_eq!(preset.and_then(|words| words.language), Some("en"));
}

#[test]
fn what_the_operator_says_wins() {
    let profile = Profile::named("keycloak").unwrap();
    let settings = ProviderSettings {
        issuer: Url::parse("https://sso.example.com/realms/a").ok(),
        display_name: "Work".to_owned(),
        scopes: vec!["offline_access".to_owned()],
        ..ProviderSettings::new(ProviderName::new("x"), "client-1")
    };
    // The settings contain the issuer, so the parts of its URL (host, realm) are not required.
    let settings = profile.complete(settings, None, &BTreeMap::new()).unwrap();
    assert_eq!(
        settings.issuer.unwrap().as_str(),
        "https://sso.example.com/realms/a"
    );
    assert_eq!(settings.display_name, "Work");
    assert_eq!(settings.scopes, ["offline_access"]);
}

// GitLab's metadata has no `device_authorization_endpoint` (lxc/incus issue 4013, int128/kubelogin issue 1584), so the
// endpoint of another server cannot be discovered. With the endpoints of the preset, the device codes and the client secret
// would go to the wrong server.
#[test]
fn another_server_s_issuer_does_not_go_with_the_preset_s_endpoints() {
    let complete = |name: &str, issuer: &str, pairs: &[(&str, &str)]| {
        let settings = ProviderSettings {
            issuer: Url::parse(issuer).ok(),
            ..ProviderSettings::new(ProviderName::new("x"), "client-1")
        };
        let profile = Profile::named(name).unwrap();
        profile.complete(settings, None, &given(pairs))
    };
    let guid = "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0";
    for (name, issuer, instead) in [
        ("gitlab", "https://gitlab.example.com", "set host instead"),
        ("entra", guid, "set tenant instead"),
        ("google", "https://accounts.example.com", "leave it out"),
        (
            "salesforce",
            "https://work.my.salesforce.com",
            "set host instead",
        ),
    ] {
        let error = complete(name, issuer, &[]).unwrap_err().to_string();
        assert!(error.starts_with("issuer is on another server"), "{error}");
        for words in [instead, "device_authorization_endpoint", "token_endpoint"] {
            assert!(error.contains(words), "{name}: {error}");
        }
    }
    let host = [("host", "gitlab.example.com")];
    let same = complete("gitlab", "https://gitlab.example.com/", &host).unwrap();
    assert_eq!(
        same.token_endpoint.unwrap().as_str(),
        "https://gitlab.example.com/oauth/token"
    );
    // For a preset without an issuer, the issuer must be on the server of the token endpoint.
    for (name, issuer) in [
        ("slack", "https://slack.com"),
        ("github", "https://github.com/login/oauth"),
    ] {
        assert!(complete(name, issuer, &[]).is_ok(), "{name}");
    }
}

#[test]
fn parts_of_addresses() {
    let entra = |pairs: &[(&str, &str)]| {
        let settings = ProviderSettings::new(ProviderName::new("x"), "client-1");
        Profile::named("entra")
            .unwrap()
            .complete(settings, None, &given(pairs))
    };
    let issuer = |pairs: &[(&str, &str)]| entra(pairs).unwrap().issuer.unwrap().to_string();
    let at = |tenant: &str| format!("https://login.microsoftonline.com/{tenant}/v2.0");
    assert_eq!(issuer(&[]), at("organizations"));
    assert_eq!(
        issuer(&[("tenant", "contoso.example")]),
        at("contoso.example")
    );
    let error = entra(&[("host", "x")]).unwrap_err();
    assert_eq!(error.to_string(), "host is not a key of this preset");
    let error = entra(&[("tenant", "https://x")]).unwrap_err();
    assert!(
        error.to_string().starts_with("tenant must be a name"),
        "{error}"
    );
    let github = completed("github");
    assert_eq!(
        github.revocation_endpoint.unwrap().as_str(),
        "https://api.host.example/applications/client-1/grant"
    );
    let issuer = github.quirks.authorization.response_issuer;
    assert_eq!(issuer.as_deref(), Some("https://host.example/login/oauth"));
}

// Auth0, "Call your API using the device authorization flow": `audience` is optional in both flows.
#[test]
fn optional_parameters_are_left_out() {
    for (audience, count) in [
        (None, 0),
        (Some(""), 0),
        (Some("https://api.example.com/"), 1),
    ] {
        let mut values = given(&[("domain", "example.eu.auth0.com")]);
        values.extend(audience.map(|audience| ("audience".to_owned(), audience.to_owned())));
        let settings = ProviderSettings::new(ProviderName::new("x"), "client-1");
        let auth0 = Profile::named("auth0").unwrap();
        let settings = auth0.complete(settings, None, &values).unwrap();
        assert_eq!(settings.authorization_parameters.len(), count);
        let parameters = settings.quirks.device.parameters;
        let told = audience.filter(|_| count > 0);
        assert_eq!(parameters.get("audience").map(String::as_str), told);
        assert_eq!(
            settings.issuer.unwrap().as_str(),
            "https://example.eu.auth0.com/"
        );
    }
}

// Google, "OAuth 2.0 for TV and limited-input devices": the device flow permits only a few scopes
// (git-credential-oauth issue 38).
#[test]
fn scopes_choose_the_flow() {
    let google = Profile::named("google").unwrap();
    let complete = |scope: &str, flow| {
        let settings = ProviderSettings {
            scopes: vec!["openid".to_owned(), scope.to_owned()],
            ..ProviderSettings::new(ProviderName::new("x"), "client-1")
        };
        google.complete(settings, flow, &BTreeMap::new()).unwrap()
    };
    let gmail = "https://mail.google.com/";
    assert_eq!(complete("email", None).flow, Flow::Device);
    assert_eq!(complete(gmail, None).flow, Flow::AuthorizationCode);
    let refused = "https://www.googleapis.com/auth/drive.appdata";
    assert_eq!(complete(refused, None).flow, Flow::AuthorizationCode);
    let device = complete(gmail, Some(Flow::Device));
    let error = make(device);
    let error = error.err().unwrap().to_string();
    assert!(
        error.contains(gmail) && error.contains("authorization_code"),
        "{error}"
    );
}

#[test]
fn scopes_that_refreshing_needs() {
    let complaint = |name: &str, scopes: &[&str]| {
        let settings = ProviderSettings {
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            ..completed(name)
        };
        let made = make(settings);
        made.err().map(|error| error.to_string())
    };
    for name in ["entra", "okta", "auth0", "keycloak", "atlassian"] {
        let told = complaint(name, &["openid"]).unwrap();
        assert!(
            told.starts_with("scopes lacks \"offline_access\""),
            "{name}: {told}"
        );
        assert_eq!(complaint(name, &["openid", "offline_access"]), None);
    }
    // Salesforce accepts either name.
    assert!(complaint("salesforce", &["api"]).is_some());
    assert_eq!(complaint("salesforce", &["api", "offline_access"]), None);
}

// Unless the profile defines another meaning, error codes have the meaning of RFC 6749 and RFC 8628.
#[tokio::test]
async fn the_words_of_the_rfcs_hold_everywhere() {
    for name in Profile::names().filter(|name| completed(name).flow == Flow::Device) {
        for (error, expected) in [
            ("authorization_pending", "pending"),
            ("slow_down", "slow down None"),
            ("access_denied", "denied"),
            ("expired_token", "expired"),
            ("invalid_client", "misconfigured invalid_client"),
            ("temporarily_unavailable", "unavailable"),
        ] {
            let (subject, _stub) = saying(name, 400, &json!({"error": error})).await;
            assert_eq!(step(&subject.redeem().await), expected, "{name}");
        }
    }
}
