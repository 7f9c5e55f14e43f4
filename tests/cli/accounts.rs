//! `accounts`: output for people and scripts.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::machine::{Machine, Run};
use super::world::World;
use crate::support::http;
use crate::support::process::eventually;

/// The operator's key of those services that have one.
pub(super) const ADMIN: &str = "the-admin-key-of-the-test";

/// Returns the cells of a line of the table.
fn cells(line: &str) -> Vec<&str> {
    let cells = line.split("  ").map(str::trim);
    cells.filter(|cell| !cell.is_empty()).collect()
}

fn rows(run: &Run) -> Vec<Vec<&str>> {
    let table = run.stdout.lines().take_while(|line| !line.is_empty());
    table.map(cells).collect()
}

/// Starts a service with an admin key. Links Alice in the profile `default` and Bob in the profile `bob`.
async fn two_accounts() -> World {
    let mut world = World::start().await;
    world.service.set("ADMIN_KEY", ADMIN);
    world.service.restart().await;
    world.link_as("alice", &["link"]).await.expect(0);
    let bob = ["link", "--profile", "bob"];
    world.link_as("bob", &bob).await.expect(0);
    world
}

/// Runs a client command as the operator.
pub(super) async fn as_admin(world: &World, arguments: &[&str]) -> Run {
    let mut command = world.client(arguments);
    command.env("CENTRAL_OAUTH_ADMIN_KEY", ADMIN);
    Run::of(command).await
}

#[tokio::test]
async fn a_kept_key_shows_its_own_account() {
    let world = two_accounts().await;
    let run = world.run(&["accounts"]).await.expect(0);
    assert_eq!(run.stderr, "");
    let rows = rows(&run);
    let head = [
        "ID",
        "PROVIDER",
        "ACCOUNT",
        "STATUS",
        "TOKEN EXPIRES",
        "NEXT REFRESH",
        "GRANT ENDS",
        "LAST ERROR",
    ];
    assert_eq!(rows[0], head);
    assert_eq!(rows.len(), 2, "{run:?}");
    assert_eq!(rows[1][..4], ["1", "sandbox", "Alice", "active"]);
    for when in [rows[1][4], rows[1][5]] {
        assert!(when == "in 5 min" || when == "in 4 min", "{run:?}");
    }
    assert_eq!(rows[1][6..], ["-", "-"]);
    // Both accounts are well, so there is no note below the table.
    assert_eq!(run.stdout.lines().count(), 2, "{run:?}");
    let widths = run.stdout.lines().map(|line| line.find("STATUS"));
    assert!(widths.flatten().next() == run.stdout.lines().nth(1).unwrap().find("active"));
}

#[tokio::test]
async fn the_operator_sees_all() {
    let world = two_accounts().await;
    let run = as_admin(&world, &["accounts"]).await.expect(0);
    let names: Vec<_> = rows(&run).iter().map(|row| row[2].to_owned()).collect();
    assert_eq!(names, ["ACCOUNT", "Alice", "Bob"]);

    // Options override the environment.
    let bob = as_admin(&world, &["accounts", "--profile", "bob"]).await;
    let bob = bob.expect(0);
    assert!(bob.stdout.contains("Bob") && !bob.stdout.contains("Alice"));
    let wrong = [("ADMIN_KEY", "not-the-admin-key-of-it")];
    let server = world.server();
    let arguments = ["accounts", "--server", &server];
    let run = world.machine.run_with(&wrong, &arguments).await.expect(3);
    assert!(run.only_line().ends_with("(unauthorized)"), "{run:?}");
}

#[tokio::test]
async fn scripts_get_everything_as_json() {
    let world = two_accounts().await;
    let run = as_admin(&world, &["accounts", "--json"]).await.expect(0);
    let printed: Value = serde_json::from_str(&run.stdout).unwrap();
    let client = http::client();
    let asked = client.get(world.service.url("/v1/accounts"));
    let answer = http::send(asked.bearer_auth(ADMIN)).await.expect(200);
    assert_eq!(printed, answer.json["items"]);
    assert_eq!(run.stderr, "");
}

#[tokio::test]
async fn an_operator_without_accounts_is_told_so() {
    let mut world = World::start().await;
    world.service.set("ADMIN_KEY", ADMIN);
    world.service.restart().await;
    let run = as_admin(&world, &["accounts"]).await.expect(0);
    assert_eq!(run.only_line(), "No account is linked.");
    let run = as_admin(&world, &["accounts", "--json"]).await.expect(0);
    assert_eq!(run.stdout, "[]\n");
}

#[tokio::test]
async fn without_a_key_it_says_where_one_was_looked_for() {
    let machine = Machine::new();
    let run = machine.run(&["accounts"]).await.expect(3);
    assert!(run.only_line().contains("central-oauth link"), "{run:?}");
}

