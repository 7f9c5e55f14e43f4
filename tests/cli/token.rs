//! `token`, as scripts use it.

use std::fs::File;

use super::machine::{Machine, Run};
use super::world::World;

#[tokio::test]
async fn without_a_key_it_says_where_one_was_looked_for() {
    let machine = Machine::new();
    let run = machine.run(&["token"]).await.expect(3);
    let file = machine.key_file("default").display().to_string();
    assert!(run.only_line().contains(&file), "{run:?}");
    assert!(run.only_line().contains("central-oauth link"), "{run:?}");
}

#[tokio::test]
async fn works_inside_of_a_shell_script() {
    let world = World::linked().await;
    let binary = env!("CARGO_BIN_EXE_central-oauth");
    let script = format!(r#"set -eu; t="$("{binary}" token)"; printf '<%s>' "$t""#);
    let mut shell = tokio::process::Command::new("sh");
    let known = world.machine.command(&[]);
    for (name, value) in known.as_std().get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    let run = Run::of({
        shell.args(["-c", &script]).kill_on_drop(true);
        shell
    });
    let run = run.await.expect(0);
    let token = run
        .stdout
        .strip_prefix('<')
        .unwrap()
        .strip_suffix('>')
        .unwrap();
    assert!(!token.contains(char::is_whitespace), "{run:?}");
    let greeting = world.greeted(token).await;
    assert!(greeting.contains("Alice"), "{greeting}");
}

#[tokio::test]
async fn a_token_that_cannot_be_written_is_a_failure_without_it() {
    let world = World::linked().await;
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut command = world.client(&["token"]);
    let child = command.stdout(full).spawn().unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.starts_with("central-oauth: standard output cannot be written"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[tokio::test]
async fn a_file_without_a_key_is_not_to_be_replaced_by_mistake() {
    let machine = Machine::new();
    std::fs::write(machine.work().join("notes"), "mine").unwrap();
    let run = machine.run(&["token", "--key-file", "notes"]).await;
    let advice = "choose another file, or replace this one with `central-oauth link --force --key-file notes`";
    assert!(run.expect(1).only_line().ends_with(advice));
}

#[tokio::test]
async fn a_lifetime_must_be_one_that_the_service_accepts() {
    let machine = Machine::new();
    for wrong in ["-1", "2147483648", "soon"] {
        for command in [
            &["token", "--min-ttl", wrong][..],
            &["exec", "--min-ttl", wrong, "--", "true"],
        ] {
            let run = machine.run(command).await.expect(2);
            assert!(run.stderr.contains("from 0 to 2147483647"), "{run:?}");
        }
    }
}

#[tokio::test]
async fn a_lifetime_that_no_token_has_is_warned_about() {
    let world = World::linked().await;
    world.run(&["token", "--min-ttl", "60"]).await.expect(0);
    let run = world.run(&["token", "--min-ttl", "86400"]).await.expect(0);
    assert!(
        run.stderr.starts_with("central-oauth: warning: "),
        "{run:?}"
    );
    assert_eq!(run.stderr.lines().count(), 1, "{run:?}");
    assert_eq!(run.stdout.lines().count(), 1, "{run:?}");
}
