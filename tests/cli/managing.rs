//! `logout`, `keys`, `refresh`, `revocations`, and selecting accounts.

use serde_json::Value;

use super::accounts::{ADMIN, as_admin};
use super::browser::Browser;
use super::linking::Linking;
use super::machine::{Machine, Run};
use super::world::World;

#[tokio::test]
async fn an_account_and_its_keys_are_managed() {
    let world = linked().await;
    accounts_can_be_picked(&world).await;
    refresh_gets_another_token(&world).await;
    the_operator_asks_for_another_consent(&world).await;
    a_key_that_cannot_be_printed_is_named(&world).await;
    keys_are_created_listed_and_deleted(&world).await;
    logout_forgets_the_key_here(&world).await;
    revocations_are_the_operators(&world).await;
}

async fn linked() -> World {
    let mut world = World::start().await;
    world.service.set("ADMIN_KEY", ADMIN);
    world.service.restart().await;
    world.link_as("alice", &["link"]).await.expect(0);
    world
}

async fn logout_forgets_the_key_here(world: &World) {
    let file = world.machine.key_file("default");
    let saved = std::fs::read_to_string(&file).unwrap();
    let run = world.run(&["logout"]).await.expect(2);
    assert!(run.only_line().contains("--yes"), "{run:?}");
    assert!(file.exists());
    let run = world.run(&["logout", "--yes"]).await.expect(0);
    assert!(run.only_line().contains(file.to_str().unwrap()), "{run:?}");
    assert!(!file.exists());
    world.run(&["token"]).await.expect(3);
    world.run(&["logout", "--yes"]).await.expect(3);
    // Only the saved key was deleted, not the account.
    std::fs::write(&file, saved).unwrap();
    world.run(&["token"]).await.expect(0);
}

/// The error tells how to delete a key that could not be printed.
async fn a_key_that_cannot_be_printed_is_named(world: &World) {
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let server = world.service.url("/");
    let chosen = ["--account", "1", "--server", &server];
    for (options, json) in [(&[][..], &[][..]), (&chosen[..], &["--json"][..])] {
        let create = [&["keys", "create", "--name", "lost"], options, json].concat();
        let mut command = world.client(&create);
        let child = command.stdout(full.try_clone().unwrap()).spawn().unwrap();
        let output = child.wait_with_output().await.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        let (_, advice) = said.split_once("`central-oauth ").unwrap();
        let advice: Vec<_> = advice.trim_end().trim_end_matches('`').split(' ').collect();
        assert!(advice.ends_with(options), "{said}");
        let delete = [&advice[..], &["--yes"]].concat();
        world.run(&delete).await.expect(0);
    }
}

async fn keys_are_created_listed_and_deleted(world: &World) {
    let create = [
        "keys",
        "create",
        "--name",
        "nightly",
        "--expires-at",
        "2099-01-31T00:00:00Z",
        "--network",
        "127.0.0.0/8",
        "--max-uses-per-minute",
        "1000",
    ];
    let run = world.run(&create).await.expect(0);
    let key = run.stdout.trim().to_owned();
    assert!(
        key.starts_with("coak_") && run.stdout.lines().count() == 1,
        "{run:?}"
    );
    assert!(!run.stderr.contains(&key), "{run:?}");
    let (server, machine) = (world.server(), Machine::new());
    let settings = [("SERVER", server.as_str()), ("ACCESS_KEY", &key)];
    machine.run_with(&settings, &["token"]).await.expect(0);
    // The new key may only read.
    let run = machine
        .run_with(&settings, &["keys", "list"])
        .await
        .expect(1);
    let rejected = "rejected the key in CENTRAL_OAUTH_ACCESS_KEY: ";
    assert!(run.only_line().contains(rejected), "{run:?}");

    let listed = world.run(&["keys", "list"]).await.expect(0).stdout;
    assert!(listed.starts_with("ID  NAME"), "{listed}");
    let line = listed
        .lines()
        .find(|line| line.contains("nightly"))
        .unwrap();
    assert!(line.contains("reader") && line.contains("in 26"), "{line}");
    assert!(
        listed.contains("owner") && !listed.contains(&key),
        "{listed}"
    );
    let id = line.split(' ').next().unwrap();
    let json = as_admin(world, &["keys", "list", "--account", "1", "--json"]).await;
    let json: Value = serde_json::from_str(&json.expect(0).stdout).unwrap();
    assert_eq!(json.as_array().map(Vec::len), Some(2));

    let run = world.run(&["keys", "delete", id]).await.expect(2);
    assert!(run.only_line().contains("--yes"), "{run:?}");
    machine.run_with(&settings, &["token"]).await.expect(0);
    let delete = ["keys", "delete", id, "--descendants", "--yes"];
    world.run(&delete).await.expect(0);
    machine.run_with(&settings, &["token"]).await.expect(3);
    let run = world.run(&["keys", "delete", id, "--yes"]).await.expect(1);
    assert!(run.only_line().ends_with("(not_found)"), "{run:?}");
    for wrong in [
        &["keys", "delete", "../1", "--yes"][..],
        &["keys", "create"],
        &["keys", "delete", "1", "--descendants=perhaps", "--yes"],
        &["keys", "create", "--name", "x", "--expires-at", "tomorrow"],
    ] {
        world.run(wrong).await.expect(2);
    }
}

