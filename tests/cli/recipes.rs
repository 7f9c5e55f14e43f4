//! `docs/RECIPES.md`: every block is run as it is written. Only addresses and folders are replaced.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::process::Command;

use super::formats::reading;
use super::guarded;
use super::machine::{Machine, Run};
use super::world::World;
use crate::support::process::{self, modules};

const GREETING: &str = "Hello, Alice! Your access token works.";

/// Returns the nth block in this language below this heading, counted from 0.
fn block(heading: &str, language: &str, number: usize) -> String {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/RECIPES.md"));
    let text = text.unwrap();
    let (_, section) = text.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let blocks: Vec<_> = section
        .split(&format!("\n```{language}\n"))
        .skip(1)
        .collect();
    let block = blocks
        .get(number)
        .unwrap_or_else(|| panic!("no {language} in {heading}"));
    block.split_once("\n```").unwrap().0.to_owned()
}

/// A linked account, and a machine with `central-oauth` in its path.
struct Kitchen {
    world: World,
    bin: PathBuf,
    /// The replacements of addresses.
    addresses: Vec<(&'static str, String)>,
}

impl Kitchen {
    async fn open() -> Self {
        let world = World::linked().await;
        let bin = world.machine.work().join("bin");
        std::fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(
            env!("CARGO_BIN_EXE_central-oauth"),
            bin.join("central-oauth"),
        )
        .unwrap();
        let addresses = vec![
            (
                "https://api.example.com/me",
                world.sandbox.endpoints().hello.clone(),
            ),
            ("https://auth.example.com", world.server()),
            ("/usr/local/bin", bin.display().to_string()),
        ];
        Self {
            world,
            bin,
            addresses,
        }
    }

    fn token(&self) -> impl Future<Output = Run> {
        self.world.run(&["token"])
    }

    /// Writes a block into a file that can be run.
    fn script(&self, name: &str, block: &str) -> PathBuf {
        let file = self.write(name, block);
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
        file
    }

    /// Writes a block into a file, with its addresses replaced.
    fn write(&self, name: &str, block: &str) -> PathBuf {
        let mut text = format!("{block}\n");
        for (from, to) in &self.addresses {
            text = text.replace(from, to);
        }
        let file = self.world.machine.work().join(name);
        std::fs::write(&file, text).unwrap();
        file
    }

