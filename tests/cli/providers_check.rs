//! `providers`: output for people and scripts, and exit codes.

use central_oauth_test_sandbox::{Sandbox, SandboxOptions};
use serde_json::Value;

use super::machine::{Machine, Run, names};
use crate::support::oidc::{OidcOptions, OidcProvider};
use crate::support::process;

const SECRET: &str = "hunter2-hunter2";

async fn sandbox() -> Sandbox {
    let options = SandboxOptions {
        client_secret: Some(SECRET.to_owned()),
        ..SandboxOptions::default()
    };
    Sandbox::start(options).await.unwrap()
}

/// Returns a table of the file.
fn table(name: &str, issuer: &str, client_id: &str, secret: &str) -> String {
    format!(
        "[{name}]\nissuer = {issuer:?}\nclient_id = {client_id:?}\nclient_secret = {secret:?}\n\
         scopes = [\"profile\"]\n"
    )
}

/// Runs a command on a machine that has this file, and neither a database nor a secret key.
async fn providers(file: &str, settings: &[(&str, &str)], arguments: &[&str]) -> Run {
    let machine = Machine::new();
    std::fs::write(machine.work().join("providers.toml"), file).unwrap();
    let settings = [&[("PROVIDERS", "providers.toml")], settings].concat();
    let arguments = [&["providers"], arguments].concat();
    let run = machine.run_with(&settings, &arguments).await;
    assert_eq!(names(&machine.work()), ["providers.toml"]);
    let said = format!("{}{}", run.stdout, run.stderr);
    assert!(!said.contains("hunter2"), "{said}");
    run
}

/// Returns the only line about a subject.
#[track_caller]
fn line<'a>(run: &'a Run, subject: &str) -> &'a str {
    let subject = format!(" {subject}: ");
    let mut lines = run.stdout.lines().filter(|line| line.contains(&subject));
    let line = lines
        .next()
        .unwrap_or_else(|| panic!("no {subject:?} in {run:?}"));
    assert_eq!(lines.next(), None, "{run:?}");
    line.trim()
}

#[tokio::test]
async fn a_sandbox_is_well() {
    let sandbox = sandbox().await;
    let file = table(
        "work",
        &sandbox.endpoints().issuer,
        "sandbox-client",
        SECRET,
    );
    let run = providers(&file, &[], &["check", "work"]).await.expect(0);
    assert_eq!(run.stderr, "");
    assert!(run.stdout.starts_with("work\n"), "{run:?}");
    for subject in [
        "settings",
        "reachability",
        "discovery",
        "clock",
        "endpoints",
        "device_flow",
        "client",
        "revocation",
    ] {
        assert!(line(&run, subject).starts_with("ok "), "{run:?}");
    }
    assert!(line(&run, "discovery").contains("oauth-authorization-server"));
}

#[tokio::test]
async fn a_wrong_secret_is_a_problem() {
    let sandbox = sandbox().await;
    let file = table(
        "work",
        &sandbox.endpoints().issuer,
        "sandbox-client",
        "hunter2-wrong",
    );
    let run = providers(&file, &[], &["check"]).await.expect(1);
    let line = line(&run, "device_flow");
    assert!(line.starts_with("problem "), "{line}");
    assert!(line.contains("invalid_client"), "{line}");
    assert!(
        line.contains("Compare client_id and client_secret"),
        "{line}"
    );
}

#[tokio::test]
async fn all_of_them_as_json() {
    let sandbox = sandbox().await;
    let nobody = format!("http://127.0.0.1:{}", process::free_port());
    let away = table("away", &nobody, "a", SECRET);
    let file = away.clone()
        + &table(
            "work",
            &sandbox.endpoints().issuer,
            "sandbox-client",
            SECRET,
        );
    let run = providers(&file, &[], &["check", "--json"]).await.expect(8);
    let findings: Vec<Value> = serde_json::from_str(&run.stdout).unwrap();
    let problems: Vec<_> = findings
        .iter()
        .filter(|it| it["verdict"] == "problem")
        .collect();
    assert_eq!(problems.len(), 1, "{findings:#?}");
    assert_eq!(problems[0]["provider"], "away");
    assert_eq!(problems[0]["subject"], "reachability");
    assert!(problems[0]["remedy"].is_string() && problems[0]["found"].is_string());
    assert!(findings.iter().any(|it| it["provider"] == "work"));
    // Problems of other providers than the named one do not count.
    providers(&file, &[], &["check", "work"]).await.expect(0);
    providers(&away, &[], &["check"]).await.expect(8);
}

#[tokio::test]
async fn names_that_are_not_there() {
    let file = table("home", "https://a.example", "a", SECRET)
        + &table("work", "https://b.example", "b", SECRET);
    let run = providers(&file, &[], &["check", "wrok"]).await.expect(2);
    let expected = "central-oauth: there is no provider of this name; configured are home, work";
    assert_eq!(run.only_line(), expected);
    let run = providers("", &[], &["check"]).await.expect(1);
    assert!(run.only_line().contains("no provider is configured"));
    providers("", &[], &["list"]).await.expect(0);
    let run = providers("[work\n", &[], &["check"]).await.expect(1);
    assert!(run.only_line().contains("providers.toml, line 1"));
}

#[tokio::test]
async fn the_list() {
    let file = table("home", "https://a.example/realm", "a", SECRET)
        + "display_name = \"At \\u001b[2Jhome\"\nflow = \"authorization_code\"\n"
        + &table("work", "https://b.example/", "b", SECRET);
    let run = providers(&file, &[], &["list"]).await.expect(0);
    let expected = "\
NAME  FLOW                ISSUER OR TOKEN ENDPOINT  DISPLAY NAME
home  authorization_code  https://a.example/realm   At  [2Jhome
work  device              https://b.example/        work
";
    assert_eq!(run.stdout, expected);
}

#[tokio::test]
async fn a_certified_provider_by_both_flows() {
    let redirect_uri = "https://auth.example.com/sub/callback/work";
    let options = OidcOptions {
        path: "/realms/work",
        redirect_uri: Some(redirect_uri.to_owned()),
        ..OidcOptions::default()
    };
    let provider = OidcProvider::start(options).await;
    let file = |flow: &str, secret: &str| {
        format!(
            "[work]\nissuer = {:?}\nclient_id = {:?}\nclient_secret = {secret:?}\nflow = {flow:?}\n\
             scopes = [\"openid\", \"offline_access\"]\n",
            provider.issuer,
            OidcProvider::CLIENT_ID
        )
    };
    let public_url = [("PUBLIC_URL", "https://auth.example.com/sub")];
    for flow in ["device", "authorization_code"] {
        let good = file(flow, OidcProvider::CLIENT_SECRET);
        let run = providers(&good, &public_url, &["check"]).await.expect(0);
        assert!(!run.stdout.contains("problem "), "{run:?}");
        assert!(!run.stdout.contains("warning "), "{run:?}");
        let run = providers(&file(flow, "hunter2"), &public_url, &["check"])
            .await
            .expect(1);
        assert!(run.stdout.contains("invalid_client"), "{run:?}");
    }
    let good = file("authorization_code", OidcProvider::CLIENT_SECRET);
    let run = providers(&good, &public_url, &["check"]).await.expect(0);
    assert!(line(&run, "redirect_uri").contains(redirect_uri), "{run:?}");
    assert!(line(&run, "client").contains("invalid_grant"), "{run:?}");
    // If the redirect URI is not registered, the provider's authorization page says so, and the check warns.
    let run = providers(&good, &[], &["check"]).await;
    assert!(
        line(&run, "authorization").starts_with("warning "),
        "{run:?}"
    );
}
