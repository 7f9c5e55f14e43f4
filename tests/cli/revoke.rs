//! `revoke`: its question, what it deletes, and what it keeps.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::accounts::{ADMIN, as_admin};
use super::machine::{Machine, Run};
use super::world::World;
use crate::support::http;
use crate::support::process::free_port;

fn key_in(text: &str) -> String {
    let line = text.lines().find(|line| line.starts_with("access_key"));
    line.unwrap().split('"').nth(1).unwrap().to_owned()
}

async fn world_with(setting: &str, value: &str) -> World {
    let mut world = World::start().await;
    world.service.set(setting, value);
    world.service.restart().await;
    world.link_as("alice", &["link"]).await.expect(0);
    world
}

/// Runs a command at a terminal at which a person types this answer.
async fn typing(world: &World, arguments: &[&str], answer: &str) -> Run {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let name = name.into_string().unwrap();
    let stdin: OwnedFd = File::open(name).unwrap().into();
    let mut terminal = File::from(terminal);
    terminal.write_all(answer.as_bytes()).unwrap();
    let mut command = world.client(arguments);
    command.stdin(Stdio::from(stdin));
    Run::of(command).await
}

#[tokio::test]
async fn deletes_the_account_of_the_kept_key() {
    let world = World::linked().await;
    world
        .link_as("alice", &["link", "--profile", "second"])
        .await
        .expect(0);
    let file = world.machine.key_file("default");
    let key = key_in(&std::fs::read_to_string(&file).unwrap());

    let run = world.run(&["revoke", "--yes"]).await.expect(0);
    assert_eq!(run.stdout, "");
    let lines: Vec<_> = run.stderr.lines().collect();
    let deleted = "Deleted: Alice at sandbox (account 1), with its tokens and keys.";
    assert_eq!(lines[0], deleted);
    assert!(lines[1].starts_with("sandbox offers no way to revoke tokens"));
    assert!(lines[2].starts_with(&format!("Removed {}", file.display())));
    assert!(!file.exists());
    assert!(!run.stderr.contains(&key), "{run:?}");

    let token = http::client().get(world.service.url("/v1/token"));
    http::send(token.bearer_auth(&key)).await.expect(401);
    world.run(&["token"]).await.expect(3);
    // The other key of the account is invalid as well. `revoke` did not know its file, so the file remains.
    let again = ["revoke", "--yes", "--profile", "second"];
    let run = world.run(&again).await.expect(3);
    assert!(run.only_line().ends_with("(unauthorized)"), "{run:?}");
    assert!(world.machine.key_file("second").exists());
}

#[tokio::test]
async fn tells_what_the_provider_said() {
    let away = format!("http://127.0.0.1:{}/revoke", free_port());
    let mut world = world_with("PROVIDER_REVOCATION_ENDPOINT", &away).await;
    let run = world.run(&["revoke", "--yes"]).await.expect(0);
    let trying =
        "sandbox has not confirmed the revocation yet. The service keeps trying for a day.";
    assert!(run.stderr.lines().any(|line| line == trying), "{run:?}");

    let at = world.sandbox.endpoints();
    let there = &at.revocation;
    world.service.set("PROVIDER_REVOCATION_ENDPOINT", there);
    world.service.restart().await;
    world.link_as("bob", &["link"]).await.expect(0);
    let token = world.run(&["token"]).await.expect(0).stdout;
    let run = world.run(&["revoke", "--yes"]).await.expect(0);
    let revoked = "sandbox has revoked its tokens.";
    assert!(run.stderr.lines().any(|line| line == revoked), "{run:?}");
    let request = http::client().get(&at.hello).bearer_auth(token.trim());
    http::send(request).await.expect(401);
}

#[tokio::test]
async fn without_a_terminal_it_has_to_be_meant() {
    let world = World::linked().await;
    let run = world.run(&["revoke"]).await.expect(2);
    assert!(run.only_line().contains("--yes"), "{run:?}");
    world.run(&["token"]).await.expect(0);
}

