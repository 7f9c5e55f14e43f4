//! `HAProxy`, with a configuration that the test provides.

use std::process::Command;

use crate::programs::{new_folder, run, server_program};
use crate::settings::write;
use crate::supervisor::{Plan, Supervisor};
use crate::waiting::{accepts, free_port, tail};

/// A running `HAProxy`. Runs as the account that runs the tests, and ends like a [`Cluster`](crate::Cluster).
#[derive(Debug)]
pub struct HaProxy {
    server: Supervisor,
    port: u16,
}

impl HaProxy {
    /// Starts `HAProxy` in the foreground. `config` gets a free port and returns a configuration that listens on this
    /// port of 127.0.0.1. Returns when `HAProxy` accepts connections there.
    ///
    /// # Panics
    ///
    /// If `HAProxy` rejects the configuration or does not start; the message contains its output. If the program is
    /// missing.
    #[must_use]
    pub fn start(config: impl FnOnce(u16) -> String) -> Self {
        let folder = new_folder();
        let port = free_port();
        let file = folder.path().join("haproxy.cfg");
        write(&file, &config(port));
        let program = server_program("haproxy");
        run(Command::new(&program).args(["-c", "-f"]).arg(&file));
        let mut command = Command::new(program);
        command.args(["-db", "-f"]).arg(file);
        let mut server = Supervisor::new(Plan {
            name: "haproxy",
            folder,
            last_signal: "KILL",
            command,
        });
        server.start(|_| accepts(port));
        Self { server, port }
    }

    /// Returns the port on which `HAProxy` listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the last lines of the log.
    #[must_use]
    pub fn log_tail(&self) -> String {
        tail(&self.server.log())
    }
}
