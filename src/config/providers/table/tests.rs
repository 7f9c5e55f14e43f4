//! Tables as operators write them.

use super::*;

fn settings(text: &str) -> Result<ProviderSettings, String> {
    let table: Table = toml::from_str(text).expect("no table");
    table.settings("work", &Environment::default(), Duration::from_secs(1))
}

#[test]
fn every_value_of_a_preset_can_be_overridden() {
    let entra = settings(
        r#"
        preset = "entra"
        client_id = "a"
        issuer = "https://login.microsoftonline.us/organizations/v2.0"
        device_authorization_endpoint = "https://login.microsoftonline.us/organizations/oauth2/v2.0/devicecode"
        authorization_endpoint = ""
        token_endpoint = ""
        quirks.identity.issuer_template = "https://login.microsoftonline.us/{tenantid}/v2.0"
        "#,
    );
    let entra = entra.expect("no settings");
    let hosts = entra.device_authorization_endpoint.iter();
    let hosts: Vec<_> = hosts.filter_map(Url::host_str).collect();
    assert_eq!(hosts, ["login.microsoftonline.us"]);
    let others = [entra.authorization_endpoint, entra.token_endpoint];
    assert_eq!(others, [None, None], "its metadata says");
    let entra = entra.quirks;
    let template = entra.identity.issuer_template.as_deref();
    assert_eq!(
        template,
        Some("https://login.microsoftonline.us/{tenantid}/v2.0")
    );
    assert!(entra.device.refuses_secret, "the rest stays");
    assert_eq!(entra.refresh.lasts, Some(7_776_000));

    for (grant_lasts, expected) in [
        ("", Some(31_536_000)),
        ("quirks.refresh.grant_lasts = 0", None),
    ] {
        let atlassian = settings(&format!(
            "preset = \"atlassian\"\nclient_id = \"a\"\n{grant_lasts}"
        ));
        let atlassian = atlassian.expect("no settings").quirks;
        assert_eq!(atlassian.refresh.grant_lasts, expected);
        assert!(atlassian.refresh.use_renews, "the rest stays");
    }

    let keycloak = settings(
        r#"
        preset = "keycloak"
        host = "sso.example.com"
        realm = "work"
        client_id = "a"
        scopes = ["openid"]
        [quirks.scopes]
        for_refresh = []
        [authorization_parameters]
        kc_idp_hint = "github"
        "#,
    );
    let keycloak = keycloak.expect("no settings");
    assert!(keycloak.quirks.scopes.for_refresh.is_empty());
    assert_eq!(keycloak.quirks.scopes.for_identity, ["openid"]);
    let hint = ("kc_idp_hint".to_owned(), "github".to_owned());
    assert_eq!(keycloak.authorization_parameters, [hint]);

    let google = settings(
        r#"
        preset = "google"
        client_id = "a"
        authorization_parameters.prompt = "select_account consent"
        "#,
    );
    let given = google.expect("no settings").authorization_parameters;
    let prompts = given.iter().filter(|(name, _)| name == "prompt");
    assert_eq!(prompts.count(), 1);
    assert!(given.iter().any(|(name, _)| name == "access_type"));
}

#[test]
fn an_empty_text_removes_the_presets_value() {
    let google = settings(
        r#"
        preset = "google"
        client_id = "a"
        client_secret = "b"
        revocation_endpoint = ""
        userinfo_endpoint = ""
        token_endpoint_auth_method = ""
        authorization_parameters.prompt = ""
        quirks.refresh.lasts = 0
        "#,
    );
    let google = google.expect("no settings");
    assert!(google.revocation_endpoint.is_none() && google.userinfo_endpoint.is_none());
    assert!(google.token_endpoint_auth_method.is_none());
    assert!(google.token_endpoint.is_some(), "the rest stays");
    let left = [("access_type".to_owned(), "offline".to_owned())];
    assert_eq!(google.authorization_parameters, left);
    assert_eq!(google.quirks.refresh.lasts, None);

    let slack = settings(
        r#"
        preset = "slack"
        client_id = "a"
        [quirks.revocation]
        success_member = ""
        takes = ""
        "#,
    );
    let quirks = slack.expect("no settings").quirks.revocation;
    assert_eq!((quirks.success_member, quirks.takes), (None, None));
    assert!(quirks.leaves_grant, "the rest stays");

    let plain = settings(
        r#"
        client_id = "a"
        issuer = "https://a.example"
        revocation_endpoint = ""
        quirks.device.parameters.resource = ""
        quirks.token.default_expires_in = 0
        quirks.authorization.response_issuer = ""
        "#,
    );
    let plain = plain.expect("no settings");
    assert_eq!(plain.revocation_endpoint, None);
    assert!(plain.quirks.device.parameters.is_empty());
    assert_eq!(plain.quirks.token.default_expires_in, None);
    assert_eq!(plain.quirks.authorization.response_issuer, None);
    for wrong in [
        "quirks.revocation.take = \"\"",
        "quirks.revocation.takes = \"all\"",
    ] {
        assert!(settings(&format!("client_id = \"a\"\n{wrong}")).is_err());
    }
}

