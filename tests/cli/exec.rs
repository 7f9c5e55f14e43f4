//! `exec`: what the command gets, and when it does not run.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use super::dev_run::send;
use super::machine::{Machine, Run};
use super::world::World;
use crate::support::process::{free_port, within};

#[tokio::test]
async fn a_command_runs_with_the_token() {
    let world = World::linked().await;
    the_command_gets_the_token_and_decides_the_exit_code(&world).await;
    the_command_does_not_get_our_keys(&world).await;
    a_command_that_cannot_run_is_told_as_shells_do(&world).await;
    signals_reach_the_command(&world).await;
}

async fn the_command_gets_the_token_and_decides_the_exit_code(world: &World) {
    let script = "printf %s \"$ACCESS_TOKEN\"; exit 42";
    let run = world.run(&["exec", "--", "sh", "-c", script]).await;
    let run = run.expect(42);
    assert_eq!(run.stderr, "");
    assert!(world.greeted(&run.stdout).await.contains("Alice"));

    let script = "printf %s \"$MY_TOKEN${ACCESS_TOKEN-}\"";
    let named = ["exec", "--env", "MY_TOKEN", "--", "sh", "-c", script];
    let run = world.run(&named).await.expect(0);
    assert!(world.greeted(&run.stdout).await.contains("Alice"));
}

async fn the_command_does_not_get_our_keys(world: &World) {
    let mut command = world.client(&["exec", "--", "env"]);
    for name in ["ADMIN_KEY", "ENROLL_KEY", "SECRET_KEY", "DATABASE_URL"] {
        command.env(format!("CENTRAL_OAUTH_{name}"), "not-for-commands");
    }
    command.env("OTHER", "stays");
    let run = super::machine::Run::of(command).await.expect(0);
    assert!(!run.stdout.contains("not-for-commands"), "{run:?}");
    assert!(run.stdout.contains("OTHER=stays"), "{run:?}");
}

/// Starts a server that answers one request with this problem.
async fn refusing(status: &str, code: &str) -> String {
    let body = format!(r#"{{"code": "{code}", "detail": "not today"}}"#);
    answering(
        &format!("{status}\r\nContent-Length: {}", body.len()),
        &body,
    )
    .await
}

/// Starts a server that answers one request with this status, these headers and this body.
async fn answering(head: &str, body: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let answer = format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n{body}");
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
    });
    server
}

#[tokio::test]
async fn the_command_does_not_run_without_a_token() {
    let machine = Machine::new();
    let key = format!("coak_{}", "x".repeat(40));
    let rejected = refusing("401 Unauthorized", "unauthorized").await;
    let over = refusing("409 Conflict", "relink_required").await;
    let busy = refusing("429 Too Many Requests\r\nRetry-After: 5", "rate_limited").await;
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let exec = ["exec", "--", "touch", "it-ran"];
    for (server, exit, words) in [
        (
            &rejected,
            3,
            "rejected the key in CENTRAL_OAUTH_ACCESS_KEY: not today",
        ),
        (&over, 7, "answered: not today (relink_required)"),
        (
            &busy,
            8,
            "answered: not today (rate_limited); try again in 5 seconds",
        ),
        (&nobody, 8, "cannot be reached"),
    ] {
        let settings = [("SERVER", server.as_str()), ("ACCESS_KEY", &key)];
        let run = machine.run_with(&settings, &exec).await.expect(exit);
        assert!(run.only_line().contains(words), "{run:?}");
        assert!(run.only_line().contains(server.as_str()), "{run:?}");
    }
    machine.run(&exec).await.expect(3);
    assert_eq!(super::machine::names(&machine.work()), [""; 0]);
}

#[tokio::test]
async fn where_a_server_has_moved_is_told() {
    let machine = Machine::new();
    let key = format!("coak_{}", "x".repeat(40));
    for (status, target, base) in [
        (
            "301 Moved Permanently",
            "https://auth.example.com/v1/token?min_ttl=0",
            "https://auth.example.com/",
        ),
        (
            "308 Permanent Redirect",
            "https://example.com/oauth/v1/token",
            "https://example.com/oauth",
        ),
        ("302 Found", "/login?next=token", "/login"),
    ] {
        let head = format!("{status}\r\nLocation: {target}\r\nContent-Length: 0");
        let server = answering(&head, "").await;
        let settings = [("SERVER", server.as_str()), ("ACCESS_KEY", &key)];
        let run = machine.run_with(&settings, &["token"]).await.expect(8);
        let line = run.only_line();
        assert!(line.contains(&format!("{server}/ redirects to ")), "{line}");
        assert!(line.contains(&format!("{base}: if")), "{line}");
        assert!(!line.contains("min_ttl"), "{line}");
    }
}

