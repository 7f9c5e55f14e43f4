//! The file of providers: messages say what is wrong and where, without the secrets in it.

use super::machine::Machine;
use crate::support::http;
use crate::support::service::Service;

const SECRET: &str = "hunter2";
const ISSUER: &str = "issuer = \"https://login.example.com\"\n";

/// The content of the file, and the expected message.
const MISTAKES: &[(&str, &[&str])] = &[
    // Syntax.
    ("[work\n", &["line 1"]),
    ("\n[work]\nclient_secret = \"hunter2\n", &["line 3"]),
    ("[work]\nclient_secret = hunter2\n", &["line 2"]),
    ("[work]\nclient_secret = \"hunter2\" hunter2\n", &["line 2"]),
    (
        "[work]\nclient_id = \"a\"\n[work]\nclient_id = \"hunter2\"\n",
        &["line 3", "duplicate"],
    ),
    (
        "[work]\nclient_secret = \"a\"\nclient_secret = \"hunter2\"\n",
        &["line 3", "duplicate"],
    ),
    // Types.
    (
        "client_secret = \"hunter2\"\n",
        &["line 1", "a table for each provider, like [work]"],
    ),
    (
        "[work]\nclient_secret = [\"hunter2\"]\n",
        &["line 2", "expected a string"],
    ),
    (
        "[work]\ndefault = \"hunter2, expected hunter2\"\n",
        &["line 2", "expected a boolean"],
    ),
    (
        "[work]\nscopes = \"hunter2\"\n",
        &["line 2", "expected a sequence"],
    ),
    (
        "[work]\nclient_secrt = \"hunter2\"\n",
        &["line 2", "`client_secrt`", "`client_secret`"],
    ),
    // Meaning.
    (
        "[work]\nissuer = \"https://a.example\"\n",
        &["table \"work\"", "client_id is missing"],
    ),
    (
        "[work]\nclient_id = \"a\"\n",
        &["table \"work\"", "device_authorization_endpoint is missing"],
    ),
    (
        "[work]\nclient_id = \"a\"\nissuer = \"http://hunter2.example\"\n",
        &["issuer must be https"],
    ),
    (
        "[work]\nclient_id = \"a\"\nissuer = \"hunter2\"\n",
        &["issuer is not a URL"],
    ),
    (
        "[work]\nclient_id = \"a\"\nclient_secret_env = \"MISSING\"\n",
        &["MISSING", "not set"],
    ),
    (
        "[work]\nclient_id = \"a\"\nclient_secret_file = \"missing\"\n",
        &["client_secret_file", "No such file"],
    ),
    (
        "[work]\nclient_id = \"a\"\nclient_secret = \"\"\n",
        &["client_secret is empty"],
    ),
    (
        "[work]\nclient_id = \"a\"\nclient_secret = \"hunter2\"\nclient_secret_env = \"PATH\"\n",
        &["only one of client_secret"],
    ),
    ("[work]\nclient_id = \"a\"\nflow = \"code\"\n", &["flow"]),
    (
        "[work]\nclient_id = \"a\"\nquirks.refresh.last = 1\n",
        &["table \"work\"", "quirks", "`last`", "`lasts`"],
    ),
    (
        "[work]\nclient_id = \"a\"\npreset = \"github\"\nquirks.refresh.lasts = \"hunter2\"\n",
        &["table \"work\"", "quirks", "expected u64"],
    ),
    (
        "[work]\nclient_id = \"a\"\npreset = \"github\"\nauthorization_parameters.state = \"hunter2\"\n",
        &["authorization_parameters cannot set state"],
    ),
    (
        "[work]\npreset = \"github\"\n",
        &["table \"work\"", "client_id is missing"],
    ),
    (
        "[work]\nclient_id = \"a\"\npreset = \"hunter2\"\n",
        &[
            "preset is unknown",
            "atlassian, auth0",
            "github, github-app",
            "zoom",
        ],
    ),
    (
        "[work]\nclient_id = \"a\"\npreset = \"okta\"\n",
        &["domain is missing", "such as example.okta.com"],
    ),
    (
        "[work]\nclient_id = \"a\"\npreset = \"okta\"\ndomain = \"https://hunter2.example\"\n",
        &["domain must be a name without a scheme"],
    ),
    (
        "[work]\nclient_id = \"a\"\npreset = \"okta\"\ndomain = \"a b\"\n",
        &["issuer is not an address with the given values"],
    ),
    (
        "[work]\nclient_id = \"a\"\npreset = \"github\"\ntenant = \"hunter2\"\n",
        &["tenant is not a key of this preset"],
    ),
    (
        "[work]\nclient_id = \"a\"\nissuer = \"https://a.example\"\ntenant = \"hunter2\"\n",
        &["tenant needs a preset"],
    ),
    (
        "[work]\nclient_id = \"a\"\npreset = \"gitlab\"\nissuer = \"https://gitlab.example.com\"\n",
        &[
            "issuer is on another server",
            "set host instead",
            "revocation_endpoint",
        ],
    ),
    (
        "[work]\nclient_id = \"a\"\npreset = \"slack\"\nflow = \"device\"\n",
        &["flow must be authorization_code"],
    ),
    (
        "[work]\nclient_id = \"a\"\npreset = \"entra\"\nscopes = [\"openid\"]\n",
        &["scopes lacks \"offline_access\"", "no refresh token"],
    ),
    (
        "[work]\nclient_id = \"a\"\npreset = \"google\"\nflow = \"device\"\nscopes = [\"https://mail.google.com/\"]\n",
        &[
            "scopes has \"https://mail.google.com/\"",
            "set flow to authorization_code",
        ],
    ),
    (
        "[\"my\\nwork\"]\nclient_id = \"a\"\n",
        &["table \"my\\nwork\"", "name must have"],
    ),
    (
        "[work]\nclient_id = \"a\"\nissuer = \"https://a.example\"\nscopes = [\"a b\"]\n",
        &["scopes has \"a b\""],
    ),
    (
        "[work]\nclient_id = \"a\"\npreset = \"github\"\nconsent_name = \"hunter2\\u202e\"\n",
        &["table \"work\": consent_name holds U+202E"],
    ),
    (
        "[work]\nclient_id = \"a\"\npreset = \"github\"\nscope_words.repo = \"hunter2\\u200b\"\n",
        &["table \"work\": scope_words.\"repo\" holds U+200B"],
    ),
    (
        "[work]\nclient_id = \"a\"\npreset = \"github\"\nscope_words = { \"a b\" = \"hunter2\" }\n",
        &["scope_words has \"a b\", which is not a scope"],
    ),
    (
        "[work]\nclient_id = \"a\"\npreset = \"github\"\nscope_words = \"hunter2\"\n",
        &["line 4", "expected a map"],
    ),
];

