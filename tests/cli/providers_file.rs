//! The file of providers: what is wrong, where, and without the secrets in it.

use super::machine::Machine;
use crate::support::http;
use crate::support::service::Service;

const SECRET: &str = "hunter2";
const ISSUER: &str = "issuer = \"https://login.example.com\"\n";

/// What the file says, and what the message must say.
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
        &["missing", "No such file"],
    ),
    (
        "[work]\nclient_id = \"a\"\nclient_secret = \"\"\n",
        &["client_secret is empty"],
    ),
    (
        "[work]\nclient_id = \"a\"\nclient_secret = \"hunter2\"\nclient_secret_env = \"PATH\"\n",
        &["exclude each other"],
    ),
    ("[work]\nclient_id = \"a\"\nflow = \"code\"\n", &["flow"]),
    ("[work]\npreset = \"github\"\n", &["preset"]),
    (
        "[\"my\\nwork\"]\nclient_id = \"a\"\n",
        &["table \"my\\nwork\"", "name can have"],
    ),
    (
        "[work]\nclient_id = \"a\"\nissuer = \"https://a.example\"\nscopes = [\"a b\"]\n",
        &["scopes has \"a b\""],
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
        &["table \"b\"", "default is true for another provider"],
    )
    .await;

    let environment = [
        ("PROVIDER_CLIENT_ID", "a"),
        ("PROVIDER_ISSUER", "https://a.example"),
        ("PROVIDER_NAME", "work"),
    ];
    let run = refuse(&provider("work", ""), &environment).await;
    let expected = "central-oauth: CENTRAL_OAUTH_PROVIDER_NAME: belongs to a provider of the file";
    assert!(run.starts_with(expected), "{run}");
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

/// The line with which a start ends.
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
