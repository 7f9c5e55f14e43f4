//! A `dev` in the background.

use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::support::process::within;

const STARTS_WITHIN: Duration = Duration::from_secs(60);

/// A running `dev` that has printed its instructions.
pub(super) struct DevRun {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    /// Its whole output.
    pub(super) said: String,
}

impl DevRun {
    /// Starts `dev`; on return it has printed the last line of its instructions.
    pub(super) async fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = String::new();
        let mut dev = Self {
            child,
            stdout,
            said,
        };
        within(STARTS_WITHIN, "the invitation of `dev`", async {
            while !dev.said.contains("Ctrl-C") {
                let line = dev.stdout.next_line().await.unwrap();
                let line = line.unwrap_or_else(|| panic!("`dev` has ended:\n{}", dev.said));
                dev.said.push_str(&line);
                dev.said.push('\n');
            }
        })
        .await;
        dev
    }

    /// Returns the word after this text.
    #[track_caller]
    pub(super) fn word_after(&self, words: &str) -> &str {
        let rest = self.said.split_once(words).map(|(_, rest)| rest);
        let word = rest.and_then(|rest| rest.split_whitespace().next());
        word.unwrap_or_else(|| panic!("no {words:?} in {}", self.said))
    }

    /// Returns the service's URL.
    pub(super) fn service(&self) -> &str {
        self.word_after("the service ")
    }

    /// Returns the URL of the sandbox's API that accepts the token.
    pub(super) fn hello(&self) -> &str {
        self.word_after("Bearer $ACCESS_TOKEN\" ")
            .trim_end_matches('\'')
    }

    /// Ends `dev` with a signal, and returns its exit status and its log.
    pub(super) async fn stop_and_read(mut self, signal: Signal) -> (ExitStatus, String) {
        let mut pipe = self.child.stderr.take().unwrap();
        send(&self.child, signal);
        let mut events = String::new();
        let ended = async {
            pipe.read_to_string(&mut events).await.unwrap();
            self.child.wait().await.unwrap()
        };
        let status = within(STARTS_WITHIN, "the end of `dev`", ended).await;
        (status, events)
    }

    /// Ends `dev` with a signal.
    pub(super) async fn stop(mut self, signal: Signal) -> ExitStatus {
        send(&self.child, signal);
        let ended = within(STARTS_WITHIN, "the end of `dev`", self.child.wait()).await;
        ended.unwrap()
    }
}

/// Sends a signal to a child that was not waited for yet.
pub(super) fn send(child: &Child, signal: Signal) {
    let id = i32::try_from(child.id().unwrap()).unwrap();
    kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
}
