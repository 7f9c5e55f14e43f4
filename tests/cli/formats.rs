//! `token` in the formats of other programs.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::machine::Run;
use super::world::World;
use crate::support::http;

#[tokio::test]
async fn each_program_gets_the_token_in_its_own_words() {
    let world = World::linked().await;
    json_is_the_answer_of_the_service_and_header_is_one_line(&world).await;
    git_gets_a_credential_for_named_hosts_only(&world).await;
    docker_gets_a_credential_for_named_registries_only(&world).await;
    kubectl_gets_an_exec_credential_in_the_version_that_it_asks_for(&world).await;
    a_helper_fails_when_there_is_no_token(&world).await;
}

/// Runs a command with this standard input.
pub(super) async fn reading(mut command: Command, text: impl AsRef<[u8]>) -> Run {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(text.as_ref()).await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    Run {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

async fn json_is_the_answer_of_the_service_and_header_is_one_line(world: &World) {
    let token = world.run(&["token"]).await.expect(0).stdout;
    let run = world.run(&["token", "--json"]).await.expect(0);
    let printed: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(printed["access_token"], token.trim());
    assert_eq!(printed["account"]["display_name"], "Alice");
    assert!(printed["expires_at"].is_string(), "{printed}");
    let run = world.run(&["token", "--header"]).await.expect(0);
    assert_eq!(run.stdout, format!("Authorization: Bearer {token}"));
    for wrong in [
        &["token", "--json", "--header"][..],
        &["token", "--json", "--format", "git"],
        &["token", "get"],
        &["token", "--format", "git"],
        &["token", "--format", "docker", "version-of"],
        &[
            "token",
            "--format",
            "git",
            "--host",
            "https://git.example.com",
            "get",
        ],
        &["link", "--host", "*.example.com"],
    ] {
        world.run(wrong).await.expect(2);
    }
}

/// <https://git-scm.com/docs/git-credential#IOFMT>
async fn git_gets_a_credential_for_named_hosts_only(world: &World) {
    let token = world.run(&["token"]).await.expect(0).stdout;
    let asked = "protocol=https\nhost=git.example.com\npath=team/project.git\n\n";
    let git = ["token", "--format", "git", "--host", "git.example.com"];
    let named = [&git[..], &["--username", "me", "get"]].concat();
    let [helper, store, erase] = ["get", "store", "erase"].map(|word| [&git[..], &[word]].concat());
    let run = reading(world.client(&helper), asked).await.expect(0);
    let start = format!("username=oauth2\npassword={token}password_expiry_utc=");
    assert!(run.stdout.starts_with(&start), "{run:?}");
    let run = reading(world.client(&named), asked).await.expect(0);
    assert!(run.stdout.starts_with("username=me\n"), "{run:?}");

    let elsewhere = b"protocol=https\nhost=git.example.com\npath=caf\xe9.git\n\n";
    let run = reading(world.client(&helper), elsewhere).await.expect(0);
    assert!(run.stdout.starts_with(&start), "{run:?}");
    let in_host = b"protocol=https\nhost=caf\xe9.example.com\n\n";
    let run = reading(world.client(&helper), in_host).await.expect(2);
    assert!(run.only_line().contains("is not UTF-8"), "{run:?}");

    let unnamed = ["token", "--format", "git", "get"];
    let run = reading(world.client(&unnamed), asked).await.expect(0);
    assert!(run.only_line().contains("add --host"), "{run:?}");
    for (arguments, asked) in [
        (&helper[..], "protocol=https\nhost=evil.example.com\n\n"),
        (&helper, "protocol=http\nhost=git.example.com\n\n"),
        (
            &helper,
            "protocol=https\nhost=git.example.com@evil.example.com\n\n",
        ),
        (&helper, "host=git.example.com\n\n"),
        (&helper, ""),
        (&store, asked),
        (&erase, asked),
    ] {
        let run = reading(world.client(arguments), asked).await.expect(0);
        assert_eq!((run.stdout, run.stderr), Default::default(), "{asked}");
    }
    world.run(&["token"]).await.expect(0);
}

#[tokio::test]
async fn hosts_can_be_saved_with_the_key() {
    let world = World::start().await;
    let link = ["link", "--host", "git.example.com"];
    world.link_as("alice", &link).await.expect(0);
    let helper = ["token", "--format", "git", "get"];
    let asked = "protocol=https\nhost=git.example.com\n\n";
    let run = reading(world.client(&helper), asked).await.expect(0);
    assert!(run.stdout.starts_with("username=oauth2\n"), "{run:?}");
    let other = "protocol=https\nhost=other.example.com\n\n";
    let run = reading(world.client(&helper), other).await.expect(0);
    assert_eq!(run.stdout, "");
}

/// <https://github.com/docker/docker-credential-helpers#development>
async fn docker_gets_a_credential_for_named_registries_only(world: &World) {
    let token = world.run(&["token"]).await.expect(0).stdout;
    let helper = [
        "token",
        "--format",
        "docker",
        "--host",
        "registry.example.com",
    ];
    let asking = |request| world.client(&[&helper[..], &[request]].concat());
    for server in ["registry.example.com", "https://registry.example.com/v2/"] {
        let run = reading(asking("get"), server).await.expect(0);
        let printed: Value = serde_json::from_str(&run.stdout).unwrap();
        let expected = json!({ "ServerURL": server, "Username": "oauth2", "Secret": token.trim() });
        assert_eq!(printed, expected);
    }
    let run = reading(asking("get"), "evil.example.com").await.expect(1);
    assert_eq!(run.stdout, "credentials not found in native keychain\n");
    assert_eq!(run.stderr, "");
    let run = reading(asking("get"), b"caf\xe9.example.com")
        .await
        .expect(2);
    assert!(run.only_line().contains("is not UTF-8"), "{run:?}");
    let stored = r#"{"ServerURL":"registry.example.com","Username":"u","Secret":"s"}"#;
    for (request, answer) in [("store", ""), ("erase", ""), ("list", "{}\n")] {
        let run = reading(asking(request), stored).await.expect(0);
        assert_eq!(run.stdout, answer);
    }
}

/// <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#input-and-output-formats>
async fn kubectl_gets_an_exec_credential_in_the_version_that_it_asks_for(world: &World) {
    let token = world.run(&["token", "--json"]).await.expect(0).stdout;
    let token: Value = serde_json::from_str(&token).unwrap();
    let server = "https://cluster.example.com:6443";
    for version in ["v1", "v1beta1"] {
        let version = format!("client.authentication.k8s.io/{version}");
        let asked = json!({ "apiVersion": version, "kind": "ExecCredential", "spec": {
            "interactive": false, "cluster": { "server": server } } });
        for (host, exit) in [("cluster.example.com:6443", 0), ("other.example.com", 1)] {
            let mut plugin = world.client(&["token", "--format", "kubectl", "--host", host]);
            plugin.env("KUBERNETES_EXEC_INFO", asked.to_string());
            let run = Run::of(plugin).await.expect(exit);
            if exit != 0 {
                assert!(run.only_line().contains("--host"), "{run:?}");
                continue;
            }
            let printed: Value = serde_json::from_str(&run.stdout).unwrap();
            let status = json!({
                "token": token["access_token"], "expirationTimestamp": token["expires_at"],
            });
            let expected =
                json!({ "apiVersion": version, "kind": "ExecCredential", "status": status });
            assert_eq!(printed, expected);
        }
    }
    // Without a host, or without the cluster's address, nobody gets a token.
    let asked = json!({ "spec": { "cluster": { "server": server } } });
    let unnamed = ["token", "--format", "kubectl"];
    let named = [&unnamed[..], &["--host", "cluster.example.com:6443"]].concat();
    for (arguments, asked) in [
        (&unnamed[..], Some(asked.to_string())),
        (&unnamed, None),
        (&named, None),
    ] {
        let mut plugin = world.client(arguments);
        plugin.envs(asked.map(|asked| ("KUBERNETES_EXEC_INFO", asked)));
        let run = Run::of(plugin).await.expect(1);
        assert!(run.only_line().contains("--host"), "{run:?}");
    }
}

async fn a_helper_fails_when_there_is_no_token(world: &World) {
    let key = std::fs::read_to_string(world.machine.key_file("default")).unwrap();
    let key = key.split('"').nth(3).unwrap();
    let account = http::client().delete(world.service.url("/v1/accounts/1"));
    http::send(account.bearer_auth(key)).await.expect(200);
    for format in ["git", "docker"] {
        let helper = [
            "token",
            "--format",
            format,
            "--host",
            "git.example.com",
            "get",
        ];
        let asked = match format {
            "git" => "protocol=https\nhost=git.example.com\n\n",
            _ => "git.example.com",
        };
        let run = reading(world.client(&helper), asked).await.expect(3);
        assert!(run.only_line().ends_with("(unauthorized)"), "{run:?}");
    }
}
