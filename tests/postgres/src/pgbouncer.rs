//! `PgBouncer`, which shares few server connections among many clients.

use crate::cluster::{self, Cluster};
use crate::programs::{server_program, unprivileged_folder};
use crate::settings::{USER, write};
use crate::supervisor::{Plan, Supervisor};
use crate::waiting::{accepts, free_port, tail};

/// A running `PgBouncer` in front of a cluster, in transaction mode with two server connections per database, so that
/// clients really share them. Otherwise it is configured as in common guides. Stops on drop, like a [`Cluster`].
#[derive(Debug)]
pub struct PgBouncer {
    server: Supervisor,
    port: u16,
    password: String,
}

impl PgBouncer {
    /// Starts a pooler for all databases of a cluster. Returns when it accepts connections.
    ///
    /// # Panics
    ///
    /// If `PgBouncer` does not start; the message contains the last lines of its log. If a program is missing.
    #[must_use]
    pub fn start(cluster: &Cluster) -> Self {
        Self::start_ignoring(cluster, "extra_float_digits")
    }

    /// Starts a pooler like [`PgBouncer::start`], but with other ignored startup parameters. `PgBouncer` rejects
    /// clients that send startup parameters that it neither knows nor ignores.
    ///
    /// # Panics
    ///
    /// Like [`PgBouncer::start`].
    #[must_use]
    pub fn start_ignoring(cluster: &Cluster, parameters: &str) -> Self {
        let (folder, account) = unprivileged_folder();
        let port = free_port();
        let path = |name: &str| folder.path().join(name);
        let users = format!("\"{}\" \"{}\"\n", cluster.user(), cluster.password());
        write(&path("users.txt"), &users);
        let users = path("users.txt").display().to_string();
        write(
            &path("pgbouncer.ini"),
            &config(cluster, port, &users, parameters),
        );
        let mut command = account.command(server_program("pgbouncer"));
        command.arg(path("pgbouncer.ini"));
        let mut server = Supervisor::new(Plan {
            name: "pgbouncer",
            folder,
            last_signal: "KILL",
            command,
        });
        server.start(|_| accepts(port));
        Self {
            server,
            port,
            password: cluster.password().to_owned(),
        }
    }

    /// Returns the URL of a database of the cluster, through this pooler.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        cluster::url(USER, &self.password, self.port, database)
    }

    /// Returns the port on which `PgBouncer` listens.
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

/// Returns the configuration. It enables TLS to the cluster if the cluster offers TLS, which is the default of newer
/// versions.
fn config(cluster: &Cluster, port: u16, users: &str, ignored: &str) -> String {
    format!(
        "[databases]
* = host=127.0.0.1 port={}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = transaction
default_pool_size = 2
ignore_startup_parameters = {ignored}
server_tls_sslmode = prefer
",
        cluster.port()
    )
}
