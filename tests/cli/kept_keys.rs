//! Saved keys: which one is used, where it is sent, and when it is replaced.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::browser::Browser;
use super::linking::Linking;
use super::machine::mode;
use super::world::World;
use crate::support::process::free_port;

fn key_in(text: &str) -> String {
    let line = text.lines().find(|line| line.starts_with("access_key"));
    line.unwrap().split('"').nth(1).unwrap().to_owned()
}

/// Replaces the key in a file by an invalid one. Returns the invalid key.
fn replace_key(file: &Path) -> String {
    let kept = std::fs::read_to_string(file).unwrap();
    let dead = format!("coak_{}", "x".repeat(40));
    std::fs::write(file, kept.replace(&key_in(&kept), &dead)).unwrap();
    dead
}

#[tokio::test]
async fn a_key_that_works_is_not_replaced_by_accident() {
    let world = World::linked().await;
    let file = world.machine.key_file("default");
    let kept = std::fs::read_to_string(&file).unwrap();

    let run = world.run(&["link"]).await.expect(1);
    for way in ["--relink", "--profile", "--force"] {
        assert!(run.only_line().contains(way), "{run:?}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), kept);

    world.link_as("bob", &["link", "--force"]).await.expect(0);
    assert_ne!(std::fs::read_to_string(&file).unwrap(), kept);
    assert_eq!(mode(&file), 0o600);
    let token = world.run(&["token"]).await.expect(0);
    world.expect_token_of("Bob", &token).await;
}

#[tokio::test]
async fn a_key_that_others_may_read_is_warned_of() {
    let world = World::linked().await;
    let file = world.machine.key_file("default");
    let allow = |mode| std::fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
    for mode in [0o644, 0o640, 0o602] {
        allow(mode);
        let run = world.run(&["token"]).await.expect(0);
        let advice = format!("run `chmod 600 {}`\n", file.display());
        assert!(run.stderr.ends_with(&advice), "{run:?}");
        assert_eq!(run.stderr.lines().count(), 1, "{run:?}");
        let run = world.run(&["token", "--quiet"]).await.expect(0);
        assert_eq!(run.stderr, "");
    }
    allow(0o600);
    let run = world.run(&["token"]).await.expect(0);
    assert_eq!(run.stderr, "");
}

#[tokio::test]
async fn a_key_that_may_still_work_is_not_replaced_either() {
    let mut world = World::linked().await;
    world.service.stop().await;
    let run = world.run(&["link"]).await.expect(1);
    assert!(run.only_line().contains("may still work"), "{run:?}");

    let token = world.run(&["token"]).await.expect(8);
    let server = world.service.url("/");
    let expected = format!("central-oauth: {server} cannot be reached: Connection refused");
    assert!(token.only_line().starts_with(&expected), "{token:?}");
}

#[tokio::test]
async fn a_key_that_is_dead_is_replaced_at_its_own_service() {
    let world = World::linked().await;
    replace_key(&world.machine.key_file("default"));
    let token = world.run(&["token"]).await.expect(3);
    assert!(token.only_line().ends_with("(unauthorized)"), "{token:?}");

    // Without a setting, `link` uses the service of the saved key.
    let linking = Linking::start(world.machine.command(&["link"])).await;
    let server = world.server();
    Browser::new()
        .consent(&server, &linking.code, "alice")
        .await;
    linking.end().await.expect(0);
    world.machine.run(&["token"]).await.expect(0);
}

#[tokio::test]
async fn a_broken_file_is_replaced_only_by_force() {
    let world = World::start().await;
    let file = world.machine.key_file("default");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    for broken in [
        "",
        "access_key = 1",
        "server = \"http://h\"\naccess_key = \"a\\nb\"\n",
    ] {
        std::fs::write(&file, broken).unwrap();
        for arguments in [&["link"][..], &["token"], &["link", "--relink"]] {
            let run = world.run(arguments).await.expect(1);
            assert!(run.only_line().contains("link --force"), "{run:?}");
        }
    }
    world.link_as("alice", &["link", "--force"]).await.expect(0);
    world.run(&["token"]).await.expect(0);
}

#[tokio::test]
async fn relinking_keeps_the_key() {
    let world = World::start().await;
    let run = world.run(&["link", "--relink"]).await.expect(3);
    assert!(run.only_line().contains("central-oauth link"), "{run:?}");

    world.link_as("alice", &["link"]).await.expect(0);
    let file = world.machine.key_file("default");
    let kept = std::fs::read_to_string(&file).unwrap();
    world
        .link_as("alice", &["link", "--relink"])
        .await
        .expect(0);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), kept);
    world.run(&["token"]).await.expect(0);
}

