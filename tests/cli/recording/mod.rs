//! Writes down commands with their output, as a terminal shows them.

mod stable;

use std::path::Path;

use tokio::process::Command;

use super::machine::{Machine, Run};
use stable::Stable;

/// The program, as people type it.
const PROGRAM: &str = "central-oauth";

/// A document that grows by one command after the other.
pub(super) struct Recording {
    pub(super) stable: Stable,
    text: String,
}

impl Recording {
    pub(super) fn new(introduction: &str) -> Self {
        Self {
            stable: Stable::default(),
            text: introduction.to_owned(),
        }
    }

    /// Begins a part of the document.
    pub(super) fn part(&mut self, title: &str, text: &str) {
        self.text.push_str(&format!("\n## {title}\n\n{text}\n"));
    }

    /// Begins a command, with the first line of its help.
    pub(super) async fn command(&mut self, machine: &Machine, name: &str) {
        let mut arguments: Vec<_> = name.split(' ').collect();
        arguments.push("--help");
        let help = machine.run(&arguments).await.expect(0).stdout;
        let about = help.lines().next().unwrap().trim_end_matches('.');
        self.text
            .push_str(&format!("\n### {PROGRAM} {name}\n\n{about}.\n"));
    }

    /// Explains the next example.
    pub(super) fn say(&mut self, text: &str) {
        self.text.push_str(&format!("\n{text}\n"));
    }

    /// Runs what a person types in a shell, and records it.
    pub(super) async fn run(&mut self, machine: &Machine, settings: &[(&str, &str)], typed: &str) {
        let shown = Run::of(shell(machine, settings, &self.stable.real(typed))).await;
        self.add(typed, &shown.stdout, shown.code.unwrap());
    }

    /// Records a command that has run.
    pub(super) fn add(&mut self, typed: &str, output: &str, code: i32) {
        let output = self.stable.shown(output);
        let code = match code {
            0 => String::new(),
            code => format!("$ echo $?\n{code}\n"),
        };
        self.text
            .push_str(&format!("\n```console\n$ {typed}\n{output}{code}```\n"));
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// Returns a shell that finds the program. It joins both outputs in one, as a terminal does.
fn shell(machine: &Machine, settings: &[(&str, &str)], typed: &str) -> Command {
    let binary = Path::new(env!("CARGO_BIN_EXE_central-oauth"));
    let folder = binary.parent().unwrap().display();
    let script = format!("PATH={folder}:$PATH\nexec 2>&1\n{typed}");
    machine.shell(settings, &script)
}
