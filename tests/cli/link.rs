//! `link`: its output and the saved key.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::{Value, json};

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
        format!("contains the code:\n\n    {page}?code="),
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
    for (when, colour, drawn) in [
        ("always", "", true),
        ("always", "none", true),
        ("never", "", false),
        ("auto", "", false),
    ] {
        let mut command = world.client(&["link", "--qr", when]);
        command.env("NO_COLOR", colour);
        let mut linking = Linking::start(command).await;
        linking.wait_for(|line| line.starts_with("waiting")).await;
        let server = world.server();
        Browser::new().cancel(&server, &linking.code).await;
        let run = linking.end().await.expect(4);
        assert_eq!(run.stderr.contains("or scan this:"), drawn, "{run:?}");
        assert_eq!(run.stderr.contains('▀'), drawn, "{run:?}");
        let is_coloured = drawn && colour.is_empty();
        assert_eq!(run.stderr.contains('\u{1b}'), is_coloured, "{run:?}");
    }
}

#[tokio::test]
async fn of_two_links_of_one_profile_none_loses_the_key_of_the_other() {
    let world = World::start().await;
    let first = Linking::start(world.client(&["link"])).await;
    for second in [&["link"][..], &["link", "--force"]] {
        let run = world.run(second).await.expect(1);
        assert!(run.only_line().contains("let it finish"), "{run:?}");
    }
    world
        .link_as("bob", &["link", "--profile", "bob"])
        .await
        .expect(0);
    let server = world.server();
    Browser::new().consent(&server, &first.code, "alice").await;
    first.end().await.expect(0);
    let token = world.run(&["token"]).await.expect(0);
    world.expect_token_of("Alice", &token).await;
}

/// Starts a link and ends the command before anybody consents. Returns the code.
async fn interrupted(world: &World, signal: Signal) -> String {
    let linking = Linking::start(world.client(&["link"])).await;
    send(linking.child(), signal);
    let code = linking.code.clone();
    assert_eq!(linking.end().await.code, None);
    code
}

/// Returns the path of the key of the first interrupted link.
fn pending(world: &World) -> PathBuf {
    let key_file = world.machine.key_file("default");
    key_file.with_file_name("default.toml.pending")
}

/// Bob consents although the command has ended.
async fn consent(world: &World, code: &str) {
    Browser::new().consent(&world.server(), code, "bob").await;
    let pending = pending(world);
    let with_pending = ["token", "--key-file", pending.to_str().unwrap()];
    eventually(Duration::from_secs(60), "the consent", async || {
        world.run(&with_pending).await.code == Some(0)
    })
    .await;
}

/// Bob consents, and the next `link` takes up the key of the first interrupted link.
async fn expect_taken_up(world: &World, code: &str) {
    consent(world, code).await;
    let run = world.run(&["link"]).await.expect(0);
    let completed = "An earlier, interrupted link has been completed";
    assert!(run.stderr.contains(completed), "{run:?}");
    let token = world.run(&["token"]).await.expect(0);
    world.expect_token_of("Bob", &token).await;
}

#[tokio::test]
async fn an_interrupted_link_is_taken_up_by_the_next() {
    let world = World::start().await;
    let code = interrupted(&world, Signal::INT).await;
    let pending = pending(&world);
    let folder = pending.parent().unwrap();
    let left = ["default.toml.lock", "default.toml.pending"];
    assert_eq!(names(folder), left);
    assert_eq!(mode(&pending), 0o600);
    expect_taken_up(&world, &code).await;
    assert_eq!(names(folder), ["default.toml"]);
}

#[tokio::test]
async fn an_interrupted_link_is_taken_up_with_its_account_and_the_hosts() {
    let world = World::start().await;
    let code = interrupted(&world, Signal::KILL).await;
    consent(&world, &code).await;
    let run = world.run(&["link", "--provider", "other"]).await.expect(1);
    assert!(run.only_line().contains("(unprocessable)"), "{run:?}");
    assert!(pending(&world).exists());

    let link = ["link", "--provider", "sandbox", "--json", "--host"];
    let link = [&link[..], &["git.example.com"]].concat();
    let run = world.run(&link).await.expect(0);
    let completed = "An earlier, interrupted link has been completed: Bob at sandbox.\n";
    assert!(run.stderr.contains(completed), "{run:?}");
    let event: Value = serde_json::from_str(&run.stdout).unwrap();
    let account = json!({ "provider": "sandbox", "display_name": "Bob" });
    assert_eq!(event["account"], account);
    let saved = std::fs::read_to_string(world.machine.key_file("default")).unwrap();
    assert!(saved.contains("git.example.com"), "{saved}");
}

