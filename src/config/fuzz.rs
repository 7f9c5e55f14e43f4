//! Reads random environments and files, and checks that no error contains a value. `PROPTEST_CASES` sets the number of
//! cases.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// The value that no error may contain. It cannot be parsed as the scheme of a URL, because errors may name schemes.
const SECRET: &str = "s3cr3t_x";
const PIECES: [&str; 32] = [
    SECRET,
    "0",
    "-1",
    "99999999999999999999",
    "1e9",
    "127.0.0.1:0",
    "::1",
    "[::]:443",
    "/",
    ":",
    ",",
    "https://",
    "http://",
    "a.example",
    "user:s3cr3t_x@",
    "10.0.0.0/8",
    "::/129",
    "off",
    "required",
    "json",
    "github",
    "sqlite://",
    "postgres://",
    "?",
    "=",
    "%",
    "\n",
    "\u{202e}",
    "é",
    "pkcs11:",
    "aws-kms://",
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
];
const TOML: [&str; 30] = [
    "[work]\n",
    "[issuer.a]\n",
    "[workload.b]\n",
    "[[operator]]\n",
    "issuer = ",
    "\"https://a.example\"\n",
    "client_id = \"c\"\n",
    "client_secret = \"s3cr3t_x\"\n",
    "preset = \"github\"\n",
    "preset = \"none\"\n",
    "scopes = [\"a\"]\n",
    "scopes = 7\n",
    "quirks = ",
    "{ token = { } }\n",
    "name = \"a\"\n",
    "role = \"admin\"\n",
    "key = \"s3cr3t_x-0123456789\"\n",
    "may = [\"link\"]\n",
    "claims = { a = \"b\" }\n",
    "provider = \"work\"\n",
    "url = \"http://10.0.0.1\"\n",
    "secret = \"whsec_s3cr3t_x\"\n",
    "= ",
    "\"",
    "[",
    "]",
    "\0",
    "\u{202e}",
    "flow = \"authorization_code\"\n",
    "extra = [\"refresh_token\"]\n",
];

/// Variables whose values are paths, which errors may contain.
const PATHS: [&str; 7] = [
    "DB_PATH",
    "OPERATOR_LOGO_FILE",
    "PROVIDERS",
    "TLS_CERT_FILE",
    "TLS_KEY_FILE",
    "WEBHOOKS",
    "WORKLOADS",
];

fn variables() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let value = vec(select(&PIECES[..]), 0..5).prop_map(|pieces| pieces.concat());
    let variable = (select(KNOWN), value).prop_map(|(name, value)| match PATHS.contains(&name) {
        true => (name, "/no/such/path".to_owned()),
        false => (name, value),
    });
    vec(variable, 0..12)
}

/// Reads everything that `serve` reads. Returns the errors.
fn read_all(environment: &Environment) -> Vec<String> {
    let message = |error: ConfigError| error.to_string();
    let providers = ProviderConfig::read(environment, Duration::from_secs(1));
    let workloads = providers.as_ref().ok();
    let workloads = workloads.and_then(|known| WorkloadConfig::read(environment, known).err());
    let errors = [
        HttpConfig::read(environment).err(),
        Keys::read(environment).err(),
        KmsConfig::read(environment).err(),
        LinkConfig::read(environment).err(),
        LogConfig::read(environment, "info").err(),
        operator_details(environment).err(),
        StoreConfig::read(environment).err(),
        TelemetryConfig::read(environment).err(),
        TlsConfig::read(environment).err(),
        WebhookConfig::read(environment).err(),
        audit_settings(environment).err(),
        workloads,
        providers.err(),
    ];
    errors.into_iter().flatten().map(message).collect()
}

fn environment(variables: &[(&str, String)]) -> Option<Environment> {
    let named = |(name, value): &(&str, String)| {
        (
            format!("{}{name}", Environment::PREFIX).into(),
            value.into(),
        )
    };
    Environment::new(variables.iter().map(named)).ok()
}

proptest! {
    #[test]
    fn no_environment_is_told_with_its_values(variables in variables()) {
        let Some(environment) = environment(&variables) else {
            return Ok(());
        };
        for error in read_all(&environment) {
            prop_assert!(!error.contains(SECRET), "{error}");
            prop_assert!(!error.contains('\n'), "{error:?}");
        }
    }

    #[test]
    fn no_file_is_told_with_its_secrets(
        pieces in vec(select(&TOML[..]), 0..12),
        variable in select(&["PROVIDERS", "WORKLOADS", "WEBHOOKS", "OPERATOR_KEYS"][..]),
    ) {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("file.toml");
        std::fs::write(&path, pieces.concat())?;
        let value = match variable {
            "OPERATOR_KEYS" => pieces.concat(),
            _ => path.display().to_string(),
        };
        let Some(environment) = environment(&[(variable, value)]) else {
            return Ok(());
        };
        for error in read_all(&environment) {
            prop_assert!(!error.contains(SECRET), "{error}");
        }
    }
}