#[tokio::test]
async fn each_mistake_is_one_line_that_says_where() {
    for (text, expected) in MISTAKES {
        refused(text, &[], expected).await;
    }
}

#[tokio::test]
async fn providers_keep_out_of_each_others_way() {
    let provider = |name: &str, more: &str| format!("[{name}]\nclient_id = \"a\"\n{ISSUER}{more}");
    let two = provider("a", "default = true\n") + &provider("b", "default = true\n");
    refused(
        &two,
        &[],
        &[
            "table \"b\"",
            "default is already true for another provider",
        ],
    )
    .await;

    let environment = [
        ("PROVIDER_CLIENT_ID", "a"),
        ("PROVIDER_ISSUER", "https://a.example"),
        ("PROVIDER_NAME", "work"),
    ];
    let run = refuse(&provider("work", ""), &environment).await;
    let expected =
        "central-oauth: CENTRAL_OAUTH_PROVIDER_NAME: is already used by a provider of the file";
    assert!(run.starts_with(expected), "{run}");
}

// For the same mistakes in the environment, the message names the variable.
#[tokio::test]
async fn a_preset_without_a_file() {
    for (settings, expected) in [
        (
            &[("PROVIDER_PRESET", "hunter2")][..],
            "PRESET: is unknown; known presets are atlassian",
        ),
        (
            &[
                ("PROVIDER_PRESET", "keycloak"),
                ("PROVIDER_HOST", "a.example"),
            ],
            "REALM: is missing",
        ),
        (
            &[("PROVIDER_PRESET", "entra"), ("PROVIDER_SCOPES", "openid")],
            "SCOPES: lacks",
        ),
        (&[("PROVIDER_TENANT", "hunter2")], "TENANT: needs a preset"),
    ] {
        let settings = [settings, &[("PROVIDER_CLIENT_ID", "a")]].concat();
        let line = refuse("", &settings).await;
        let expected = format!("central-oauth: CENTRAL_OAUTH_PROVIDER_{expected}");
        assert!(line.starts_with(&expected), "{line}");
    }
}