async fn refresh_gets_another_token(world: &World) {
    let before = world.run(&["token"]).await.expect(0).stdout;
    let run = world.run(&["refresh"]).await.expect(0);
    assert_eq!(run.stdout, "");
    let expected = "Refreshed: Alice at sandbox (account 1) is active.\n";
    assert_eq!(run.stderr, expected);
    let after = world.run(&["token"]).await.expect(0).stdout;
    assert_ne!(before, after);
    let quiet = ["refresh", "--account", "1", "--quiet"];
    let run = as_admin(world, &quiet).await.expect(0);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
}

async fn the_operator_asks_for_another_consent(world: &World) {
    let relink = ["link", "--relink", "--account", "1", "--json"];
    let run = world.run(&relink).await.expect(2);
    assert!(run.stderr.contains("CENTRAL_OAUTH_ADMIN_KEY"), "{run:?}");
    let run = relink_as(world, "alice", &relink).await.expect(0);
    assert!(run.stderr.contains("person whose account it is"), "{run:?}");
    let lines = run.stdout.lines();
    let lines = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    let words: Vec<_> = lines.map(|line| line["status"].clone()).collect();
    assert_eq!(words, ["pending", "linked"]);
    world.run(&["token"]).await.expect(0);
    let missing = ["link", "--relink", "--account", "99"];
    let run = as_admin(world, &missing).await.expect(1);
    assert!(run.only_line().ends_with("(not_found)"), "{run:?}");
}

/// Starts a relink as the operator and has this person consent.
async fn relink_as(world: &World, person: &str, arguments: &[&str]) -> Run {
    let mut command = world.client(arguments);
    command.env("CENTRAL_OAUTH_ADMIN_KEY", ADMIN);
    let linking = Linking::start(command).await;
    let server = world.server();
    let mut browser = Browser::new();
    browser.consent(&server, &linking.code, person).await;
    linking.end().await
}

#[tokio::test]
async fn the_operator_is_told_that_another_person_has_consented() {
    let world = linked().await;
    let relink = ["link", "--relink", "--account", "1"];
    let run = relink_as(&world, "bob", &relink).await.expect(6);
    assert!(run.stderr.contains("account_mismatch"), "{run:?}");
}

async fn revocations_are_the_operators(world: &World) {
    let run = world.run(&["revocations"]).await.expect(3);
    assert!(
        run.only_line().contains("CENTRAL_OAUTH_ADMIN_KEY"),
        "{run:?}"
    );
    let run = as_admin(world, &["revocations"]).await.expect(0);
    assert_eq!(run.only_line(), "There are no revocations.");
    let run = as_admin(world, &["revocations", "--json"]).await.expect(0);
    assert_eq!(run.stdout, "[]\n");
    world.run(&["revoke", "--yes"]).await.expect(0);
    let run = as_admin(world, &["revocations"]).await.expect(0);
    assert!(run.stdout.starts_with("ID  PROVIDER"), "{run:?}");
    assert!(run.stdout.contains("unsupported"), "{run:?}");
}

async fn accounts_can_be_picked(world: &World) {
    for (arguments, found) in [
        (&["--status", "active"][..], 1),
        (&["--status", "degraded"], 0),
        (&["--provider", "sandbox"], 1),
        (&["--provider", "other"], 0),
        (&["--provider", "sandbox", "--status", "relink_required"], 0),
    ] {
        let run = as_admin(world, &[&["accounts", "--json"], arguments].concat()).await;
        let json: Value = serde_json::from_str(&run.expect(0).stdout).unwrap();
        assert_eq!(json.as_array().map(Vec::len), Some(found), "{arguments:?}");
    }
    let run = as_admin(world, &["accounts", "--status", "degraded"]).await;
    assert_eq!(run.expect(0).only_line(), "No account matches.");
    let wrong = as_admin(world, &["accounts", "--status", "ill"]).await;
    wrong.expect(2);
}
