//! A job with nothing stored, from its platform's JWT to a token, and OAuth clients that nobody here wrote.

use std::sync::Mutex;

use poem::http::StatusCode;
use poem::listener::{Acceptor as _, Listener as _, TcpListener};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use super::TIMEOUT;
use super::documents::{SERVICE, blocks};
use super::platform::Platform;
use super::world::{World, github, said};
use crate::support::http;
use crate::support::linking::{confirm, look_up};
use crate::support::process::{self, fixtures, modules, within};

fn workloads(platform: &Platform) -> String {
    github(&platform.issuer, "", ", ref = \"refs/heads/main\"")
}

/// Returns a command as a job of GitHub Actions runs it.
fn command(world: &World, platform: &Platform, arguments: &[&str]) -> Command {
    let mut command = world.command(arguments);
    command
        .env("ACTIONS_ID_TOKEN_REQUEST_URL", &platform.request)
        .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of-the-job");
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_with_nothing_stored_links_an_account_and_gets_its_token() {
    let platform = Platform::start().await;
    let world = World::start(&workloads(&platform)).await;
    let audience = world.audience();
    let arguments = ["link", "--json", "--no-browser"];
    let mut linking = command(&world, &platform, &arguments).spawn().unwrap();
    let mut lines = BufReader::new(linking.stdout.take().unwrap()).lines();
    let line = within(TIMEOUT, "a code", lines.next_line()).await.unwrap();
    let code: Value = serde_json::from_str(&line.unwrap()).unwrap();
    let code = code["link_code"].as_str().unwrap().to_owned();
    let asks = look_up(&http::client(), &world.service, &code).await;
    for verified in ["octo-org/octo-repo", "nightly", "30433642"] {
        assert!(asks.contains(verified), "{verified}: {asks}");
    }
    assert!(
        !asks.contains("not verified"),
        "the name of the machine: {asks}"
    );
    confirm(&http::client(), &world.service, &code).await;
    let ended = within(TIMEOUT, "the link", linking.wait()).await.unwrap();
    assert!(ended.success());
    assert!(
        std::fs::read_dir(world.folder.path().join(".config")).is_err(),
        "nothing is stored"
    );

    let token = said(command(&world, &platform, &["token"])).await;
    assert!(!token.is_empty());
    let mut plugin = command(&world, &platform, &["token", "--format", "kubectl"]);
    let asked = json!({ "spec": { "cluster": { "server": "https://cluster.example.com" } } });
    plugin
        .args(["--host", "cluster.example.com"])
        .env("KUBERNETES_EXEC_INFO", asked.to_string())
        .env("CENTRAL_OAUTH_ACCESS_KEY", "coak_of-another-account");
    let credential: Value = serde_json::from_str(&said(plugin).await).unwrap();
    assert_eq!(credential["status"]["token"], token);
    let job = platform.token(&audience, &json!({})).await;
    exchanged_by_foreign_clients(&world, &job, &token).await;
    a_failure_of_the_platform_may_pass(&world, &platform, &job, &token).await;

    for (claims, rule) in [
        (
            json!({"repository_id": "75", "repository": "octo-org/fork"}),
            "not_linked",
        ),
        (json!({"repository_owner_id": "66"}), "policy"),
        (json!({"ref": "refs/heads/other"}), "policy"),
        (json!({"event_name": "pull_request"}), "pull_request"),
        (json!({"repository_id": null}), "immutable_claim"),
        (json!({"exp": 1}), "expired"),
        (json!({"aud": "https://github.com/octo-org"}), "audience"),
    ] {
        let refused = world
            .refused(&platform.token(&audience, &claims).await)
            .await;
        assert_eq!(refused, rule, "{claims}");
    }
    let other = Platform::start().await;
    let claims = json!({"iss": platform.issuer});
    let theirs = other.token(&audience, &claims).await;
    assert_eq!(world.refused(&theirs).await, "unknown_key");

    let logs = world.service.logs();
    for word in [
        "workload accepted",
        "workload refused",
        "octo-org/octo-repo",
        "30433642",
        "not_linked",
    ] {
        assert!(logs.contains(word), "{word}");
    }
    assert!(!logs.contains(&job) && !logs.contains(job.rsplit('.').next().unwrap()));
}

/// Serves an endpoint for the JWTs of jobs that gives these two answers. Returns its URL.
async fn answering(answers: [(StatusCode, String); 2]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0");
    let acceptor = listener.into_acceptor().await.unwrap();
    let address = *acceptor.local_addr()[0].as_socket_addr().unwrap();
    let answers = Mutex::new(answers.into_iter());
    let endpoint = poem::endpoint::make_sync(move |_| answers.lock().unwrap().next().unwrap());
    tokio::spawn(poem::Server::new_with_acceptor(acceptor).run(endpoint));
    format!("http://{address}/")
}

/// The command asks the platform again after a failure, but not after a refusal.
async fn a_failure_of_the_platform_may_pass(
    world: &World,
    platform: &Platform,
    jwt: &str,
    token: &str,
) {
    let asking = async |status: StatusCode, body: &str| {
        let issued = json!({ "value": jwt }).to_string();
        let answers = [(status, body.to_owned()), (StatusCode::OK, issued)];
        let mut asking = command(world, platform, &["token"]);
        asking.env("ACTIONS_ID_TOKEN_REQUEST_URL", answering(answers).await);
        within(TIMEOUT, "a token", asking.output()).await.unwrap()
    };
    let (busy, refused, wrong) = tokio::join!(
        asking(StatusCode::SERVICE_UNAVAILABLE, ""),
        asking(StatusCode::FORBIDDEN, ""),
        asking(StatusCode::UNAUTHORIZED, "of-the-job has\u{7}expired"),
    );
    for run in [busy, refused] {
        let printed = String::from_utf8(run.stdout).unwrap();
        assert_eq!(printed.trim(), token, "{:?}", run.stderr);
    }
    assert_eq!(wrong.status.code(), Some(3));
    let said = String::from_utf8(wrong.stderr).unwrap();
    let expected = "GitHub Actions issued no token: 401 Unauthorized: [token] has expired\n";
    assert!(said.ends_with(expected), "{said}");
}

/// Each client exchanges the token of a job for this access token.
async fn exchanged_by_foreign_clients(world: &World, job: &str, token: &str) {
    let service = world.audience();
    for kind in ["jwt", "id_token"] {
        let mut client = process::command("node");
        client
            .arg(fixtures().join("workloads/exchange.mjs"))
            .args([&service, job, kind])
            .current_dir(modules("workloads").await);
        let exchanged: Value = serde_json::from_str(&said(client).await).unwrap();
        assert_eq!(exchanged["access_token"], token, "openid-client");
    }
    let account = world.token(job).await.expect(200);
    let write = |name: &str, text: &str| {
        std::fs::write(world.folder.path().join(name), text).unwrap();
    };
    write("token.jwt", job);
    let [credentials] = blocks("Any OAuth client", "json")[..] else {
        panic!("one file of credentials")
    };
    let mut credentials: Value = serde_json::from_str(credentials).unwrap();
    let endpoint = credentials["token_url"].as_str().unwrap();
    credentials["token_url"] = endpoint.replace(SERVICE, &service).into();
    credentials["audience"] = account.json["account"]["id"].clone();
    write("credentials.json", &credentials.to_string());
    let python = modules("exchange").await.join("bin/python");
    let mut client = process::command(python);
    client
        .arg(fixtures().join("exchange/exchange.py"))
        .arg(&service)
        .args(["token.jwt", "credentials.json"])
        .current_dir(world.folder.path());
    let both: Value = serde_json::from_str(&said(client).await).unwrap();
    assert_eq!(both, json!([token, token]), "google-auth and Authlib");
}
