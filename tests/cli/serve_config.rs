//! Invalid settings of `serve`: one line that names the variable, without its value if that is secret.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;

use super::documents::known_variables;
use super::machine::{Machine, Run, names};
use crate::support::http;
use crate::support::service::Service;

const KEY: &str = Service::SECRET_KEY;
const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Part of every value below that must not be printed.
const SECRET: &str = "hunter2";

/// Values that are wrong by themselves.
const WRONG: &[(&str, &str)] = &[
    ("SECRET_KEY", ""),
    ("SECRET_KEY", "hunter2"),
    (
        "SECRET_KEY",
        "hunter2hunter2hunter2hunter2hunter2hunter2hunter2hunter2hunter2h",
    ),
    ("SECRET_KEY", ZEROS),
    ("PREVIOUS_SECRET_KEYS", "hunter2"),
    ("DATABASE_URL", "mysql://me:hunter2@db/tokens"),
    (
        "DATABASE_URL",
        "postgres://me:hunter2@db/tokens?sslmod=require",
    ),
    ("DATABASE_URL", " sqlite://hunter2"),
    ("DATABASE_URL", "sqlite://hunter2 \n"),
    ("DB_PATH", " hunter2"),
    ("DB_PATH", "hunter2\n"),
    ("DATABASE_MAX_CONNECTIONS", "1"),
    ("DATABASE_CONNECT_TIMEOUT", "0"),
    ("DATABASE_STATEMENT_TIMEOUT", "2 s"),
    ("DATABASE_URL", "hunter2"),
    ("LISTEN_ADDR", "localhost:8080"),
    ("LISTEN_ADDR", "8080"),
    ("LISTEN_ADDR", "127.0.0.1:65536"),
    ("PUBLIC_URL", "auth.example.com"),
    ("PUBLIC_URL", "ftp://auth.example.com"),
    ("PUBLIC_URL", "https://auth.example.com/#part"),
    ("PUBLIC_URL", "https://auth.example.com?a=b"),
    ("PUBLIC_URL", "https://me:hunter2@auth.example.com"),
    ("PUBLIC_URL", "https://:hunter2@auth.example.com"),
    ("ALLOWED_HOSTS", "auth.example.com, https://hunter2"),
    ("ALLOWED_HOSTS", "*"),
    ("ALLOWED_HOSTS", "auth.example.com, *.example.com"),
    ("ALLOWED_HOSTS", ".example.com"),
    ("TOKEN_CACHE", "yes"),
    ("TRUSTED_PROXIES", "10.0.0.0/33"),
    ("TRUSTED_PROXIES", "127.0.0.1, proxy.example.com"),
    ("TRUSTED_PROXIES", "::ffff:10.0.0.5"),
    ("AUDIT_NETWORK", "hunter2"),
    ("AUDIT_RETENTION", "hunter2"),
    ("AUDIT_RETENTION", "59"),
    ("ADMIN_KEY", "hunter2"),
    ("ADMIN_KEY", "hunter2 with blanks in it"),
    ("ADMIN_KEY", "hunter2hunter2h"),
    ("ENROLL_KEY", "hunter2"),
    ("ENROLL_NETWORKS", "10.0.0.0/8, hunter2"),
    ("KMS", "central-oauth"),
    ("KMS", "http://vault.example.com/v1/transit/keys/x"),
    ("KMS_GRACE", "an hour"),
    ("OPERATOR_KEYS", "hunter2"),
    (
        "OPERATOR_KEYS",
        "[[operator]]\nname = 'x'\nrole = 'admin'\nkey = 'hunter2'",
    ),
    ("OPERATOR_NAME", "hunter2\u{202e}"),
    ("OPERATOR_CONTACT", "javascript:hunter2"),
    ("OPERATOR_LOGO_FILE", "hunter2"),
    ("LINK_CODE_TTL", "0"),
    ("LINK_CODE_TTL", "1801"),
    ("LINK_CODE_TTL", "10m"),
    ("POLL_INTERVAL", "0"),
    ("POLL_INTERVAL", "61"),
    ("RETURN_CODE", "yes"),
    ("REFRESH_AT_LEAST", "daily"),
    ("PROVIDER_TIMEOUT", "0"),
    ("PROVIDER_TIMEOUT", "121"),
    ("PROVIDERS", "missing.toml"),
    ("WEBHOOKS", "missing.toml"),
    ("WORKLOADS", "missing.toml"),
    ("PROVIDER_ISSUER", "https://login.example.com"),
    ("PROVIDER_CLIENT_SECRET", "hunter2"),
    ("PROVIDER_SCOPES", "profile"),
    ("PROVIDER_NAME", "work"),
    ("PROVIDER_DISPLAY_NAME", "Work"),
    ("LOG", "verbose"),
    ("LOG", "central-oauth"),
    ("LOG", "info,central_oauth=loud"),
    ("LOG", "[refresh{account=1}]=debug"),
    ("LOG", ","),
    ("LOG_FORMAT", "xml"),
    ("METRICS_ADDR", "9464"),
];