#[tokio::test]
async fn presets_serve() {
    let machine = Machine::new();
    let file = machine.work().join("providers.toml");
    let text = "[code]\nclient_id = \"a\"\npreset = \"github\"\ndefault = true\n\
        [work]\nclient_id = \"a\"\npreset = \"entra\"\ntenant = \"contoso.example\"\ndisplay_name = \"At work\"\n\
        [kc]\nclient_id = \"a\"\npreset = \"keycloak\"\nissuer = \"http://127.0.0.1:9/realms/x\"\n";
    std::fs::write(&file, text).unwrap();
    let service = Service::start(&[("PROVIDERS", file.to_str().unwrap())]).await;
    let request = http::client().get(service.url("/v1/providers"));
    let answer = http::send(request).await.expect(200);
    for name in ["GitHub", "At work", "Keycloak"] {
        assert!(answer.text.contains(name), "{}", answer.text);
    }
    let request = http::client().post(service.url("/v1/link-code"));
    let answer = http::send(request).await.expect(201);
    assert_eq!(answer.str("provider"), "code");
}

#[tokio::test]
async fn good_files_serve() {
    let machine = Machine::new();
    let secret = machine.work().join("secret");
    std::fs::write(&secret, "hunter2\n").unwrap();
    let file = machine.work().join("providers.toml");
    let text = format!(
        "[work]\nclient_id = \"a\"\ndisplay_name = \"At work\"\nclient_secret_file = {secret:?}\n{ISSUER}\
         [home]\nclient_id = \"b\"\ndefault = true\nclient_secret_env = \"CENTRAL_OAUTH_ADMIN_KEY\"\n{ISSUER}"
    );
    std::fs::write(&file, text).unwrap();
    let service = Service::start(&[
        ("PROVIDERS", file.to_str().unwrap()),
        ("ADMIN_KEY", "hunter2-hunter2-hunter2"),
    ])
    .await;
    let request = http::client().get(service.url("/v1/providers"));
    let answer = http::send(request).await.expect(200);
    assert!(
        answer.text.contains("At work") && answer.text.contains("home"),
        "{}",
        answer.text
    );
    let request = http::client().post(service.url("/v1/link-code"));
    let answer = http::send(request).await.expect(201);
    assert_eq!(answer.str("provider"), "home");
    assert!(!service.logs().contains(SECRET), "{}", service.logs());
}

async fn refused(text: &str, settings: &[(&str, &str)], expected: &[&str]) {
    let line = refuse(text, settings).await;
    let start = "central-oauth: CENTRAL_OAUTH_PROVIDERS: providers.toml, ";
    assert!(line.starts_with(start), "{text}: {line}");
    for part in expected {
        assert!(line.contains(part), "{text}: no {part:?} in {line}");
    }
}

/// Returns the last line of a start that fails.
async fn refuse(text: &str, settings: &[(&str, &str)]) -> String {
    let machine = Machine::new();
    std::fs::write(machine.work().join("providers.toml"), text).unwrap();
    let good = [
        ("SECRET_KEY", Service::SECRET_KEY),
        ("LISTEN_ADDR", "127.0.0.1:0"),
        ("PROVIDERS", "providers.toml"),
    ];
    let settings = [&good[..], settings].concat();
    let run = machine.run_with(&settings, &["serve"]).await.expect(1);
    let line = run.only_line();
    assert!(!line.contains(SECRET), "{text}: {line}");
    line.to_owned()
}
