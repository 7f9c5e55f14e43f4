//! `docs/COMMANDS.md`: every command, recorded from runs of the real program against a real service.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::browser::Browser;
use super::linking::Linking;
use super::machine::Machine;
use super::recording::Recording;
use super::world::World;
use crate::support::bao::Bao;
use crate::support::http;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/COMMANDS.md");
const SERVER: &str = "https://auth.example.com";
const ADMIN: &str = "the-admin-key-of-the-test";
/// The variables of the service, without the prefix.
const OF_THE_SERVICE: [&str; 11] = [
    "ADMIN_KEY",
    "DB_PATH",
    "LISTEN_ADDR",
    "PROVIDER_CLIENT_ID",
    "PROVIDER_DEVICE_AUTHORIZATION_ENDPOINT",
    "PROVIDER_NAME",
    "PROVIDER_REVOCATION_ENDPOINT",
    "PROVIDER_SCOPES",
    "PROVIDER_TOKEN_ENDPOINT",
    "PROVIDER_USERINFO_ENDPOINT",
    "SECRET_KEY",
];
const INTRODUCTION: &str = "\
# Commands

What a terminal shows for every command. A test runs them all, with a real service and a sandbox provider, and fails when this page is
out of date; [CONTRIBUTING.md](../CONTRIBUTING.md) says how to record it again. Keys, codes, times and addresses are examples. `--help`
explains every option, variable and exit code of a command.
";

#[tokio::test]
async fn the_recordings_are_current() {
    let recorded = recorded().await;
    let written = std::fs::read_to_string(DOCUMENT).unwrap();
    let mut lines = recorded.lines().zip(written.lines());
    let differs = lines.find(|(recorded, written)| recorded != written);
    let again = "cargo test --workspace --test system record_the_commands -- --ignored";
    assert!(
        recorded == written,
        "out of date: run {again}\n{differs:#?}"
    );
}

#[tokio::test]
#[ignore = "writes docs/COMMANDS.md"]
async fn record_the_commands() {
    std::fs::write(DOCUMENT, recorded().await).unwrap();
}

#[tokio::test]
async fn every_command_is_recorded() {
    let written = std::fs::read_to_string(DOCUMENT).unwrap();
    let titles = written
        .lines()
        .filter_map(|line| line.strip_prefix("### central-oauth "));
    let recorded: BTreeSet<_> = titles.map(str::to_owned).collect();
    assert_eq!(recorded, commands(&Machine::new(), String::new()).await);
}

/// Returns all subcommands of this command that have no subcommands of their own.
fn commands(
    machine: &Machine,
    name: String,
) -> Pin<Box<dyn Future<Output = BTreeSet<String>> + '_>> {
    Box::pin(async move {
        let mut arguments: Vec<_> = name.split_whitespace().collect();
        arguments.push("--help");
        let help = machine.run(&arguments).await.expect(0).stdout;
        let Some((_, list)) = help.split_once("\nCommands:\n") else {
            return BTreeSet::from([name]);
        };
        let mut found = BTreeSet::new();
        for line in list.lines().take_while(|line| !line.is_empty()) {
            let word = line.split_whitespace().next().unwrap();
            if word != "help" {
                let below = format!("{name} {word}").trim_start().to_owned();
                found.extend(commands(machine, below).await);
            }
        }
        found
    })
}

async fn recorded() -> String {
    let mut world = World::start().await;
    world.service.set("ADMIN_KEY", ADMIN);
    let revocation = world.sandbox.endpoints().revocation.clone();
    world
        .service
        .set("PROVIDER_REVOCATION_ENDPOINT", &revocation);
    world.service.restart().await;
    let mut recording = Recording::new(INTRODUCTION);
    let stable = &mut recording.stable;
    stable.replace(world.server(), SERVER);
    stable.replace(
        format!("127.0.0.1:{}", world.service.port()),
        "127.0.0.1:8080",
    );
    stable.replace(
        world.sandbox.base_url().trim_end_matches('/'),
        "https://provider.example.com",
    );
    stable.replace(world.machine.config().display().to_string(), "~/.config");
    stable.replace(
        world.service.file("").display().to_string(),
        "/var/lib/central-oauth/",
    );
    stable.replace(format!(":{}", world.service.port()), ":8080");
    try_it_out(&mut recording, &world).await;
    programs(&mut recording, &world).await;
    operators(&mut recording, &world).await;
    on_the_server(&mut recording, &mut world).await;
    anywhere(&mut recording, &world.machine).await;
    recording.finish()
}