/// Values that are wrong for a provider with a client id and an issuer.
const WRONG_OF_PROVIDER: &[(&str, &str)] = &[
    ("PROVIDER_ISSUER", "login.example.com"),
    ("PROVIDER_ISSUER", "http://login.example.com"),
    ("PROVIDER_ISSUER", "https://me:hunter2@login.example.com"),
    ("PROVIDER_SCOPES", "pro\\file"),
    ("PROVIDER_NAME", "at work"),
    ("PROVIDER_CONSENT_NAME", "hunter2\u{200b}"),
    ("PROVIDER_DEVICE_AUTHORIZATION_ENDPOINT", "/device"),
    ("PROVIDER_TOKEN_ENDPOINT", "http://login.example.com/token"),
    ("PROVIDER_PRESET", "nonesuch"),
    ("PROVIDER_HOST", "meant-for-a-preset"),
    ("PROVIDER_DOMAIN", "meant-for-a-preset"),
    ("PROVIDER_REALM", "meant-for-a-preset"),
    ("PROVIDER_TENANT", "meant-for-a-preset"),
    ("PROVIDER_AUDIENCE", "meant-for-a-preset"),
    ("PROVIDER_FLOW", "implicit"),
    (
        "PROVIDER_AUTHORIZATION_ENDPOINT",
        "http://login.example.com/authorize",
    ),
    ("PROVIDER_REVOCATION_ENDPOINT", "http://10.0.0.1/"),
    ("PROVIDER_USERINFO_ENDPOINT", "file:///etc/passwd"),
    ("PROVIDER_TRACE_CONTEXT", "yes"),
    ("PROVIDER_TOKEN_ENDPOINT_AUTH_METHOD", "basic"),
    ("PROVIDER_TOKEN_ENDPOINT_AUTH_METHOD", "client_secret_post"),
];

/// The variable at fault, and the settings that are wrong together.
type Mistake<'a> = (&'a str, &'a [(&'a str, &'a str)]);

const MISTAKES: &[Mistake] = &[
    ("TLS_CERT_FILE", &[("TLS_KEY_FILE", "key")]),
    ("TLS_KEY_FILE", &[("TLS_CERT_FILE", "key")]),
    (
        "ENROLL_KEY",
        &[
            ("ADMIN_KEY", "hunter2hunter2hunter2"),
            ("ENROLL_KEY", "hunter2hunter2hunter2"),
        ],
    ),
    (
        "KMS_TOKEN",
        &[("KMS", "https://vault.example.com/v1/transit/keys/x")],
    ),
    (
        "KMS",
        &[
            (
                "KMS",
                "pkcs11:token=t;object=k?module-path=/m.so&pin-value=hunter2",
            ),
            ("KMS_PIN", "hunter2"),
        ],
    ),
    (
        "KMS_PIN",
        &[("KMS", "pkcs11:token=t;object=k?module-path=/m.so")],
    ),
    ("PROVIDER_DEVICE_AUTHORIZATION_ENDPOINT", &[CLIENT]),
    (
        "PROVIDER_TOKEN_ENDPOINT",
        &[
            CLIENT,
            (
                "PROVIDER_DEVICE_AUTHORIZATION_ENDPOINT",
                "https://login.example.com",
            ),
        ],
    ),
    (
        "ADMIN_KEY_FILE",
        &[
            ("ADMIN_KEY", "hunter2hunter2hunter2"),
            ("ADMIN_KEY_FILE", "key"),
        ],
    ),
    (
        "PROVIDER_CLIENT_SECRET_FILE",
        &[CLIENT, ISSUER, ("PROVIDER_CLIENT_SECRET_FILE", "missing")],
    ),
];

/// Files of secrets that are wrong.
const WRONG_FILES: &[(&str, &str)] = &[
    ("ADMIN_KEY_FILE", "missing"),
    ("ADMIN_KEY_FILE", "empty"),
    ("DATABASE_URL_FILE", "missing"),
    ("ENROLL_KEY_FILE", "/dev/zero"),
    ("PREVIOUS_SECRET_KEYS_FILE", "."),
    ("SECRET_KEY_FILE", "key"),
    ("SECRET_KEY_FILE", SECRET),
];

const CLIENT: (&str, &str) = ("PROVIDER_CLIENT_ID", "central-oauth");
const ISSUER: (&str, &str) = ("PROVIDER_ISSUER", "https://login.example.com");
/// Valid unless overridden above. No other machine is contacted before a person comes.
const GOOD: [(&str, &str); 2] = [("SECRET_KEY", KEY), ("LISTEN_ADDR", "127.0.0.1:0")];
/// Variables without a wrong value in the lists above: those of the client commands, and the client id of a provider.
const ELSEWHERE: [&str; 4] = ["ACCESS_KEY", "ID_TOKEN", "PROVIDER_CLIENT_ID", "SERVER"];