#[tokio::test]
async fn an_interrupted_link_does_not_give_a_key_of_another_role() {
    let world = World::start().await;
    let code = interrupted(&world, Signal::KILL).await;
    consent(&world, &code).await;
    let reader = ["link", "--role", "reader"];
    let linked = world.link_as("alice", &reader).await.expect(0);
    let run = world.run(&["keys", "list"]).await.expect(1);
    assert!(run.only_line().ends_with("(forbidden)"), "{run:?}");

    // The service does not show the key of the interrupted link again, so the file is kept.
    let pending = pending(&world);
    let kept = format!(
        "an interrupted link for Bob at sandbox (account 1) is complete; select the key in {} with --key-file",
        pending.display()
    );
    assert!(linked.stderr.contains(&kept), "{linked:?}");
    let run = world.run(&["link"]).await.expect(1);
    assert!(run.only_line().contains("holds an access key"), "{run:?}");
    let list = ["keys", "list", "--key-file", pending.to_str().unwrap()];
    world.run(&list).await.expect(0);
}

#[tokio::test]
async fn an_interrupted_link_does_not_give_an_account_without_the_labels() {
    let world = World::start().await;
    let code = interrupted(&world, Signal::KILL).await;
    consent(&world, &code).await;
    let labelled = ["link", "--label", "team=billing"];
    world.link_as("alice", &labelled).await.expect(0);
    let token = world.run(&["token"]).await.expect(0);
    world.expect_token_of("Alice", &token).await;
    assert!(pending(&world).exists());
}

#[tokio::test]
async fn logout_removes_the_key_of_an_interrupted_link() {
    let world = World::start().await;
    interrupted(&world, Signal::KILL).await;
    world.run(&["logout", "--yes"]).await.expect(0);
    assert!(!pending(&world).exists());
    world.run(&["logout", "--yes"]).await.expect(3);
}

#[tokio::test]
async fn logout_does_not_remove_the_key_of_a_link_in_progress() {
    let world = World::start().await;
    let linking = Linking::start(world.client(&["link"])).await;
    let run = world.run(&["logout", "--yes"]).await.expect(1);
    assert!(run.only_line().contains("let it finish"), "{run:?}");
    assert!(pending(&world).exists());
    Browser::new().cancel(&world.server(), &linking.code).await;
    linking.end().await.expect(4);
    world.run(&["logout", "--yes"]).await.expect(3);
}

#[tokio::test]
async fn of_two_interrupted_links_the_first_can_still_be_completed() {
    let world = World::start().await;
    let first = interrupted(&world, Signal::KILL).await;
    interrupted(&world, Signal::KILL).await;
    expect_taken_up(&world, &first).await;
}

#[tokio::test]
async fn no_interrupted_link_is_lost_to_a_later_one() {
    let world = World::start().await;
    let first = interrupted(&world, Signal::KILL).await;
    let key = std::fs::read_to_string(pending(&world)).unwrap();
    for _ in 1..8 {
        interrupted(&world, Signal::KILL).await;
    }
    for link in [&["link"][..], &["link", "--force"]] {
        let run = world.run(link).await.expect(1);
        let line = run.only_line();
        assert!(line.contains("8 interrupted links"), "{line}");
        assert_eq!(std::fs::read_to_string(pending(&world)).unwrap(), key);
    }
    // A later link reuses a file without a key, and the file of a link that has ended.
    let last = pending(&world).with_extension("pending7");
    std::fs::write(&last, "").unwrap();
    interrupted(&world, Signal::KILL).await;
    assert!(std::fs::read_to_string(&last).unwrap().contains("coak_"));
    Browser::new().cancel(&world.server(), &first).await;
    world.link_as("alice", &["link"]).await.expect(0);
    assert!(!pending(&world).exists());
}