async fn try_it_out(recording: &mut Recording, world: &World) {
    recording.part("Try it out", "Needs nothing else.");
    let machine = &world.machine;
    recording.command(machine, "dev").await;
    let run = machine
        .run(&["dev", "--auto", "--port", "0"])
        .await
        .expect(0);
    let port = run.stdout.split("http://127.0.0.1:").nth(1).unwrap();
    let port = port.split('/').next().unwrap();
    let api = run.stdout.split("GET http://127.0.0.1:").last().unwrap();
    let api = api.split('/').next().unwrap();
    // A poll may or may not come before the person has consented, so the record leaves this line out.
    let shown = run.stdout.replace("   -> status authorizing\n", "");
    let shown = shown.replace(port, "8080").replace(api, "9000");
    recording.add("central-oauth dev --auto", &shown, 0);
}

/// Commands of people and programs, in an order in which they make sense.
async fn programs(recording: &mut Recording, world: &World) {
    let machine = &world.machine;
    recording.part(
        "For programs and the people who set them up",
        "On the machine of the program. `link` saves an access key there, and the other commands use it.",
    );
    recording.command(machine, "link").await;
    let server = world.server();
    let mut linking = Linking::start(machine.command(&["link", "--server", &server])).await;
    let mut browser = Browser::new();
    let at_provider = browser.confirm(&server, &linking.code).await;
    linking
        .wait_for(|line| line.starts_with("waiting for consent"))
        .await;
    browser.decide(&at_provider, "alice", "allow").await;
    let run = linking.end().await.expect(0);
    recording.add(
        &format!("central-oauth link --server {SERVER}"),
        &run.stderr,
        0,
    );
    let mut record = async |name: &str, typed: &[&str]| {
        recording.command(machine, name).await;
        for typed in typed {
            recording.run(machine, &[], typed).await;
        }
    };
    record(
        "token",
        &["central-oauth token", "central-oauth token --json"],
    )
    .await;
    let curl = "central-oauth exec -- sh -c \\\n    'curl -s -H \"Authorization: Bearer $ACCESS_TOKEN\" https://provider.example.com/api/hello; echo'";
    record("exec", &[curl]).await;
    record("accounts", &["central-oauth accounts"]).await;
    record("refresh", &["central-oauth refresh"]).await;
    record(
        "keys create",
        &["central-oauth keys create --name nightly-build"],
    )
    .await;
    record("keys list", &["central-oauth keys list"]).await;
    let id = http::client().get(world.service.url("/v1/accounts/1/keys"));
    let id = http::send(id.bearer_auth(ADMIN)).await.expect(200);
    let id = id.json["items"][1]["id"].as_str().unwrap();
    record(
        "keys delete",
        &[&format!("central-oauth keys delete {id} --yes")],
    )
    .await;
    let bob = ["link", "--profile", "work"];
    world.link_as("bob", &bob).await.expect(0);
    record("logout", &["central-oauth logout --profile work --yes"]).await;
    record(
        "revoke",
        &["central-oauth revoke --yes", "central-oauth token"],
    )
    .await;
}

/// Records commands with the admin key.
async fn operators(recording: &mut Recording, world: &World) {
    recording.part(
        "For operators, from any machine",
        "With `CENTRAL_OAUTH_SERVER` and `CENTRAL_OAUTH_ADMIN_KEY`. `accounts` shows all accounts; `refresh`, `keys` and `revoke` take one with `--account ID`.",
    );
    let server = world.server();
    let settings = [("SERVER", server.as_str()), ("ADMIN_KEY", ADMIN)];
    recording.command(&world.machine, "revocations").await;
    recording
        .run(&world.machine, &settings, "central-oauth revocations")
        .await;
    recording.say("And the accounts that are left:");
    recording
        .run(&world.machine, &settings, "central-oauth accounts")
        .await;
}