#[tokio::test]
async fn an_unreachable_provider_is_reported_with_a_remedy() {
    let world = two_accounts().await;
    let World {
        machine,
        service,
        sandbox,
    } = world;
    let server = service.url("");
    sandbox.stop().await.unwrap();
    let refresh = service.url("/v1/accounts/1/refresh");
    http::send(http::client().post(&refresh).bearer_auth(ADMIN)).await;
    let settings = [("SERVER", server.as_str())];
    eventually(Duration::from_secs(60), "the trouble", async || {
        let run = machine.run_with(&settings, &["accounts"]).await.expect(0);
        run.stdout.contains("degraded")
    })
    .await;
    let run = machine.run_with(&settings, &["accounts"]).await.expect(0);
    let rows = rows(&run);
    assert_eq!(rows[1][3], "degraded", "{run:?}");
    assert_eq!(rows[1][7], "provider_unavailable", "{run:?}");
    let advice = run.stdout.lines().last().unwrap();
    assert!(advice.starts_with("1 (Alice at sandbox): "), "{advice}");
    assert!(advice.contains("the service tries again"), "{advice}");
}

/// Starts a server that gives these answers to these requests, in this order. By its `Date` header it is eight o'clock.
async fn stand_in(answers: Vec<(&'static str, Value)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for (request, answer) in answers {
            let (stream, _) = listener.accept().await.unwrap();
            respond(stream, request, &answer.to_string()).await;
        }
    });
    format!("http://{address}")
}

async fn respond(mut stream: TcpStream, expected: &str, body: &str) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.unwrap());
    }
    let request = String::from_utf8(request).unwrap();
    assert!(request.starts_with(expected), "{request}");
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nDate: Mon, 05 Jan 2026 08:00:00 GMT\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
}

fn account(id: &str, status: &str, more: &Value) -> Value {
    let mut account = json!({
        "id": id, "provider": "work", "account_id": "x", "display_name": "Al", "status": status,
    });
    let more = more.as_object().unwrap().clone();
    account.as_object_mut().unwrap().extend(more);
    account
}

#[tokio::test]
async fn every_page_is_read_and_every_problem_shown() {
    let first = json!({
        "items": [
            account("7", "active", &json!({
                "display_name": "愛\u{1b}[2J\u{9b}31m\u{202e}",
                "refresh_token_expires_at": "2026-01-08T09:00:00Z",
                "grant_expires_at": "2026-12-31T09:00:00Z",
                "warning": { "code": "grant_expires_soon", "detail": "the grant ends" },
            })),
            account("8", "relink_required", &json!({
                "access_token_expires_at": "2026-01-05T04:30:00Z",
                "last_error": { "code": "invalid_grant", "detail": "the provider\nrefuses" },
            })),
        ],
        "next_cursor": "a b&c",
    });
    let second = json!({
        "items": [account("9", "degraded", &json!({
            "access_token_expires_at": "2026-01-05T08:42:30Z",
            "next_refresh_at": "2026-01-05T07:59:59Z",
            "refresh_token_expires_at": "2026-01-12T09:00:00Z",
            "grant_expires_at": "2026-01-10T09:00:00Z",
            "last_error": { "code": "invalid_client", "detail": "wrong secret" },
        }))],
    });
    let start = "GET /v1/accounts?limit=200 ";
    let next = "GET /v1/accounts?limit=200&cursor=a+b%26c ";
    let server = stand_in(vec![(start, first.clone()), (next, second)]).await;
    let settings = [("SERVER", server.as_str()), ("ADMIN_KEY", ADMIN)];
    let machine = Machine::new();
    let run = machine.run_with(&settings, &["accounts"]).await.expect(0);
    let expected = "\
ID  PROVIDER  ACCOUNT     STATUS           TOKEN EXPIRES    NEXT REFRESH  GRANT ENDS  LAST ERROR
7   work      愛 [2J 31m  active           never            -             in 3 d      -
8   work      Al          relink_required  expired 3 h ago  -             -           invalid_grant
9   work      Al          degraded         in 42 min        now           in 5 d      invalid_client

7 (愛 [2J 31m at work): the grant ends (grant_expires_soon)
8 (Al at work): the provider refuses (invalid_grant); consent again with `central-oauth link --relink` on the \
machine that has its access key
9 (Al at work): wrong secret (invalid_client); if this continues, ask the operator to check the provider's settings; \
the service tries again now
";
    assert_eq!(run.stdout, expected);

    let page = json!({ "items": first["items"] });
    let server = stand_in(vec![(start, page)]).await;
    let settings = [("SERVER", server.as_str()), ("ADMIN_KEY", ADMIN)];
    let run = machine.run_with(&settings, &["accounts", "--json"]).await;
    let run = run.expect(0);
    assert!(!run.stdout.contains(['\u{1b}', '\u{9b}', '\u{202e}']));
    let printed: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(printed, first["items"]);
}

#[tokio::test]
async fn who_has_the_key_is_told_how_to_consent_again() {
    let page = json!({ "items": [account("8", "relink_required", &json!({}))] });
    let server = stand_in(vec![("GET /v1/accounts?limit=200 ", page)]).await;
    let machine = Machine::new();
    let file = machine.key_file("work");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let key = "x".repeat(40);
    let kept = format!("server = \"{server}\"\naccess_key = \"{key}\"\n");
    std::fs::write(&file, kept).unwrap();
    let arguments = ["accounts", "--profile", "work"];
    let run = machine.run(&arguments).await.expect(0);
    let advice = "8 (Al at work): relink_required; consent again with `central-oauth link --relink --profile work`";
    assert_eq!(run.stdout.lines().last(), Some(advice), "{run:?}");
}
