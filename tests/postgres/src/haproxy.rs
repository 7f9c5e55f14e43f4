//! `HAProxy`, with a configuration of the test's.

use std::process::Command;

use crate::programs::{new_folder, run, server_program};
use crate::settings::write;
use crate::supervisor::{Plan, Supervisor};
use crate::waiting::{accepts, free_port, tail};

/// A running `HAProxy`. It runs as the account that runs the tests, and ends like a [`Cluster`](crate::Cluster).
#[derive(Debug)]
pub struct HaProxy {
    server: Supervisor,
    port: u16,
}

impl HaProxy {
    /// Starts one with the configuration that is made for a free port, on which it has to listen at 127.0.0.1; on
    /// return it accepts connections there. It stays in the foreground whatever the configuration says.
    ///
    /// # Panics
    ///
    /// When it refuses the configuration, with its reasons; when it does not start, with the last lines of its log;
    /// when the program is missing.
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

    /// The port that the configuration was made for.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The last lines of its log.
    #[must_use]
    pub fn log_tail(&self) -> String {
        tail(&self.server.log())
    }
}