#[tokio::test]
async fn at_a_terminal_it_asks() {
    let world = World::linked().await;
    for no in ["\n", "n\n", "yesterday\n", "\u{4}"] {
        let run = typing(&world, &["revoke"], no).await.expect(4);
        assert!(
            run.stderr
                .starts_with("Revoke Alice at sandbox (account 1)? "),
            "{run:?}"
        );
        assert!(run.stderr.contains("nothing was revoked"), "{run:?}");
    }
    world.run(&["token"]).await.expect(0);
    let run = typing(&world, &["revoke"], "y\n").await.expect(0);
    assert!(run.stderr.contains("Deleted: Alice"), "{run:?}");
    world.run(&["token"]).await.expect(3);
}

#[tokio::test]
async fn an_operator_says_which_account() {
    let world = world_with("ADMIN_KEY", ADMIN).await;
    let bob = ["link", "--profile", "bob"];
    world.link_as("bob", &bob).await.expect(0);

    let unknown = as_admin(&world, &["revoke", "--yes", "--account", "99"]).await;
    let unknown = unknown.expect(1);
    assert!(unknown.only_line().ends_with("(not_found)"), "{unknown:?}");
    let run = as_admin(&world, &["revoke", "--yes", "--account", "2"]).await;
    let run = run.expect(0);
    assert!(run.stderr.contains("Deleted: Bob at sandbox (account 2)"));
    world.run(&["token"]).await.expect(0);
    let dead = ["token", "--profile", "bob"];
    world.run(&dead).await.expect(3);

    // An admin key does not select an account, whichever variable contains it.
    let server = world.server();
    let machine = Machine::new();
    let settings = [("SERVER", server.as_str()), ("ADMIN_KEY", ADMIN)];
    let run = machine.run_with(&settings, &["revoke", "--yes"]).await;
    assert!(run.expect(2).only_line().contains("--account"));
    let settings = [("SERVER", server.as_str()), ("ACCESS_KEY", ADMIN)];
    let arguments = ["revoke", "--yes", "--account", "1"];
    let run = machine.run_with(&settings, &arguments).await.expect(0);
    assert!(!run.stderr.contains("unset it"), "{run:?}");
    let run = machine.run_with(&settings, &["revoke", "--yes"]).await;
    assert!(run.expect(2).only_line().contains("--account"));
}

#[tokio::test]
async fn a_kept_key_is_meant_even_where_the_operators_is_set() {
    let world = world_with("ADMIN_KEY", ADMIN).await;
    let bob = ["link", "--profile", "bob"];
    world.link_as("bob", &bob).await.expect(0);
    let theirs = ["revoke", "--yes", "--profile", "bob", "--account", "1"];
    let run = as_admin(&world, &theirs).await.expect(1);
    assert!(run.only_line().ends_with("(not_found)"), "{run:?}");
    let run = as_admin(&world, &["revoke", "--yes"]).await.expect(0);
    assert!(run.stderr.contains("Deleted: Alice"), "{run:?}");
    assert!(!world.machine.key_file("default").exists());
    assert!(world.machine.key_file("bob").exists());
}

#[tokio::test]
async fn a_revoked_key_of_the_environment_is_reported() {
    let world = World::linked().await;
    let file = world.machine.key_file("default");
    let key = key_in(&std::fs::read_to_string(&file).unwrap());
    let (server, machine) = (world.server(), Machine::new());
    let settings = [("SERVER", server.as_str()), ("ACCESS_KEY", &key)];
    let run = machine.run_with(&settings, &["revoke", "--yes"]).await;
    let run = run.expect(0);
    let dead = "The key in CENTRAL_OAUTH_ACCESS_KEY no longer works. Unset the variable.";
    assert!(run.stderr.lines().any(|line| line == dead), "{run:?}");
}

#[tokio::test]
async fn what_is_no_id_is_a_mistake_on_the_command_line() {
    let machine = Machine::new();
    for id in ["", "../providers", "1/keys", "1?x"] {
        let run = machine.run(&["revoke", "--yes", "--account", id]).await;
        let run = run.expect(2);
        assert!(run.stderr.contains("--account"), "{run:?}");
    }
}
