//! `config check`: the effective configuration, without secrets.

use super::documents::known_variables;
use super::machine::{Machine, Run, names};
use crate::support::service::Service;

const SECRET: &str = "hunter2hunter2hunter2";

const WORKLOADS: &str = r#"
[issuer.cluster]
preset = "kubernetes"
issuer = "https://kubernetes.example.com"
jwks_file = "keys.json"

[issuer.github]
preset = "github-actions"
audience = "central-oauth"

[workload.backup]
issuer = "cluster"
provider = "work"
may = ["link", "token"]
claims = { "kubernetes.io/namespace" = "prod" }
"#;

/// The key of RFC 8037 appendix A.2.
const PUBLIC_KEY: &str =
    r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

const PROVIDERS: &str = r#"
[work]
issuer = "https://login.example.com/realms/work"
client_id = "central-oauth"
client_secret = "hunter2hunter2hunter2"
scopes = ["openid", "offline_access"]
consent_name = "Example Link"
default = true
token_endpoint_auth_method = "client_secret_post"
extra = ["instance_url"]

[work.scope_words]
offline_access = "Work while you sleep"

[work.authorization_parameters]
prompt = "consent"
"#;

#[tokio::test]
async fn prints_what_is_in_force_and_no_secret() {
    let machine = Machine::new();
    std::fs::write(machine.work().join("providers.toml"), PROVIDERS).unwrap();
    std::fs::write(machine.work().join("workloads.toml"), WORKLOADS).unwrap();
    let keys = format!(r#"{{"keys":[{PUBLIC_KEY}]}}"#);
    std::fs::write(machine.work().join("keys.json"), keys).unwrap();
    std::fs::write(machine.work().join("admin.key"), SECRET).unwrap();
    std::fs::write(machine.work().join("logo.svg"), "<svg/>").unwrap();
    let settings = [
        ("SECRET_KEY", Service::SECRET_KEY),
        (
            "DATABASE_URL",
            "postgres://me:hunter2@db.example.com/tokens",
        ),
        ("PUBLIC_URL", "https://auth.example.com"),
        ("OPERATOR_NAME", " Example Ltd "),
        ("OPERATOR_CONTACT", "mailto:help@example.com"),
        ("OPERATOR_LOGO_FILE", "logo.svg"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1"),
        ("ENROLL_NETWORKS", "10.0.0.0/8, 192.0.2.1"),
        ("ADMIN_KEY_FILE", "admin.key"),
        ("KMS", "https://vault.example.com/v1/transit/keys/tokens"),
        ("KMS_TOKEN", SECRET),
        ("KMS_PIN", SECRET),
        ("PROVIDERS", "providers.toml"),
        ("WORKLOADS", "workloads.toml"),
        ("LOG", "info,central_oauth=debug"),
        ("LINK_CODE_TTL", "300"),
    ];
    let run = machine.run_with(&settings, &["config", "check"]).await;
    let run = run.expect(0);
    let idle = "CENTRAL_OAUTH_KMS is set, but CENTRAL_OAUTH_SECRET_KEY is in plain text";
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    assert!(run.stderr.contains(idle), "{}", run.stderr);
    for line in [
        "CENTRAL_OAUTH_SECRET_KEY=(secret)",
        "CENTRAL_OAUTH_KMS=https://vault.example.com/v1/transit/keys/tokens",
        "CENTRAL_OAUTH_KMS_GRACE=3600",
        "CENTRAL_OAUTH_KMS_TOKEN=(secret)",
        "CENTRAL_OAUTH_KMS_PIN=(secret)",
        "  not asked: no secret key is wrapped; `central-oauth wrap-key` wraps one",
        "CENTRAL_OAUTH_ADMIN_KEY=(secret)",
        "CENTRAL_OAUTH_OPERATOR_KEYS=",
        "CENTRAL_OAUTH_ENROLL_KEY=",
        "CENTRAL_OAUTH_DB_PATH=",
        "CENTRAL_OAUTH_DATABASE_URL=postgres://db.example.com:5432/tokens",
        "CENTRAL_OAUTH_LISTEN_ADDR=127.0.0.1:8080",
        "CENTRAL_OAUTH_PUBLIC_URL=https://auth.example.com/",
        "CENTRAL_OAUTH_TRUSTED_PROXIES=10.0.0.0/8,192.0.2.1/32",
        "CENTRAL_OAUTH_ENROLL_NETWORKS=10.0.0.0/8,192.0.2.1/32",
        "CENTRAL_OAUTH_OPERATOR_NAME=Example Ltd",
        "CENTRAL_OAUTH_OPERATOR_CONTACT=mailto:help@example.com",
        "CENTRAL_OAUTH_OPERATOR_LOGO_FILE=logo.svg",
        "CENTRAL_OAUTH_LOG=info,central_oauth=debug",
        "CENTRAL_OAUTH_LINK_CODE_TTL=300",
        "CENTRAL_OAUTH_POLL_INTERVAL=2",
        "OTEL_TRACES_EXPORTER=none",
        "provider work of providers.toml, the default",
        "  issuer = https://login.example.com/realms/work",
        "  client_secret = (secret)",
        "  scopes = openid offline_access",
        "  consent_name = Example Link",
        "  token_endpoint_auth_method = client_secret_post",
        "  extra = instance_url",
        "  trace_context = false",
        "  scope_words.\"openid\" = Know who you are",
        "  scope_words.\"offline_access\" = Work while you sleep",
        "  authorization_parameters.prompt = consent",
        "workload issuer cluster",
        "  issuer = https://kubernetes.example.com",
        "  audience = https://auth.example.com",
        "workload issuer github",
        "  issuer = https://token.actions.githubusercontent.com",
        "  audience = central-oauth",
    ] {
        let found = run.stdout.lines().any(|printed| printed == line);
        assert!(found, "no {line:?} in\n{}", run.stdout);
    }
    assert!(!run.stdout.contains("hunter2"), "{}", run.stdout);
    assert!(!run.stdout.contains(Service::SECRET_KEY), "{}", run.stdout);
    assert_eq!(names(&machine.work()).len(), 5, "a database was made");
}

#[tokio::test]
async fn warns_of_two_providers_with_one_client() {
    let machine = Machine::new();
    let table = |name: &str, client: &str, end: &str| {
        format!("[{name}]\nclient_id = {client:?}\nissuer = \"https://login.example.com{end}\"\n")
    };
    let tables = [
        table("drive", "a", ""),
        table("mail", "a", "/"),
        table("notes", "b", ""),
        table("work", "a", "/work"),
    ];
    std::fs::write(machine.work().join("providers.toml"), tables.concat()).unwrap();
    let settings = [
        ("SECRET_KEY", Service::SECRET_KEY),
        ("PROVIDERS", "providers.toml"),
    ];
    let run = machine.run_with(&settings, &["config", "check"]).await;
    let stderr = run.expect(0).stderr;
    let warned = "the providers drive and mail have the same client id";
    assert!(stderr.contains(warned), "{stderr}");
    assert_eq!(stderr.matches("same client id").count(), 1, "{stderr}");
}

#[tokio::test]
async fn a_byte_order_mark_is_no_part_of_a_file() {
    let machine = Machine::new();
    let keys = format!(r#"{{"keys":[{PUBLIC_KEY}]}}"#);
    for (name, text) in [
        ("providers.toml", PROVIDERS),
        ("workloads.toml", WORKLOADS),
        ("keys.json", &keys),
        ("secret.key", Service::SECRET_KEY),
    ] {
        std::fs::write(machine.work().join(name), format!("\u{feff}{text}")).unwrap();
    }
    let settings = [
        ("SECRET_KEY_FILE", "secret.key"),
        ("PUBLIC_URL", "https://auth.example.com"),
        ("TRUSTED_PROXIES", "10.0.0.0/8"),
        ("PROVIDERS", "providers.toml"),
        ("WORKLOADS", "workloads.toml"),
    ];
    let run = machine.run_with(&settings, &["config", "check"]).await;
    let run = run.expect(0);
    assert_eq!(run.stderr, "");
    assert!(
        run.stdout.contains("\nworkload issuer cluster\n"),
        "{run:?}"
    );
}

#[tokio::test]
async fn prints_every_variable_of_the_service() {
    let settings = [("SECRET_KEY", Service::SECRET_KEY)];
    let run = Machine::new()
        .run_with(&settings, &["config", "check"])
        .await;
    let run = run.expect(0);
    assert!(run.stderr.contains("no provider is configured"), "{run:?}");
    let is_of_clients = |name: &str| matches!(name, "ACCESS_KEY" | "ID_TOKEN" | "SERVER");
    // PROVIDERS and PROVIDER_* are printed for each provider.
    let is_of_providers = |name: &str| name.starts_with("PROVIDER") && name != "PROVIDER_TIMEOUT";
    for name in known_variables() {
        let line = format!("CENTRAL_OAUTH_{name}=");
        let is_printed = run.stdout.lines().any(|printed| printed.starts_with(&line));
        let is_expected = !is_of_clients(&name) && !is_of_providers(&name);
        assert_eq!(is_printed, is_expected, "{name}");
    }
}

#[tokio::test]
async fn fails_as_serve_does() {
    let machine = Machine::new();
    let good = ("SECRET_KEY", Service::SECRET_KEY);
    let client = ("PROVIDER_CLIENT_ID", "central-oauth");
    let issuer = ("PROVIDER_ISSUER", "https://login.example.com");
    let provider = [good, client, issuer, ("PROVIDER_NAME", "work")];
    let workloads = [
        ("PUBLIC_URL", "https://auth.example.com"),
        ("WORKLOADS", "workloads.toml"),
    ];
    // The key file that `workloads.toml` names is missing.
    std::fs::write(machine.work().join("workloads.toml"), WORKLOADS).unwrap();
    for settings in [
        &[][..],
        &[good, ("LISTEN_ADDR", "8080")],
        &[good, ("LOG_FORMAT", "xml")],
        &[good, ("METRICS_ADDR", "9464")],
        &[
            good,
            ("TLS_CERT_FILE", "missing"),
            ("TLS_KEY_FILE", "missing"),
        ],
        &[good, client, issuer, ("PROVIDER_SCOPES", "\"profile\"")],
        &[&provider[..], &workloads].concat()[..],
    ] {
        // Any free port.
        let settings = [&[("LISTEN_ADDR", "127.0.0.1:0")], settings].concat();
        let checked = machine.run_with(&settings, &["config", "check"]).await;
        let served = machine.run_with(&settings, &["serve"]).await;
        assert_eq!(
            (checked.code, served.code),
            (Some(1), Some(1)),
            "{settings:?}"
        );
        // Warnings may come before the error, so only the last line counts.
        let reason = |run: &Run| run.stderr.lines().last().unwrap_or_default().to_owned();
        assert!(
            reason(&checked).starts_with("central-oauth: "),
            "{checked:?}"
        );
        assert_eq!(reason(&checked), reason(&served), "{settings:?}");
        assert_eq!(checked.stdout, "");
    }
}
