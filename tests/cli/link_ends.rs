//! Links that end without an account.

use super::browser::Browser;
use super::linking::Linking;
use super::machine::{Machine, Run};
use super::world::World;
use crate::support::http;
use crate::support::process::free_port;
use crate::support::service::Service;

#[tokio::test]
async fn denied_at_the_page() {
    let world = World::start().await;
    let linking = Linking::start(world.client(&["link"])).await;
    let server = world.server();
    Browser::new().cancel(&server, &linking.code).await;
    let run = linking.end().await.expect(4);
    assert!(
        run.stderr.ends_with("central-oauth: the person declined\n"),
        "{run:?}"
    );
    assert!(!world.machine.key_file("default").exists());
}

#[tokio::test]
async fn denied_at_the_provider() {
    let world = World::start().await;
    let linking = Linking::start(world.client(&["link"])).await;
    let mut person = Browser::new();
    let server = world.server();
    let sandbox = person.confirm(&server, &linking.code).await;
    person.decide(&sandbox, "alice", "deny").await;
    let run = linking.end().await.expect(4);
    assert!(
        run.stderr.contains("waiting for consent at the provider\n"),
        "{run:?}"
    );
}

#[tokio::test]
async fn expired() {
    let mut world = World::start().await;
    world.service.set("LINK_CODE_TTL", "2");
    world.service.restart().await;
    let run = world.run(&["link"]).await.expect(5);
    assert_eq!(run.stdout, "");
    assert!(
        run.stderr
            .ends_with("expired before anybody consented: run this command again for a new code\n"),
        "{run:?}"
    );
}

#[tokio::test]
async fn another_person_at_a_relink() {
    let world = World::linked().await;
    let run = world.link_as("bob", &["link", "--relink"]).await.expect(6);
    assert!(run.stderr.contains("(account_mismatch)"), "{run:?}");
    world.run(&["token"]).await.expect(0);
}

#[tokio::test]
async fn nobody_behind_a_proxy() {
    let machine = Machine::new();
    let proxy = format!("http://127.0.0.1:{}", free_port());
    for (exceptions, hint) in [
        ("", "; check the proxy in HTTPS_PROXY"),
        ("auth.example.invalid", "; check HTTPS_PROXY and NO_PROXY"),
    ] {
        let mut command = machine.command(&["link", "--server", "https://auth.example.invalid"]);
        command
            .env("HTTPS_PROXY", &proxy)
            .env("NO_PROXY", exceptions);
        let run = Run::of(command).await.expect(8);
        assert!(run.only_line().ends_with(hint), "{run:?}");
    }
}

#[tokio::test]
async fn nobody_there() {
    let machine = Machine::new();
    let server = format!("http://127.0.0.1:{}/", free_port());
    let run = machine.run(&["link", "--server", &server]).await.expect(8);
    let expected = format!("central-oauth: {server} cannot be reached: Connection refused");
    assert!(run.only_line().starts_with(&expected), "{run:?}");
}

#[tokio::test]
async fn somebody_else_there() {
    let world = World::start().await;
    let sandbox = world.sandbox.base_url();
    let run = world.run(&["link", "--server", sandbox]).await.expect(8);
    let stranger = "answered 404 Not Found, not as a Central OAuth service does";
    assert!(run.only_line().ends_with(stranger), "{run:?}");
}

#[tokio::test]
async fn no_provider() {
    let service = Service::start(&[]).await;
    assert!(
        service.logs().contains("no provider is configured"),
        "{}",
        service.logs()
    );
    let request = http::client().post(service.url("/v1/link-code"));
    let answer = http::send(request).await.expect(503);
    assert_eq!(answer.str("code"), "provider_not_configured");

    let server = service.url("");
    let run = Machine::new()
        .run(&["link", "--server", &server])
        .await
        .expect(1);
    assert!(
        run.only_line().ends_with("(provider_not_configured)"),
        "{run:?}"
    );
}