/// Returns each variable at fault, with the settings.
fn mistakes() -> impl Iterator<Item = (&'static str, Vec<(&'static str, &'static str)>)> {
    let alone = WRONG.iter().chain(WRONG_FILES);
    let alone = alone.map(|wrong| (wrong.0, vec![*wrong]));
    let of_provider = WRONG_OF_PROVIDER.iter();
    let of_provider = of_provider.map(|wrong| (wrong.0, vec![CLIENT, ISSUER, *wrong]));
    let together = MISTAKES.iter();
    let together = together.map(|(variable, settings)| (*variable, settings.to_vec()));
    alone.chain(of_provider).chain(together)
}

async fn serve(machine: &Machine, settings: &[(&str, &str)]) -> Run {
    let settings = [&GOOD[..], settings].concat();
    machine.run_with(&settings, &["serve"]).await.expect(1)
}

#[tokio::test]
async fn each_mistake_is_one_line_that_names_the_variable() {
    let machine = Machine::new();
    std::fs::write(machine.work().join("empty"), "\n").unwrap();
    std::fs::write(machine.work().join("key"), SECRET).unwrap();
    for (variable, settings) in mistakes() {
        let run = serve(&machine, &settings).await;
        let line = run.only_line();
        let expected = format!("central-oauth: CENTRAL_OAUTH_{variable}: ");
        assert!(line.starts_with(&expected), "{settings:?}: {line}");
        assert!(line.len() > expected.len() + 5, "{settings:?}: {line}");
        assert!(!line.contains(SECRET), "{settings:?}: {line}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_details_of_the_operator() {
    let machine = Machine::new();
    let large = [&b"\x89PNG\r\n\x1a\n"[..], &vec![0; 256 * 1024]].concat();
    std::fs::write(machine.work().join("large.png"), large).unwrap();
    std::fs::write(machine.work().join("logo.gif"), b"GIF89a").unwrap();
    let contact = "must be an https or mailto address, such as mailto:help@example.com";
    let hidden = "holds U+200B, which is invisible or changes how other characters look";
    let long = "x".repeat(101);
    for (variable, value, problem) in [
        ("OPERATOR_NAME", "  ", "is blank"),
        ("OPERATOR_NAME", "Ba\u{200b}nk", hidden),
        ("OPERATOR_NAME", &long, "is longer than 100 characters"),
        ("OPERATOR_CONTACT", "help@example.com", contact),
        ("OPERATOR_CONTACT", "http://example.com", contact),
        ("OPERATOR_CONTACT", "https://a@example.com", contact),
        (
            "OPERATOR_LOGO_FILE",
            "logo.gif",
            "the file is neither a PNG nor an SVG picture",
        ),
        (
            "OPERATOR_LOGO_FILE",
            "large.png",
            "the file is larger than 256 KiB",
        ),
        (
            "OPERATOR_LOGO_FILE",
            "missing.png",
            "the file cannot be read: No such file or directory (os error 2)",
        ),
    ] {
        let run = serve(&machine, &[(variable, value)]).await;
        let line = format!("central-oauth: CENTRAL_OAUTH_{variable}: {problem}");
        assert_eq!(run.only_line(), line);
    }
}

#[test]
fn every_variable_has_a_mistake() {
    let tried = mistakes().map(|(variable, _)| variable.to_owned());
    let tried = BTreeSet::from_iter(tried);
    let known = known_variables();
    assert_eq!(Vec::from_iter(known.difference(&tried)), ELSEWHERE);
}

#[tokio::test]
async fn what_is_not_utf_8_is_named() {
    let machine = Machine::new();
    let mut command = machine.command_with(&GOOD, &["serve"]);
    command.env("CENTRAL_OAUTH_ADMIN_KEY", OsStr::from_bytes(b"hunter2\xff"));
    let run = Run::of(command).await.expect(1);
    let expected = "central-oauth: CENTRAL_OAUTH_ADMIN_KEY: is not UTF-8";
    assert_eq!(run.only_line(), expected);
}

#[tokio::test]
async fn a_place_without_a_database_is_one_line_too() {
    let machine = Machine::new();
    let folder = machine.work().display().to_string();
    for path in ["/dev/null/db.sqlite3", "missing/db.sqlite3", &folder] {
        let run = serve(&machine, &[("DB_PATH", path)]).await;
        assert!(run.only_line().contains(path), "{run:?}");
    }
    std::fs::write(
        machine.work().join("text"),
        "not a database, but long enough".repeat(99),
    )
    .unwrap();
    let run = serve(&machine, &[("DB_PATH", "text")]).await;
    assert!(run.only_line().contains("text"), "{run:?}");
    assert_eq!(names(&machine.work()), ["text"]);
}

/// Root may do everything; here it loses the capability to ignore the permissions of files.
#[tokio::test]
async fn a_database_that_may_not_be_written_says_what_is_missing() {
    let machine = Machine::new();
    let settings = [GOOD[0], ("DB_PATH", "data/db.sqlite3")];
    let folder = machine.work().join("data");
    let database = folder.join("db.sqlite3");
    std::fs::create_dir(&folder).unwrap();
    machine.run_with(&settings, &["migrate"]).await.expect(0);
    let binary = env!("CARGO_BIN_EXE_central-oauth");
    let script = format!(
        "test $(id -u) = 0 && exec setpriv --bounding-set -dac_override,-dac_read_search {binary} serve; exec {binary} serve"
    );
    for (of_folder, of_database) in [(0o500, 0o600), (0o700, 0o400), (0o700, 0o000)] {
        let allow =
            |path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode));
        allow(&database, of_database).unwrap();
        allow(&folder, of_folder).unwrap();
        let mut command = machine.shell(&settings, &script);
        command.env("CENTRAL_OAUTH_LISTEN_ADDR", "127.0.0.1:0");
        let run = Run::of(command).await.expect(1);
        allow(&folder, 0o700).unwrap();
        let line = run.stderr.lines().last().unwrap();
        assert!(line.contains("data/db.sqlite3 cannot be used"), "{run:?}");
        assert!(
            line.contains("may read and write the database file and its folder"),
            "{run:?}"
        );
    }
}

