//! `serve`, as service managers run it.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::link::terminal;
use super::machine::{Machine, Run, names};
use super::world::World;
use crate::support::http;
use crate::support::process::{eventually, free_port, within};
use crate::support::service::Service;

const PROVIDER: [(&str, &str); 2] = [
    ("PROVIDER_CLIENT_ID", "central-oauth"),
    ("PROVIDER_ISSUER", "https://login.example.com"),
];

/// Less than the service would wait for running requests.
const PROMPTLY: Duration = Duration::from_secs(12);

#[tokio::test]
async fn ends_promptly_though_somebody_keeps_a_connection() {
    let mut service = Service::start(&PROVIDER).await;
    let client = http::client();
    http::send(client.get(service.url("/v1/healthz")))
        .await
        .expect(200);
    let _silent = tokio::net::TcpStream::connect(service.url("").trim_start_matches("http://"))
        .await
        .unwrap();
    let asked = Instant::now();
    assert_eq!(service.stop().await.code(), Some(0));
    let took = asked.elapsed();
    assert!(took < PROMPTLY, "{took:?}");
    drop(client);
}

#[tokio::test]
async fn ends_promptly_while_a_person_is_away() {
    let mut world = World::start().await;
    let linking = super::linking::Linking::start(world.client(&["link"])).await;
    let server = world.server();
    super::browser::Browser::new()
        .confirm(&server, &linking.code)
        .await;
    let asked = Instant::now();
    assert_eq!(world.service.stop().await.code(), Some(0));
    let took = asked.elapsed();
    assert!(took < PROMPTLY, "{took:?}");
}

#[tokio::test]
async fn an_issuer_that_cannot_be_reached_is_named_at_the_start() {
    let issuer = format!("http://127.0.0.1:{}/realms/work", free_port());
    let provider = [("PROVIDER_CLIENT_ID", "x"), ("PROVIDER_ISSUER", &issuer)];
    let mut service = Service::start(&provider).await;
    let warned = || {
        let logs = service.logs();
        let mut lines = logs.lines().filter(|line| line.contains("WARN"));
        lines.any(|line| line.contains(&issuer) && line.contains("default"))
    };
    eventually(Duration::from_secs(30), "a warning", async || warned()).await;
    let ready = http::client().get(service.url("/v1/readyz"));
    http::send(ready).await.expect(200);
    service.stop().await;
}

#[tokio::test]
async fn logs_are_lines_of_text_without_colours() {
    let mut service = Service::start(&PROVIDER).await;
    service.stop().await;
    let logs = service.logs();
    for event in ["serving", "stopping", "stopped"] {
        assert!(logs.contains(event), "{logs}");
    }
    assert!(!logs.contains('\u{1b}'), "{logs}");
}

#[tokio::test]
async fn logs_are_one_object_a_line() {
    let mut service = Service::start(&[("LOG_FORMAT", "json"), ("LOG", "trace")]).await;
    let request = http::client().post(service.url("/v1/link-code"));
    http::send(request.body("not\njson")).await;
    service.stop().await;
    let logs = service.logs();
    let mut messages = Vec::new();
    for line in logs.lines() {
        let event: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(
            event["level"].is_string() && event["timestamp"].is_string(),
            "{line}"
        );
        messages.extend(event["message"].as_str().map(str::to_owned));
    }
    for event in ["serving", "stopping", "stopped"] {
        assert!(messages.iter().any(|message| message == event), "{logs}");
    }
}

#[tokio::test]
async fn a_taken_port_is_one_line() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let settings = [
        ("SECRET_KEY", Service::SECRET_KEY),
        ("LISTEN_ADDR", address.as_str()),
        ("LOG", "warn"),
        PROVIDER[0],
        PROVIDER[1],
    ];
    let run = Machine::new()
        .run_with(&settings, &["serve"])
        .await
        .expect(1);
    let expected = format!("central-oauth: cannot listen on {address}: Address already in use");
    assert!(run.only_line().starts_with(&expected), "{run:?}");
    let hint = "; CENTRAL_OAUTH_LISTEN_ADDR selects another address";
    assert!(run.only_line().ends_with(hint), "{run:?}");
}

#[tokio::test]
async fn no_colour_is_written_where_none_is_wanted() {
    let machine = Machine::new();
    let settings = [
        ("SECRET_KEY", Service::SECRET_KEY),
        ("LISTEN_ADDR", "127.0.0.1:0"),
    ];
    for (no_color, is_coloured) in [("", true), ("1", false)] {
        let (screen, stderr) = terminal();
        let mut command = machine.command_with(&settings, &["serve"]);
        command.env("NO_COLOR", no_color).stderr(stderr);
        let _service = command.spawn().unwrap();
        drop(command);
        let reading = tokio::task::spawn_blocking(move || {
            BufReader::new(screen).lines().next().unwrap().unwrap()
        });
        let line = within(Duration::from_secs(60), "a line", reading)
            .await
            .unwrap();
        assert!(line.contains("no provider is configured"), "{line}");
        assert_eq!(line.contains('\u{1b}'), is_coloured, "{line}");
    }
}

