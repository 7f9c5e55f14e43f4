//! A running `link` command that waits for a person to confirm its code.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use super::machine::Run;
use crate::support::process::within;

const CODE_WITHIN: Duration = Duration::from_secs(60);
const ENDS_WITHIN: Duration = Duration::from_secs(60);

/// A running `link` that has shown its code.
pub(super) struct Linking {
    child: Child,
    stderr: Lines<BufReader<ChildStderr>>,
    said: String,
    /// The code as displayed.
    pub(super) code: String,
}

impl Linking {
    /// Starts `link`; on return it has shown the code.
    pub(super) async fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut linking = Self {
            child,
            stderr,
            said: String::new(),
            code: String::new(),
        };
        linking.code = linking.wait_for(is_code).await.trim().to_owned();
        linking
    }

    /// Waits for a line of output.
    pub(super) async fn wait_for(&mut self, is_it: impl Fn(&str) -> bool) -> String {
        let found = within(CODE_WITHIN, "a line of `link`", async {
            while let Some(line) = self.stderr.next_line().await.unwrap() {
                self.said.push_str(&line);
                self.said.push('\n');
                if is_it(&line) {
                    return Some(line);
                }
            }
            None
        });
        let found = found.await;
        found.unwrap_or_else(|| panic!("`link` has ended:\n{}", self.said))
    }

    /// Waits for the end of `link`.
    pub(super) async fn end(mut self) -> Run {
        let end = async {
            while let Some(line) = self.stderr.next_line().await.unwrap() {
                self.said.push_str(&line);
                self.said.push('\n');
            }
            let mut stdout = String::new();
            let mut pipe = self.child.stdout.take().unwrap();
            pipe.read_to_string(&mut stdout).await.unwrap();
            (self.child.wait().await.unwrap(), stdout)
        };
        let (status, stdout) = within(ENDS_WITHIN, "the end of `link`", end).await;
        Run {
            code: status.code(),
            stdout,
            stderr: self.said,
        }
    }

    /// Returns the process.
    pub(super) fn child(&self) -> &Child {
        &self.child
    }

    /// Closes the pipe of its output; the process continues.
    pub(super) fn stop_listening(self) -> Child {
        self.child
    }
}

/// Returns whether a line is a code like `1234 5678`.
fn is_code(line: &str) -> bool {
    let digits: Vec<_> = line.trim().split(' ').collect();
    let four = |part: &&str| part.len() == 4 && part.bytes().all(|b| b.is_ascii_digit());
    digits.len() == 2 && digits.iter().all(four)
}
