//! `link`: what it shows and what it keeps.

use std::time::Duration;

use rustix::process::Signal;

use super::browser::Browser;
use super::dev_run::send;
use super::linking::Linking;
use super::machine::{mode, names};
use super::world::World;
use crate::support::process::{eventually, within};

#[tokio::test]
async fn keeps_a_key_that_gets_tokens() {
    let world = World::start().await;
    let linked = world.link_as("alice", &["link"]).await.expect(0);
    assert_eq!(linked.stdout, "", "stdout is for scripts");
    let page = world.service.url("/device");
    for part in [
        format!("at sandbox, open\n\n    {page}\n"),
        "and enter the code\n\n    ".to_owned(),
        "\nwaiting for the code to be entered\n".to_owned(),
        "\nLinked: Alice at sandbox.\n".to_owned(),
    ] {
        assert!(linked.stderr.contains(&part), "no {part:?} in {linked:?}");
    }
    assert!(!linked.stderr.contains('\u{1b}'), "{linked:?}");
    assert!(!linked.stderr.contains('█'), "{linked:?}");

    let file = world.machine.key_file("default");
    assert!(linked.stderr.contains(file.to_str().unwrap()), "{linked:?}");
    assert_eq!(mode(&file), 0o600);
    assert_eq!(names(file.parent().unwrap()), ["default.toml"]);

    let token = world.run(&["token"]).await.expect(0);
    assert_eq!(token.stderr, "");
    let alone = token.stdout.strip_suffix('\n').unwrap();
    assert!(alone.bytes().all(|b| b.is_ascii_graphic()), "{token:?}");
    assert_eq!(
        world.greeted(alone).await,
        "Hello, Alice! Your access token works."
    );
}

#[tokio::test]
async fn draws_a_qr_code_when_asked_to() {
    let world = World::start().await;
    for (when, drawn) in [("always", true), ("never", false), ("auto", false)] {
        let command = world.client(&["link", "--qr", when]);
        let mut linking = Linking::start(command).await;
        linking.wait_for(|line| line.starts_with("waiting")).await;
        let server = world.server();
        Browser::new().cancel(&server, &linking.code).await;
        let run = linking.end().await.expect(4);
        assert_eq!(run.stderr.contains("or scan this:"), drawn, "{run:?}");
        assert_eq!(run.stderr.contains('▀'), drawn, "{run:?}");
    }
}

#[tokio::test]
async fn an_interrupted_link_is_taken_up_by_the_next() {
    let world = World::start().await;
    let linking = Linking::start(world.client(&["link"])).await;
    send(linking.child(), Signal::INT);
    let code = linking.code.clone();
    assert_eq!(linking.end().await.code, None);
    let folder = world.machine.key_file("default");
    let pending = folder.with_file_name("default.toml.pending");
    assert_eq!(names(folder.parent().unwrap()), ["default.toml.pending"]);
    assert_eq!(mode(&pending), 0o600);

    // The person consents although nobody waits any more.
    Browser::new().consent(&world.server(), &code, "bob").await;
    let with_pending = ["token", "--key-file", pending.to_str().unwrap()];
    eventually(Duration::from_secs(60), "the consent", async || {
        world.run(&with_pending).await.code == Some(0)
    })
    .await;
    let run = world.run(&["link"]).await.expect(0);
    assert!(
        run.stderr
            .contains("An earlier, interrupted link has been completed"),
        "{run:?}"
    );
    assert_eq!(names(folder.parent().unwrap()), ["default.toml"]);
    world.run(&["token"]).await.expect(0);
}

#[tokio::test]
async fn survives_a_restart_of_the_service() {
    let mut world = World::start().await;
    let mut linking = Linking::start(world.client(&["link"])).await;
    linking.wait_for(|line| line.starts_with("waiting")).await;
    world.service.stop().await;
    let gone = "the service cannot be reached, trying again";
    linking.wait_for(|line| line == gone).await;
    world.service.run().await;
    linking.wait_for(|line| line.starts_with("waiting")).await;
    let server = world.server();
    Browser::new().consent(&server, &linking.code, "bob").await;
    let run = linking.end().await.expect(0);
    assert!(run.stderr.contains("Linked: Bob at sandbox."), "{run:?}");
}

#[tokio::test]
async fn a_reader_that_goes_away_does_not_end_it() {
    let world = World::start().await;
    let linking = Linking::start(world.client(&["link"])).await;
    let (server, code) = (world.server(), linking.code.clone());
    let mut child = linking.stop_listening();
    Browser::new().consent(&server, &code, "alice").await;
    let ended = within(Duration::from_secs(60), "the end of `link`", child.wait());
    assert_eq!(ended.await.unwrap().code(), Some(0));
    assert!(world.machine.key_file("default").exists());
}