#[tokio::test]
async fn an_enrolment_key_is_needed_where_one_is_set() {
    const KEY: &str = "enrol-0123456789abcdef";
    let mut world = World::start().await;
    world.service.set("ENROLL_KEY", KEY);
    world.service.restart().await;
    let run = world.run(&["link"]).await.expect(3);
    let expected = format!(
        "central-oauth: {}/ needs an enrolment key for a new link: ask its operator for the key, and set \
         CENTRAL_OAUTH_ENROLL_KEY (enroll_key_required)",
        world.server()
    );
    assert_eq!(run.only_line(), expected);

    let wrong = [("ENROLL_KEY", "not-the-enrolment-key")];
    let link = ["link", "--server", &world.server()];
    let run = world.machine.run_with(&wrong, &link).await.expect(3);
    let source = "rejected the key in CENTRAL_OAUTH_ENROLL_KEY: ";
    assert!(run.only_line().contains(source), "{run:?}");

    let mut command = world.client(&["link"]);
    // Files with secrets usually end with a line feed.
    command.env("CENTRAL_OAUTH_ENROLL_KEY", format!("{KEY}\n"));
    let linking = Linking::start(command).await;
    let server = world.server();
    Browser::new().cancel(&server, &linking.code).await;
    linking.end().await.expect(4);
    it_is_not_sent_to_the_service_of_a_saved_key(&world, KEY).await;
}

/// The enrolment key must not go there, because the saved key may belong to another service.
async fn it_is_not_sent_to_the_service_of_a_saved_key(world: &World, key: &str) {
    let (machine, server) = (&world.machine, world.server());
    let file = machine.key_file("work");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let dead = "x".repeat(40);
    std::fs::write(
        &file,
        format!("server = \"{server}\"\naccess_key = \"{dead}\"\n"),
    )
    .unwrap();
    let settings = [("SERVER", "https://auth.example.com"), ("ENROLL_KEY", key)];
    let link = ["link", "--profile", "work", "--no-browser"];
    let run = machine.run_with(&settings, &link).await.expect(3);
    let warning =
        format!("CENTRAL_OAUTH_ENROLL_KEY is not sent to {server}/, the service of a saved key: ");
    assert!(run.stderr.contains(&warning), "{run:?}");
    assert!(run.stderr.contains("(enroll_key_required)"), "{run:?}");

    let link = [&link[..], &["--server", &server]].concat();
    let linking = Linking::start(machine.command_with(&settings, &link)).await;
    Browser::new().cancel(&server, &linking.code).await;
    linking.end().await.expect(4);
}

#[tokio::test]
async fn mistakes_on_the_command_line() {
    let machine = Machine::new();
    for arguments in [
        &["link", "--server", "auth.example.com"][..],
        &["link", "--server", "localhost:8080"],
        &["link", "--server", "ftp://auth.example.com"],
        &["link", "--server", "http://me:secret@auth.example.com"],
        &["link", "--profile", "../elsewhere"],
        &["link", "--profile", ""],
        &["link", "--profile", "a", "--key-file", "b"],
        &["link", "--force", "--relink"],
        &["link", "--account", "1"],
        &["link", "--relink", "--account", "../1"],
        &["link", "--relink", "--account", "1", "--profile", "a"],
        &["link", "--relink", "--account", "1", "--return-code"],
        &["link", "--qr", "perhaps"],
        &["token", "--min-ttl", "-1"],
        &["token", "surplus"],
        &["unknown"],
        &[],
    ] {
        let run = machine.run(arguments).await.expect(2);
        assert_eq!(run.stdout, "", "{arguments:?}");
        assert!(
            run.stderr.contains("Usage:") || run.stderr.contains("--help"),
            "{run:?}"
        );
    }
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_found_before_a_code_is_asked_for() {
    let machine = Machine::new();
    // No request is sent: otherwise the exit code would be 8, because nothing listens there.
    let server = format!("http://127.0.0.1:{}", free_port());
    let folder = machine.work().display().to_string();
    for file in [folder.as_str(), "/dev/null/key.toml"] {
        for arguments in [
            &["link", "--server", &server, "--key-file", file][..],
            &["link", "--server", &server, "--key-file", file, "--force"],
        ] {
            let run = machine.run(arguments).await.expect(1);
            assert!(run.only_line().contains(file), "{run:?}");
        }
    }
}

#[tokio::test]
async fn a_service_that_never_comes_back() {
    let mut world = World::start().await;
    world.service.set("LINK_CODE_TTL", "15");
    world.service.restart().await;
    let linking = Linking::start(world.client(&["link"])).await;
    world.service.kill().await;
    let run = linking.end().await.expect(8);
    let trying = "\nthe service cannot be reached, trying again\n";
    assert_eq!(run.stderr.matches(trying).count(), 1, "{run:?}");
}

#[tokio::test]
async fn a_machine_without_ca_certificates_is_told_how_to_name_some() {
    let machine = Machine::new();
    let mut link = machine.command(&["link", "--server", "https://127.0.0.1:1"]);
    let output = link.env("SSL_CERT_FILE", "/dev/null").output();
    let output = output.await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.starts_with("central-oauth: no HTTPS client: "),
        "{said}"
    );
    assert!(said.contains("(SSL_CERT_FILE may name"), "{said}");
}