#[tokio::test]
async fn a_kept_key_is_sent_to_no_other_service() {
    let world = World::linked().await;
    let other = format!("http://127.0.0.1:{}", free_port());
    for arguments in [&["token"][..], &["link", "--relink"]] {
        let asked = [arguments, &["--server", &other]].concat();
        // If the request had been sent, the exit code would be 8, because nothing listens there.
        let run = world.run(&asked).await.expect(3);
        assert!(run.only_line().contains("belongs to"), "{run:?}");
        let run = world
            .machine
            .run_with(&[("SERVER", &other)], arguments)
            .await;
        assert!(run.expect(3).only_line().contains("belongs to"));
    }
    let same = world.service.url("");
    for same in [&same, &format!("{same}/")] {
        let run = world.machine.run(&["token", "--server", same]).await;
        run.expect(0);
    }
    let below = world.service.url("/another");
    let run = world.machine.run(&["token", "--server", &below]).await;
    assert!(run.expect(3).only_line().contains("belongs to"));
}

#[tokio::test]
async fn profiles_and_files_stand_beside_each_other() {
    let world = World::start().await;
    let alice = ["link", "--profile", "alice"];
    world.link_as("alice", &alice).await.expect(0);
    world
        .link_as("bob", &["link", "--key-file", "keys/bob.toml"])
        .await
        .expect(0);
    let file = world.machine.work().join("keys/bob.toml");
    assert_eq!(mode(&file), 0o600);
    assert!(!world.machine.key_file("default").exists());
    for (target, name) in [
        (["--profile", "alice"], "Alice"),
        (["--key-file", "keys/bob.toml"], "Bob"),
    ] {
        let arguments = [&["token"][..], &target].concat();
        let token = world.machine.run(&arguments).await.expect(0);
        world.expect_token_of(name, &token).await;
    }
    world.run(&["token"]).await.expect(3);
}

#[tokio::test]
async fn a_key_of_the_environment_goes_first() {
    let world = World::linked().await;
    world
        .link_as("bob", &["link", "--profile", "bob"])
        .await
        .expect(0);
    let bob = std::fs::read_to_string(world.machine.key_file("bob")).unwrap();
    let (server, key) = (world.server(), format!("{}\n", key_in(&bob)));
    let settings = [("SERVER", server.as_str()), ("ACCESS_KEY", &key)];
    let token = world.machine.run_with(&settings, &["token"]).await;
    let token = token.expect(0);
    world.expect_token_of("Bob", &token).await;
}

#[tokio::test]
async fn what_the_command_line_selects_beats_the_environment() {
    let world = World::linked().await;
    let bob = ["link", "--profile", "bob"];
    world.link_as("bob", &bob).await.expect(0);
    let alice = std::fs::read_to_string(world.machine.key_file("default")).unwrap();
    let (key, server) = (key_in(&alice), world.server());
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let file = world.machine.key_file("bob").display().to_string();
    let settings = [("SERVER", nobody.as_str()), ("ACCESS_KEY", &key)];
    for (selection, name) in [
        (["--profile", "bob"], "Bob"),
        (["--key-file", &file], "Bob"),
        (["--server", &server], "Alice"),
    ] {
        let arguments = [&["token"][..], &selection].concat();
        let run = world.machine.run_with(&settings, &arguments).await;
        let run = run.expect(0);
        world.expect_token_of(name, &run).await;
    }
}

#[tokio::test]
async fn a_rejected_key_is_named_with_its_service_and_its_place() {
    let world = World::linked().await;
    let file = world.machine.key_file("default");
    let dead = replace_key(&file);
    let server = world.server();
    let run = world.run(&["token"]).await.expect(3);
    let expected = format!(
        "central-oauth: {server}/ rejected the key in {}: ",
        file.display()
    );
    assert!(run.only_line().starts_with(&expected), "{run:?}");
    let settings = [("SERVER", server.as_str()), ("ACCESS_KEY", &dead)];
    let run = world.machine.run_with(&settings, &["accounts"]).await;
    let run = run.expect(3);
    let expected =
        format!("central-oauth: {server}/ rejected the key in CENTRAL_OAUTH_ACCESS_KEY: ");
    assert!(run.only_line().starts_with(&expected), "{run:?}");
    assert!(!run.stderr.contains(&dead), "{run:?}");
    let secret = world.machine.work().join("key");
    std::fs::write(&secret, format!("{dead}\n")).unwrap();
    let secret = secret.display().to_string();
    let settings = [("SERVER", server.as_str()), ("ACCESS_KEY_FILE", &secret)];
    let run = world.machine.run_with(&settings, &["token"]).await;
    let run = run.expect(3);
    let variable = "rejected the key in CENTRAL_OAUTH_ACCESS_KEY_FILE: ";
    assert!(run.only_line().contains(variable), "{run:?}");
}
