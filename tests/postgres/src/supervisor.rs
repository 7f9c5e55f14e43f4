//! A server that ends with the test process that owns it.
//!
//! The server is the child of a small shell script, and the script reads a pipe from the test process. When the process
//! ends in any way, the kernel closes the pipe. The script then ends the server and deletes its folder.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::waiting::{has_ended, read_log, tail, wait_until};

const SCRIPT: &str = include_str!("supervise.sh");
const WITHIN: Duration = Duration::from_secs(60);

/// A server and its folder.
#[derive(Debug)]
pub(crate) struct Supervisor {
    name: &'static str,
    log: PathBuf,
    script: Child,
    // `None` while the supervisor is being dropped.
    orders: Option<ChildStdin>,
    answers: Receiver<String>,
    server: Option<u32>,
}

/// A server to run, and its folder.
pub(crate) struct Plan {
    /// The name of the server, for messages.
    pub(crate) name: &'static str,
    /// The folder of the server. It belongs to the account that runs the server.
    pub(crate) folder: TempDir,
    /// The signal that ends the server reliably and at once.
    pub(crate) last_signal: &'static str,
    /// The command that runs the server in the foreground.
    pub(crate) command: Command,
}

impl Supervisor {
    /// Starts the script, which deletes the folder at the end. The server does not run yet.
    pub(crate) fn new(plan: Plan) -> Self {
        let log = plan.folder.path().join(format!("{}.log", plan.name));
        // Runs as the account that runs the tests. This account has created the folder, so it may delete the folder.
        let mut script = Command::new("sh");
        script.args(["-c", SCRIPT, "supervise.sh"]);
        script
            .args([plan.folder.path(), &log])
            .arg(plan.last_signal);
        script.arg(plan.command.get_program());
        script.args(plan.command.get_args()).current_dir("/");
        let mut script = spawn(script);
        let answers = lines(script.stdout.take().expect("the script has an output"));
        // From here on, the script is responsible for deleting the folder.
        let _ = plan.folder.keep();
        Self {
            name: plan.name,
            log,
            orders: script.stdin.take(),
            script,
            answers,
            server: None,
        }
    }

    /// Returns the server's output so far.
    pub(crate) fn log(&self) -> String {
        read_log(&self.log)
    }

    /// Starts the server and waits until it is ready. `is_ready` gets the process id of the server.
    pub(crate) fn start(&mut self, is_ready: impl Fn(u32) -> bool) {
        assert!(self.server.is_none(), "{} runs already", self.name);
        let answer = self.order("start");
        let id = answer.parse().expect("the script tells the process id");
        self.server = Some(id);
        let came_up = wait_until(WITHIN, || has_ended(id) || is_ready(id));
        if !came_up || has_ended(id) {
            panic!("{} did not start:\n{}", self.name, tail(&self.log()));
        }
    }

    /// Whether the server is still running.
    pub(crate) fn is_running(&self) -> bool {
        self.server.is_some_and(|id| !has_ended(id))
    }

    /// Ends the server with a signal; on return it is gone.
    pub(crate) fn stop(&mut self, signal: &str) {
        assert!(self.server.is_some(), "{} does not run", self.name);
        self.order(signal);
        self.server = None;
    }

    /// Ends the server with a signal unless it was ended before.
    pub(crate) fn stop_if_started(&mut self, signal: &str) {
        if self.server.is_some() {
            self.stop(signal);
        }
    }

    fn order(&mut self, order: &str) -> String {
        let pipe = self.orders.as_mut().expect("only dropping closes the pipe");
        writeln!(pipe, "{order}").expect("the script is gone");
        let answer = self.answers.recv_timeout(WITHIN);
        answer.unwrap_or_else(|error| {
            panic!("{} {order}: {error}\n{}", self.name, tail(&self.log()));
        })
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        drop(self.orders.take());
        // The output of the script ends when the script ends. If the script hangs, the test stops waiting and does not
        // fail.
        if self.answers.recv_timeout(WITHIN) == Err(RecvTimeoutError::Disconnected) {
            let _ = self.script.wait();
        }
    }
}

/// Spawns the script in its own process group, because Ctrl-C ends the whole group of the test process.
fn spawn(mut script: Command) -> Child {
    script
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // The script may outlive the test process, whose stderr may be a pipe. The reader of the pipe would wait for
        // the script.
        .stderr(Stdio::null())
        .spawn()
        .expect("cannot start sh")
}

/// Reads in a thread, so that waiting for a line has a time limit.
fn lines(output: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let lines = BufReader::new(output).lines().map_while(Result::ok);
        lines.for_each(|line| {
            // An error means that the supervisor was dropped.
            let _ = sender.send(line);
        });
    });
    receiver
}