// 192.0.2.0/24 is for documentation (RFC 5737): nothing is there, and the warning comes first.
#[tokio::test]
async fn a_key_that_others_can_read_is_warned_of() {
    let machine = Machine::new();
    let key = format!("coak_{}", "x".repeat(40));
    let proxy = answering("502 Bad Gateway\r\nContent-Length: 0", "").await;
    for (server, is_warned) in [("http://192.0.2.1", true), ("http://127.0.0.1:9", false)] {
        let settings = [("SERVER", server), ("ACCESS_KEY", &key)];
        let mut command = machine.command_with(&settings, &["token"]);
        command.env("http_proxy", &proxy);
        let run = Run::of(command).await.expect(8);
        assert_eq!(
            run.stderr.contains("is not encrypted"),
            is_warned,
            "{run:?}"
        );
    }
}

#[tokio::test]
async fn an_internal_error_names_the_request_for_the_operator() {
    let machine = Machine::new();
    let key = format!("coak_{}", "x".repeat(40));
    let body = r#"{"code": "internal_error", "detail": "internal error"}"#;
    let head = format!(
        "500 Internal Server Error\r\nX-Request-Id: 4bf92f3577b34da6\r\nContent-Length: {}",
        body.len()
    );
    let server = answering(&head, body).await;
    let settings = [("SERVER", server.as_str()), ("ACCESS_KEY", &key)];
    let run = machine.run_with(&settings, &["token"]).await.expect(8);
    let end = "(internal_error); tell the operator the request id 4bf92f3577b34da6";
    assert!(run.only_line().ends_with(end), "{run:?}");
}

#[tokio::test]
async fn the_other_scheme_is_suggested() {
    let machine = Machine::new();
    let key = format!("coak_{}", "x".repeat(40));
    let plain = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    let alert = b"\x15\x03\x03\x00\x02\x02\x32";
    for (scheme, other, answer) in [("https", "http", &plain[..]), ("http", "https", &alert[..])] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _request = stream.read_u8().await.unwrap();
            stream.write_all(answer).await.unwrap();
            // The client reads the answer before the connection is reset.
            stream.read_to_end(&mut Vec::new()).await.ok();
        });
        let server = format!("{scheme}://{address}");
        let settings = [("SERVER", server.as_str()), ("ACCESS_KEY", &key)];
        let run = machine.run_with(&settings, &["token"]).await.expect(8);
        let end = format!("; its address may begin with {other}://");
        assert!(run.only_line().ends_with(&end), "{run:?}");
    }
}

async fn a_command_that_cannot_run_is_told_as_shells_do(world: &World) {
    let run = world.run(&["exec", "--", "no-such-command"]).await;
    assert!(run.expect(127).only_line().contains("no-such-command"));
    let script = world.machine.work().join("script");
    std::fs::write(&script, "#!/bin/sh\n").unwrap();
    let mode = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(&script, mode).unwrap();
    let run = world.run(&["exec", "--", "./script"]).await;
    assert!(run.expect(126).only_line().contains("./script"));
    for wrong in [
        &["exec"][..],
        &["exec", "--"],
        &["exec", "--env", "A=B", "--", "env"],
        &["exec", "--env", "PATH", "--", "env"],
        &["exec", "--env", "LD_PRELOAD", "--", "env"],
    ] {
        world.run(wrong).await.expect(2);
    }
}

async fn signals_reach_the_command(world: &World) {
    let script = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done";
    let mut command = world.client(&["exec", "--", "sh", "-c", script]);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("ready"));
    send(&child, Signal::TERM);
    let ended = within(Duration::from_secs(30), "the end of `exec`", child.wait()).await;
    assert_eq!(ended.unwrap().code(), Some(9));
}