#[tokio::test]
async fn a_database_file_that_is_mounted_without_its_folder_is_refused() {
    let machine = Machine::new();
    let settings = [
        ("SECRET_KEY", Service::SECRET_KEY),
        ("DB_PATH", "a folder/db.sqlite3"),
    ];
    let binary = env!("CARGO_BIN_EXE_central-oauth");
    let script = format!(
        "mkdir 'a folder'; touch host.sqlite3 'a folder/db.sqlite3'; chmod 600 host.sqlite3 'a folder/db.sqlite3'
        unshare --map-root-user --mount true || exit 77
        exec unshare --map-root-user --mount sh -c \
            'mount --bind host.sqlite3 \"a folder/db.sqlite3\" && exec {binary} serve'"
    );
    let run = Run::of(machine.shell(&settings, &script)).await;
    if run.code == Some(77) {
        println!("nothing can be mounted in a namespace");
        return;
    }
    let run = run.expect(1);
    assert!(
        run.only_line().contains("is mounted without its folder"),
        "{run:?}"
    );
}

#[tokio::test]
async fn quotes_that_docker_keeps_are_told() {
    let machine = Machine::new();
    let quoted = [
        ("SECRET_KEY", Service::SECRET_KEY),
        ("ADMIN_KEY", "\"0123456789abcdef\""),
    ];
    let run = machine.run_with(&quoted, &["config", "check"]).await;
    assert!(
        run.stderr.contains("CENTRAL_OAUTH_ADMIN_KEY is in quotes"),
        "{run:?}"
    );
    let quoted = [
        ("SECRET_KEY", Service::SECRET_KEY),
        ("DB_PATH", "'db.sqlite3'"),
    ];
    let run = machine.run_with(&quoted, &["serve"]).await.expect(1);
    let line = "central-oauth: CENTRAL_OAUTH_DB_PATH: is in quotes";
    assert!(run.only_line().starts_with(line), "{run:?}");
    assert_eq!(names(&machine.work()), [""; 0]);
}

#[tokio::test]
async fn quotes_around_a_secret_of_a_providers_file_are_told() {
    let machine = Machine::new();
    let providers = "[work]\nissuer = \"https://login.example.com\"\nclient_id = \"central-oauth\"\n\
                     client_secret_env = \"WORK_SECRET\"\n";
    std::fs::write(machine.work().join("providers.toml"), providers).unwrap();
    let settings = [
        ("SECRET_KEY", Service::SECRET_KEY),
        ("PROVIDERS", "providers.toml"),
    ];
    let mut command = machine.command_with(&settings, &["config", "check"]);
    command.env("WORK_SECRET", "'hunter2'");
    let run = Run::of(command).await.expect(0);
    assert!(run.stderr.contains("WORK_SECRET is in quotes"), "{run:?}");
    assert!(!run.stderr.contains("hunter2"), "{run:?}");
}

#[tokio::test]
async fn quotes_and_misspelt_names_are_told_with_the_error_that_they_cause() {
    let machine = Machine::new();
    let key = ("SECRET_KEY", Service::SECRET_KEY);
    let quoted_key = format!("\"{}\"", Service::SECRET_KEY);
    let quoted_issuer = ("PROVIDER_ISSUER", "'https://login.example.com'");
    let quotes = "; its value is in quotes: remove them";
    for (settings, hint) in [
        (&[key, PROVIDER[0], quoted_issuer][..], quotes),
        (&[("SECRET_KEY", quoted_key.as_str())], quotes),
        (&[("SECRET_KEY_FILE", "\"secret.key\"")], quotes),
        (&[key, ("LISTEN_ADDR", "'127.0.0.1:0'")], quotes),
        (
            &[key, ("PUBLIC_URL", "\"https://auth.example.com\"")],
            quotes,
        ),
        (
            &[("SECRETKEY", Service::SECRET_KEY)],
            "; CENTRAL_OAUTH_SECRETKEY is unknown; did you mean CENTRAL_OAUTH_SECRET_KEY?",
        ),
        (
            &[key, ("CLIENT_ID", "central-oauth"), PROVIDER[1]],
            "; CENTRAL_OAUTH_CLIENT_ID is unknown; did you mean CENTRAL_OAUTH_PROVIDER_CLIENT_ID?",
        ),
    ] {
        for command in [&["serve"][..], &["config", "check"]] {
            let run = machine.run_with(settings, command).await.expect(1);
            assert!(run.only_line().ends_with(hint), "{run:?}");
        }
    }
}

/// The kernel delivers a signal to the first process of a container only if that process handles the signal.
#[tokio::test]
async fn the_first_process_of_a_container_ends_at_signals() {
    for (signal, exit_code) in [(Signal::INT, 130), (Signal::QUIT, 131), (Signal::TERM, 143)] {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("http://{}", silent.local_addr().unwrap());
        let machine = Machine::new();
        let script = "unshare --map-root-user --pid --fork true || exit 77
            exec unshare --map-root-user --pid --fork --kill-child \"$0\" token";
        let key = format!("coak_{}", "x".repeat(40));
        let settings = [("SERVER", server.as_str()), ("ACCESS_KEY", &key)];
        let mut command = machine.shell(&settings, script);
        command.arg(env!("CARGO_BIN_EXE_central-oauth"));
        let mut outer = command.spawn().unwrap();
        let _asked = tokio::select! {
            asked = silent.accept() => asked.unwrap(),
            ended = outer.wait() => {
                assert_eq!(ended.unwrap().code(), Some(77));
                println!("no namespace of processes can be made");
                return;
            }
        };
        let outside = outer.id().unwrap();
        let inside = std::fs::read_to_string(format!("/proc/{outside}/task/{outside}/children"));
        let inside: i32 = inside.unwrap().trim().parse().unwrap();
        kill_process(Pid::from_raw(inside).unwrap(), signal).unwrap();
        let ended = within(Duration::from_secs(20), "the end of `token`", outer.wait()).await;
        assert_eq!(ended.unwrap().code(), Some(exit_code));
    }
}