#[tokio::test]
async fn a_completed_link_is_saved_although_the_folder_of_keys_is_gone() {
    let world = World::start().await;
    let linking = Linking::start(world.client(&["link"])).await;
    let key_file = world.machine.key_file("default");
    std::fs::remove_dir_all(key_file.parent().unwrap()).unwrap();
    let server = world.server();
    Browser::new()
        .consent(&server, &linking.code, "alice")
        .await;
    linking.end().await.expect(0);
    let token = world.run(&["token"]).await.expect(0);
    world.expect_token_of("Alice", &token).await;
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

#[tokio::test]
async fn ci_reads_the_code_and_the_result_as_json() {
    let mut world = World::start().await;
    world.service.set("PROVIDER_DISPLAY_NAME", "Sandbox Ltd");
    world.service.restart().await;
    let linked = world.link_as("alice", &["link", "--json"]).await.expect(0);
    let open = "To let this program use an account at Sandbox Ltd, open\n";
    assert!(linked.stderr.contains(open), "{linked:?}");
    assert!(
        linked.stderr.contains("Linked: Alice at Sandbox Ltd.\n"),
        "{linked:?}"
    );
    let lines = linked.stdout.lines();
    let lines: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2, "{linked:?}");
    let page = world.service.url("/device");
    let code = lines[0]["link_code"].as_str().unwrap();
    assert_eq!(lines[0]["verification_url"], page);
    assert_eq!(
        lines[0]["verification_url_complete"],
        format!("{page}?code={code}")
    );
    let provider = json!({ "name": "sandbox", "display_name": "Sandbox Ltd" });
    assert_eq!(lines[0]["provider"], provider);
    assert_eq!(lines[1]["status"], "linked");
    assert_eq!(lines[1]["account"]["display_name"], "Alice");
    assert!(!linked.stdout.contains("coak_"), "{linked:?}");

    world.service.set("LINK_CODE_TTL", "1");
    world.service.restart().await;
    let quiet = ["link", "--json", "--quiet", "--force"];
    let run = world.run(&quiet).await.expect(5);
    assert_eq!(run.stderr.lines().count(), 1, "{run:?}");
    let last: Value = serde_json::from_str(run.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["status"], &last["exit_code"]),
        (&json!("expired"), &json!(5))
    );
}

/// Opens a pseudo-terminal, for a command that checks for a terminal.
pub(super) fn terminal() -> (File, File) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let other = File::options().write(true).open(name.to_str().unwrap());
    (File::from(terminal), other.unwrap())
}

#[tokio::test]
async fn a_browser_is_opened_where_there_is_one() {
    let mut world = World::start().await;
    world.service.set("LINK_CODE_TTL", "1");
    world.service.restart().await;
    // Stands in for the desktop's `xdg-open`.
    let script = world.machine.work().join("xdg-open");
    let opened = world.machine.work().join("opened");
    std::fs::write(
        &script,
        format!("#!/bin/sh\necho \"$@\" > {}\n", opened.display()),
    )
    .unwrap();
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    let script = script.display().to_string();
    let page = world.service.url("/device?code=");
    for (browser, option, expected) in [
        (script.clone(), Some("--no-browser"), None),
        (script.clone(), None, Some(page.clone())),
        (
            format!("{script} --new-window"),
            None,
            Some(format!("--new-window {page}")),
        ),
        (
            format!("{script} --url=%s"),
            None,
            Some(format!("--url={page}")),
        ),
        ("no-such-browser %s".to_owned(), None, Some(page.clone())),
    ] {
        _ = std::fs::remove_file(&opened);
        let (_screen, stderr) = terminal();
        let mut command = world.client(&["link", "--qr", "never"]);
        command.args(option).stderr(stderr);
        command.env("BROWSER", &browser).env("DISPLAY", ":0");
        command.env(
            "PATH",
            format!("{}:/usr/bin:/bin", world.machine.work().display()),
        );
        let mut child = command.spawn().unwrap();
        let ended = within(Duration::from_secs(60), "the end of `link`", child.wait());
        assert_eq!(ended.await.unwrap().code(), Some(5));
        let Some(expected) = expected else {
            assert!(!opened.exists());
            continue;
        };
        // `link` does not wait for the browser, so the file may come later.
        let limit = Duration::from_secs(30);
        let written = async || std::fs::metadata(&opened).is_ok_and(|it| it.len() > 0);
        eventually(limit, "the browser", written).await;
        let arguments = std::fs::read_to_string(&opened).unwrap();
        assert!(arguments.starts_with(&expected), "{browser}: {arguments}");
    }
}