    fn command(&self, program: impl AsRef<Path>, machine: &Machine) -> Command {
        let known = machine.command(&[]);
        let mut command = process::command(program.as_ref());
        command.env_clear().current_dir(self.world.machine.work());
        for (name, value) in known.as_std().get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        let others = std::env::vars_os().find(|(name, _)| name == "PATH");
        let others = others.map(|(_, value)| value).unwrap_or_default();
        let path = format!("{}:{}", self.bin.display(), others.to_string_lossy());
        command.env("PATH", path);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a program on the linked machine, and on an unlinked one: there it must fail, and print nothing.
    async fn greets(&self, program: &Path, arguments: &[&Path]) {
        let mut command = self.command(program, &self.world.machine);
        let run = Run::of({
            command.args(arguments);
            command
        });
        let run = run.await.expect(0);
        assert!(run.stdout.contains(GREETING), "{run:?}");
        let stranger = Machine::new();
        let mut command = self.command(program, &stranger);
        let run = Run::of({
            command.args(arguments);
            command
        });
        let run = run.await;
        assert!(run.code != Some(0) && run.stdout.is_empty(), "{run:?}");
        assert!(run.stderr.contains("no access key is saved"), "{run:?}");
    }
}

#[tokio::test]
async fn programs_call_an_api() {
    let kitchen = Kitchen::open().await;
    cron_with_curl(&kitchen).await;
    a_ci_job(&kitchen).await;
    python(&kitchen).await;
    node(&kitchen).await;
    an_mcp_client(&kitchen).await;
}

#[tokio::test]
async fn other_programs_ask_for_the_token() {
    let mut kitchen = Kitchen::open().await;
    systemd_timer(&kitchen).await;
    kubectl(&kitchen).await;
    docker(&kitchen).await;
    git(&mut kitchen).await;
    rclone(&mut kitchen).await;
}

async fn cron_with_curl(kitchen: &Kitchen) {
    let script = kitchen.script("bin/nightly", &block("cron with curl", "sh", 0));
    kitchen.greets(&script, &[]).await;
    let line = block("cron with curl", "crontab", 0);
    let (when, command) = line.split_once(" /").unwrap();
    assert_eq!(when.split(' ').count(), 5, "{line}");
    assert!(command.starts_with("usr/local/bin/nightly "), "{line}");
}

async fn a_ci_job(kitchen: &Kitchen) {
    let job = block("A CI job", "yaml", 0);
    let (settings, step) = job.split_once("        run: |\n").unwrap();
    for name in ["CENTRAL_OAUTH_SERVER", "CENTRAL_OAUTH_ACCESS_KEY"] {
        assert!(settings.contains(&format!("      {name}: ")), "{settings}");
    }
    let lines = step.lines().map(str::trim_start).collect::<Vec<_>>();
    let script = kitchen.write("step.sh", &lines.join("\n"));
    // The key comes from the secrets of the job.
    let file = kitchen.world.machine.key_file("default");
    let saved = std::fs::read_to_string(&file).unwrap();
    let key = saved.split('"').nth(3).unwrap();
    // As GitHub's runner does: docs.github.com, "jobs.<job_id>.steps[*].shell".
    let step = |key: &str| {
        let mut shell = kitchen.command("bash", &Machine::new());
        shell.args(["--noprofile", "--norc", "-eo", "pipefail"]);
        shell
            .arg(&script)
            .env("CENTRAL_OAUTH_SERVER", kitchen.world.server());
        shell.env("CENTRAL_OAUTH_ACCESS_KEY", key);
        Run::of(shell)
    };
    let run = step(key).await.expect(0);
    assert!(run.stdout.starts_with("::add-mask::"), "{run:?}");
    assert!(run.stdout.contains(GREETING), "{run:?}");
    let run = step("coak_unknown-key").await.expect(3);
    assert_eq!(run.stdout, "");
}

async fn python(kitchen: &Kitchen) {
    let script = kitchen.write("client.py", &block("Python", "python", 0));
    let python = modules("recipes").await.join("bin/python");
    kitchen.greets(&python, &[&script]).await;
}

async fn node(kitchen: &Kitchen) {
    let script = kitchen.write("client.mjs", &block("Node.js", "js", 0));
    kitchen.greets(Path::new("node"), &[&script]).await;
}

/// Makes a repository with one commit that can be cloned as files.
async fn repository(kitchen: &Kitchen, folder: &Path) {
    let script = "set -e; git init -q -b main w; cd w; echo hi > README; git add README
        git -c user.name=a -c user.email=a@example.com commit -qm first
        cd ..; git clone -q --bare w project.git; git -C project.git update-server-info";
    let mut shell = kitchen.command("sh", &kitchen.world.machine);
    Run::of({
        shell.args(["-c", script]).current_dir(folder);
        shell
    })
    .await
    .expect(0);
}

async fn git(kitchen: &mut Kitchen) {
    let files = kitchen.world.machine.tmp();
    repository(kitchen, &files).await;
    let token = kitchen.token().await.expect(0).stdout;
    let address = guarded::serve(token.trim(), files).await;
    kitchen
        .addresses
        .push(("https://git.example.com", format!("http://{address}")));
    kitchen.addresses.push(("git.example.com", address));
    // The recipe must keep the token away from other credential helpers, such as this one.
    let mut other = kitchen.command("git", &kitchen.world.machine);
    other.args(["config", "--global", "credential.helper", "store"]);
    Run::of(other).await.expect(0);
    let script = kitchen.write("clone.sh", &block("git", "sh", 0));
    let mut shell = kitchen.command("sh", &kitchen.world.machine);
    // Nobody can enter a password.
    shell.arg("-e").arg(&script).env("GIT_TERMINAL_PROMPT", "0");
    let run = Run::of(shell).await.expect(0);
    let cloned = kitchen.world.machine.work().join("project/README");
    assert_eq!(std::fs::read_to_string(cloned).unwrap(), "hi\n", "{run:?}");
    let stored = kitchen.world.machine.home().join(".git-credentials");
    assert!(!stored.exists(), "{run:?}");
}

async fn kubectl(kitchen: &Kitchen) {
    let user = block("kubectl", "yaml", 0);
    let value = |name: &str| {
        let line = user.lines().find_map(|line| line.trim().strip_prefix(name));
        line.unwrap().trim().trim_matches(['[', ']']).to_owned()
    };
    let arguments = value("args:");
    let arguments = arguments.split(", ").map(|word| word.trim_matches('"'));
    let version = value("apiVersion:");
    let mut plugin = kitchen.command(value("command:"), &kitchen.world.machine);
    assert_eq!(value("provideClusterInfo:"), "true");
    let asked = json!({ "apiVersion": version, "kind": "ExecCredential", "spec": {
        "interactive": false, "cluster": { "server": "https://cluster.example.com:6443" } } });
    plugin
        .args(arguments)
        .env("KUBERNETES_EXEC_INFO", asked.to_string());
    let printed: Value = serde_json::from_str(&Run::of(plugin).await.expect(0).stdout).unwrap();
    assert_eq!(printed["apiVersion"], version);
    let token = printed["status"]["token"].as_str().unwrap();
    assert_eq!(kitchen.world.greeted(token).await, GREETING);
}

async fn docker(kitchen: &Kitchen) {
    let config: Value = serde_json::from_str(&block("Docker", "json", 0)).unwrap();
    let helper = config["credHelpers"]["registry.example.com"]
        .as_str()
        .unwrap();
    let helper = kitchen.script(
        &format!("bin/docker-credential-{helper}"),
        &block("Docker", "sh", 0),
    );
    let mut get = kitchen.command(&helper, &kitchen.world.machine);
    get.arg("get");
    let run = reading(get, "registry.example.com").await.expect(0);
    let printed: Value = serde_json::from_str(&run.stdout).unwrap();
    let secret = printed["Secret"].as_str().unwrap();
    assert_eq!(kitchen.world.greeted(secret).await, GREETING);
}

async fn systemd_timer(kitchen: &Kitchen) {
    kitchen.script("bin/report", "#!/bin/sh");
    let mut units = vec!["verify".into()];
    for (name, number) in [("nightly.service", 0), ("nightly.timer", 1)] {
        units.push(kitchen.write(name, &block("systemd timer", "ini", number)));
    }
    let mut verify = kitchen.command("systemd-analyze", &kitchen.world.machine);
    let run = Run::of({
        verify.args(units);
        verify
    })
    .await
    .expect(0);
    assert!(!run.stderr.contains("nightly"), "{run:?}");
}

async fn rclone(kitchen: &mut Kitchen) {
    let token = kitchen.token().await.expect(0).stdout;
    let address = guarded::serve(token.trim(), kitchen.world.machine.tmp()).await;
    kitchen
        .addresses
        .push(("https://files.example.com", format!("http://{address}")));
    let script = kitchen.write("list.sh", &block("rclone", "sh", 0));
    let mut shell = kitchen.command("sh", &kitchen.world.machine);
    shell.arg(&script);
    assert_eq!(Run::of(shell).await.expect(0).stdout, "report.txt\n");
}

/// An MCP server with one method, which says whether it has a token.
const SERVER: &str = r#"
import { createInterface } from "node:readline";
for await (const line of createInterface({ input: process.stdin })) {
  const { id, params } = JSON.parse(line);
  const { protocolVersion } = params;
  const serverInfo = { name: process.env.EXAMPLE_TOKEN, version: "1" };
  console.log(JSON.stringify({ jsonrpc: "2.0", id, result: { protocolVersion, capabilities: {}, serverInfo } }));
}
"#;

async fn an_mcp_client(kitchen: &Kitchen) {
    kitchen.write("server.mjs", SERVER);
    let config: Value =
        serde_json::from_str(&block("An agent, or an MCP client", "json", 0)).unwrap();
    let server = &config["mcpServers"]["example"];
    let mut command = kitchen.command(server["command"].as_str().unwrap(), &kitchen.world.machine);
    let arguments = server["args"].as_array().unwrap();
    command.args(arguments.iter().filter_map(Value::as_str));
    let initialize = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" } } });
    let run = reading(command, &format!("{initialize}\n")).await.expect(0);
    assert_eq!(run.stderr, "");
    let answer: Value = serde_json::from_str(&run.stdout).unwrap();
    let token = answer["result"]["serverInfo"]["name"].as_str().unwrap();
    assert_eq!(kitchen.world.greeted(token).await, GREETING);
}