#[tokio::test]
async fn secrets_are_read_from_files() {
    let mut service = Service::prepare(&[]);
    let files = service.file("secrets");
    std::fs::create_dir(&files).unwrap();
    for (name, secret) in [("SECRET_KEY", KEY), ("ADMIN_KEY", Service::ADMIN_KEY)] {
        let path = files.join(name);
        std::fs::write(&path, format!("{secret}\n")).unwrap();
        service.set(name, "");
        service.set(&format!("{name}_FILE"), &path.display().to_string());
    }
    service.run().await;
    let list = http::client().get(service.url("/v1/accounts"));
    let list = http::send(list.bearer_auth(Service::ADMIN_KEY)).await;
    list.expect(200);
}

#[tokio::test]
async fn a_world_readable_database_is_rejected_with_the_command_that_fixes_it() {
    let machine = Machine::new();
    let database = machine.work().join("db.sqlite3");
    let public = |by_others: u32| {
        let mode = std::fs::Permissions::from_mode(0o600 | by_others);
        std::fs::set_permissions(&database, mode).unwrap();
    };
    std::fs::write(&database, "").unwrap();
    for by_others in [0o004, 0o002] {
        public(by_others);
        let run = serve(&machine, &[("DB_PATH", "db.sqlite3")]).await;
        let line = run.only_line();
        assert!(line.contains("run `chmod o-rwx 'db.sqlite3'`"), "{line}");
    }
    let run = machine.run_with(&[GOOD[0], ("DB_PATH", "db.sqlite3")], &["migrate"]);
    run.await.expect(0);
    assert_eq!(
        database.metadata().unwrap().permissions().mode() & 0o777,
        0o602
    );
}

#[tokio::test]
async fn a_database_that_is_no_regular_file_is_rejected_without_a_command() {
    let machine = Machine::new();
    for path in ["/dev/null", ".", "/tmp"] {
        let run = serve(&machine, &[("DB_PATH", path)]).await;
        let line = run.only_line();
        assert!(line.contains("is not a regular file"), "{line}");
        assert!(!line.contains("chmod"), "{line}");
    }
}

#[tokio::test]
async fn unknown_variables_are_only_warned_about() {
    let service = Service::start(&[
        // Kubernetes adds these variables for a service of this name.
        ("PORT", "tcp://10.0.0.1:8080"),
        ("SERVICE_HOST", "10.0.0.1"),
        ("SECRETKEY", "hunter2"),
        ("PUBLIC_URI", ""),
    ])
    .await;
    let logs = service.logs();
    for expected in [
        "CENTRAL_OAUTH_PORT is unknown",
        "CENTRAL_OAUTH_SERVICE_HOST is unknown",
        "CENTRAL_OAUTH_SECRETKEY is unknown; did you mean CENTRAL_OAUTH_SECRET_KEY?",
    ] {
        assert!(logs.contains(expected), "no {expected:?} in {logs}");
    }
    assert!(
        !logs.contains("PUBLIC_URI"),
        "an empty value counts as unset: {logs}"
    );
    assert!(!logs.contains(SECRET) && !logs.contains("tcp://"), "{logs}");
}
