use super::*;

fn shown(url: &str) -> Result<String, InvalidDatabaseUrl> {
    url.parse::<DatabaseUrl>().map(|url| url.to_string())
}

#[test]
fn names_a_file() {
    for (url, path) in [
        ("sqlite://central-oauth.sqlite3", "central-oauth.sqlite3"),
        ("sqlite:///data/store.sqlite3", "/data/store.sqlite3"),
        ("sqlite:./store.sqlite3", "./store.sqlite3"),
        ("sqlite:///data/my%20store?mode=rwc", "/data/my store"),
    ] {
        let parsed = url.parse::<DatabaseUrl>();
        let parsed = parsed.as_ref().map(DatabaseUrl::path);
        assert_eq!(parsed, Ok(Some(Path::new(path))), "{url}");
    }
}

#[test]
fn names_a_server_and_keeps_its_password() {
    for (url, name) in [
        (
            "postgres://me:secret@db/tokens",
            "postgres://db:5432/tokens",
        ),
        (
            "postgresql://me:secret@10.0.0.7:6432/tokens?sslmode=verify-full",
            "postgres://10.0.0.7:6432/tokens",
        ),
        (
            "postgres:///tokens?host=/run/postgresql&user=me&password=secret",
            "postgres:///run/postgresql/tokens",
        ),
        (
            "postgres://me:secret@/tokens?host=/run/postgresql",
            "postgres:///run/postgresql/tokens",
        ),
        (
            "postgres://me:secret@[2001:db8::7]:6432/tokens?sslmode=require",
            "postgres://[2001:db8::7]:6432/tokens",
        ),
    ] {
        assert_eq!(shown(url).as_deref(), Ok(name), "{url}");
        let parsed = url.parse::<DatabaseUrl>();
        assert!(!format!("{parsed:?}").contains("secret"));
    }
}

#[test]
fn an_address_is_looked_up_without_its_brackets() {
    for url in [
        "postgres://me@[::1]/tokens",
        "postgres://me:host=secret@[::1]/tokens",
        "postgres://me@db/tokens?hostaddr=::1",
    ] {
        let DatabaseUrl(Place::Server(server)) = url.parse().unwrap() else {
            panic!("{url} is no server");
        };
        assert_eq!(server.options.get_host(), "::1", "{url}");
    }
}

#[test]
fn says_which_databases_it_knows_and_keeps_passwords_to_itself() {
    let message = shown("mysql://me:secret@db/tokens").map_err(|error| error.to_string());
    let expected = "knows only sqlite:// and postgres:// databases, not mysql://";
    assert_eq!(message, Err(expected.to_owned()));
}

#[test]
fn refuses_what_is_no_file() {
    use InvalidDatabaseUrl::{NoFile, NoScheme};
    for (url, error) in [
        ("", NoScheme),
        ("central-oauth.sqlite3", NoScheme),
        ("my secret: thing", NoScheme),
        ("sqlite://", NoFile),
        ("sqlite::memory:", NoFile),
        ("sqlite://x?mode=memory", NoFile),
    ] {
        assert_eq!(shown(url), Err(error), "{url:?}");
    }
    let odd = shown("sqlite://x?colour=red");
    assert!(matches!(odd, Err(InvalidDatabaseUrl::Malformed { .. })));
}

#[test]
fn refuses_what_a_server_would_be_reached_otherwise_by() {
    for (url, reason) in [
        ("postgres://me:secret@db:x/tokens", "invalid port number"),
        (
            "postgres://me:secret@db/tokens?sslmod=require",
            r#"unknown parameter "sslmod""#,
        ),
        ("postgres://me:secret@db/tokens?sslmode=must", "ssl"),
        ("postgres://me:my@secret#@db/tokens", "%23"),
        (
            "postgres://me:secret@db/tokens?statement-cache-capacity=100",
            "can only be 0",
        ),
    ] {
        let message = shown(url).map_err(|error| error.to_string()).unwrap_err();
        assert!(message.contains(reason), "{message}");
        assert!(!message.contains("secret"), "{message}");
    }
}

/// Returns the driver's options for a URL with these parameters.
fn options(parameters: &str) -> PgConnectOptions {
    let url = format!("postgres://me@db/tokens?{parameters}");
    let DatabaseUrl(Place::Server(server)) = url.parse().unwrap() else {
        panic!("{url} is no server");
    };
    server.options
}

#[test]
fn protects_from_no_less_than_libpq_would() {
    use PgSslMode::{Disable, Prefer, Require, VerifyFull};
    for (parameters, expected) in [
        ("sslmode=disable", Disable),
        ("sslmode=allow", Prefer),
        ("sslmode=prefer&sslrootcert=ca.pem", Prefer),
        ("sslmode=require", Require),
        ("sslmode=require&sslrootcert=ca.pem", VerifyFull),
        ("sslmode=verify-ca", VerifyFull),
        ("sslrootcert=ca.pem&sslmode=VERIFY-CA", VerifyFull),
        ("sslmode=verify-full", VerifyFull),
    ] {
        let told = options(parameters).get_ssl_mode();
        assert_eq!(format!("{told:?}"), format!("{expected:?}"), "{parameters}");
    }
}

/// libpq 16 treats `sslrootcert=system` in the same way.
#[test]
fn system_means_public_authorities_and_the_host() {
    for parameters in [
        "sslrootcert=system",
        "sslrootcert=system&sslmode=verify-full",
        "sslmode=verify-full&sslrootcert=system",
    ] {
        let told = options(parameters);
        let mode = told.get_ssl_mode();
        assert!(matches!(mode, PgSslMode::VerifyFull), "{parameters}");
        // The driver must not read a file named `system`.
        assert!(!format!("{told:?}").contains("system"), "{told:?}");
    }
    for mode in ["disable", "prefer", "require", "verify-ca"] {
        let url = format!("postgres://me@db/tokens?sslrootcert=system&sslmode={mode}");
        assert_eq!(shown(&url), Err(InvalidDatabaseUrl::WeakSslMode), "{mode}");
    }
}

#[test]
fn refuses_a_mode_in_the_environment_that_nobody_knows() {
    for known in SSL_MODES {
        assert_eq!(refuse_unknown(Some(OsStr::new(known))), Ok(()), "{known}");
    }
    assert_eq!(refuse_unknown(None), Ok(()));
    let refused = refuse_unknown(Some(OsStr::new("verify_full")));
    let message = refused.map_err(|error| error.to_string()).unwrap_err();
    assert!(
        message.contains("PGSSLMODE") && message.contains("verify-full"),
        "{message}"
    );
}