/// Records commands with the variables of the service.
async fn on_the_server(recording: &mut Recording, world: &mut World) {
    recording.part(
        "On the machine of the service",
        "With the variables of the service: see [CONFIGURATION.md](CONFIGURATION.md).",
    );
    let settings = OF_THE_SERVICE.map(|name| (name, world.service.setting(name).unwrap()));
    let settings = settings
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let machine = &world.machine;
    let mut record = async |name: &str, typed: &[&str]| {
        recording.command(machine, name).await;
        for typed in typed {
            recording.run(machine, &settings, typed).await;
        }
    };
    let wrong = "CENTRAL_OAUTH_LISTEN_ADDR=8080 central-oauth config check";
    record(
        "config check",
        &["central-oauth config check | tail -n 8", wrong],
    )
    .await;
    record("providers list", &["central-oauth providers list"]).await;
    record("providers check", &["central-oauth providers check"]).await;
    record("health", &["central-oauth health"]).await;
    record("replicas", &["central-oauth replicas"]).await;
    record("audit verify", &["central-oauth audit verify"]).await;
    record(
        "audit export",
        &["central-oauth audit export | grep -m 1 link.linked"],
    )
    .await;
    world.service.stop().await;
    record("migrate status", &["central-oauth migrate status"]).await;
    record("rekey", &["central-oauth rekey"]).await;
    record("restored", &["central-oauth restored"]).await;
    let copy = "central-oauth copy --from sqlite:///var/lib/central-oauth/central-oauth.sqlite3 \\\n    --to sqlite:///var/lib/central-oauth/new.sqlite3 2>/dev/null";
    record("copy", &[copy]).await;
    record(
        "migrate down",
        &["central-oauth migrate down --delete-data"],
    )
    .await;
    record("migrate up", &["central-oauth migrate up"]).await;
    recording.command(machine, "serve").await;
    let said = served(machine, &settings).await;
    recording.add("central-oauth serve", &said, 0);
    wrap_key(
        recording,
        machine,
        world.service.setting("SECRET_KEY").unwrap(),
    )
    .await;
}

/// Starts the service on an empty database, and stops it as Ctrl-C does.
async fn served(machine: &Machine, settings: &[(&str, &str)]) -> String {
    let mut command = machine.command_with(settings, &["serve"]);
    let database = machine.tmp().join("empty.sqlite3");
    command.env("CENTRAL_OAUTH_DB_PATH", &database);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = String::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        said.push_str(&line);
        said.push('\n');
        if line.contains(": serving ") {
            let id = i32::try_from(child.id().unwrap()).unwrap();
            kill_process(Pid::from_raw(id).unwrap(), Signal::INT).unwrap();
        }
    }
    assert!(child.wait().await.unwrap().success(), "{said}");
    said.replace(
        database.to_str().unwrap(),
        "/var/lib/central-oauth/central-oauth.sqlite3",
    )
}

/// Wraps the secret key with a Transit key of OpenBao.
async fn wrap_key(recording: &mut Recording, machine: &Machine, secret_key: String) {
    let bao = Bao::start(machine.tmp().join("bao.log")).await;
    let mount = serde_json::json!({ "type": "transit" });
    bao.must("/v1/sys/mounts/transit", &mount).await;
    bao.must("/v1/transit/keys/central-oauth", &serde_json::json!({}))
        .await;
    recording.command(machine, "wrap-key").await;
    let url = format!("{}/v1/transit/keys/central-oauth", bao.url());
    let settings = [
        ("SECRET_KEY", secret_key.as_str()),
        ("KMS", url.as_str()),
        ("KMS_TOKEN", Bao::TOKEN),
    ];
    let run = machine.run_with(&settings, &["wrap-key"]).await.expect(0);
    let wrapped = run.stdout.trim();
    assert!(wrapped.starts_with("vault:v1:"), "{run:?}");
    let typed = "CENTRAL_OAUTH_KMS=https://vault.example.com:8200/v1/transit/keys/central-oauth \\\n    central-oauth wrap-key";
    let shown = run.stdout.replace(wrapped, "vault:v1:abcdefgh0123456789…");
    recording.add(typed, &shown, 0);
}

/// Records commands that need no service.
async fn anywhere(recording: &mut Recording, machine: &Machine) {
    recording.part("About the program itself", "These read no variables.");
    for (name, typed) in [
        ("openapi", "central-oauth openapi | head -n 2"),
        (
            "completions",
            "central-oauth completions bash > central-oauth.bash",
        ),
        ("man", "central-oauth man man1 && ls man1 | head -n 3"),
    ] {
        recording.command(machine, name).await;
        recording.run(machine, &[], typed).await;
    }
}
