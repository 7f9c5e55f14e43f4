//! A client that keeps its connection between queries.
#![allow(dead_code, reason = "not every test uses everything")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use central_oauth_test_postgres::psql;

/// A `psql` process with one session.
pub(crate) struct Client {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Client {
    /// Starts `psql`. If the login fails, `psql` ends, and [`Self::ask`] returns an empty string.
    pub(crate) fn connect(url: &str) -> Self {
        let mut command = psql(url);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            questions: child.stdin.take().unwrap(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    /// Returns the first row of the result; an empty string if the session has ended.
    pub(crate) fn ask(&mut self, sql: &str) -> String {
        let mut line = String::new();
        if writeln!(self.questions, "{sql};").is_ok() {
            self.answers.read_line(&mut line).unwrap();
        }
        line.trim_end().to_owned()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the server's reason for rejecting a login.
pub(crate) fn refusal(url: &str) -> String {
    let output = psql(url).args(["-c", "SELECT 1"]).output().unwrap();
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}