#[test]
fn quirks_work_without_a_preset() {
    let plain = settings(
        r#"
        client_id = "a"
        device_authorization_endpoint = "https://a.example/device"
        token_endpoint = "https://a.example/token"
        device_token_endpoint = "https://a.example/device/token"
        authorization_parameters = { audience = "https://api.example" }
        quirks.token.default_expires_in = 900
        quirks.device.parameters.resource = "x"
        "#,
    );
    let plain = plain.expect("no settings");
    assert_eq!(plain.quirks.token.default_expires_in, Some(900));
    assert_eq!(plain.quirks.device.parameters["resource"], "x");
    assert!(plain.device_token_endpoint.is_some());
    assert_eq!(plain.authorization_parameters.len(), 1);
}

#[test]
fn every_placeholder_of_every_preset_has_a_key() {
    for name in Profile::names() {
        let Ok(profile) = Profile::named(name) else {
            panic!("{name}");
        };
        for key in profile.placeholders.keys() {
            let mut table: Table = toml::from_str(&format!("{key} = \"x\"")).expect(name);
            assert_eq!(table.take_placeholders().len(), 1, "{name} {key}");
        }
    }
}

#[test]
fn the_operator_s_extra_replaces_the_preset_s() {
    let extra = |line: &str| {
        let table = format!("preset = \"salesforce\"\nclient_id = \"a\"\n{line}");
        settings(&table).expect("no settings").extra
    };
    assert_eq!(extra(""), ["instance_url"]);
    assert_eq!(extra("extra = [\"id\", \"team.id\"]"), ["id", "team.id"]);
    assert!(extra("extra = []").is_empty());
}

#[test]
fn words_for_people_are_those_of_the_table_and_of_the_preset() {
    let github = settings(
        r#"
        preset = "github"
        client_id = "a"
        consent_name = " Example Link "
        scope_words = { "repo" = "Alles lesen und schreiben", "x:y" = "Tun" }
        "#,
    );
    let github = github.expect("no settings");
    assert_eq!(github.consent_name.as_deref(), Some("Example Link"));
    let said = |scope: &str| {
        let words = &github.scope_words[scope];
        (words.text.as_str(), words.language)
    };
    assert_eq!(said("repo"), ("Alles lesen und schreiben", None));
    assert_eq!(said("x:y"), ("Tun", None));
    assert_eq!(said("gist").1, Some("en"));
    let plain = settings("preset = \"github\"\nclient_id = \"a\"\nconsent_name = \"\"");
    assert_eq!(plain.expect("no settings").consent_name, None);
}

#[test]
fn what_copying_adds_to_an_id_or_a_secret_is_noticed() {
    for wrong in ["", " ", "a ", "\u{feff}a", "a\nb", "a\u{0}"] {
        let text = toml::Value::from(wrong).to_string();
        assert!(
            settings(&format!("client_id = {text}")).is_err(),
            "{wrong:?}"
        );
        let secret = format!("client_id = \"a\"\nclient_secret = {text}");
        assert!(settings(&secret).is_err(), "{wrong:?}");
    }
    assert!(settings("client_id = \"a b\"\nclient_secret = \"a b~\\n\"").is_ok());
}
