//! A `PostgreSQL` server that tests start for themselves.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::certificates;
use crate::programs::{Account, postgres_program, run, unprivileged_folder};
use crate::settings::{self, Reach, USER};
use crate::supervisor::{Plan, Supervisor};
use crate::waiting::{accepts, free_port, random, tail};

/// Whether a cluster speaks TLS over TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// TLS is off.
    Off,
    /// The client decides whether to use TLS.
    Offered,
    /// TLS is required.
    Required,
}

/// A database that nobody has used before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// The URL of the database, as in [`Cluster::url`].
    pub url: String,
    /// The name of the database.
    pub name: String,
}

/// A database that belongs to a role without other rights, as the documentation recommends to operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedDatabase {
    /// The URL with which the owner connects: `postgres://owner:password@127.0.0.1:PORT/db`.
    pub url: String,
    name: String,
    owner: String,
}

/// A running `PostgreSQL` server with the databases `postgres`, `template0` and `template1`. The server and its data
/// are deleted when this handle is dropped, and when the test process ends in any way.
#[derive(Debug)]
pub struct Cluster {
    server: Mutex<Supervisor>,
    pub(crate) folder: PathBuf,
    pub(crate) reach: Reach,
    port: AtomicU16,
    pub(crate) password: String,
    created: AtomicU32,
}

impl Cluster {
    /// Starts a cluster without TLS. Returns when the server accepts connections.
    ///
    /// # Panics
    ///
    /// If the server does not start; the message contains the last lines of its log. If a program is missing.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(Tls::Off)
    }

    /// Starts a cluster. Returns when the server accepts connections. With TLS, the certificate of the server names
    /// `localhost` and 127.0.0.1 and is signed by [`Cluster::ca_file`].
    ///
    /// # Panics
    ///
    /// As [`Cluster::start`].
    #[must_use]
    pub fn start_with(tls: Tls) -> Self {
        Self::start_within(Reach { tls, also: None })
    }

    /// Starts a cluster without TLS that listens on loopback and on `address`, for clients in the same network, such as
    /// those in a network namespace. [`Cluster::url`] still returns a URL with the loopback address.
    ///
    /// # Panics
    ///
    /// As [`Cluster::start`].
    #[must_use]
    pub fn start_also_at(address: Ipv4Addr) -> Self {
        Self::start_within(Reach {
            tls: Tls::Off,
            also: Some(address),
        })
    }

    /// Starts a cluster without TLS. `environment` gets the path of the data folder and returns additional environment
    /// variables for the server.
    ///
    /// # Panics
    ///
    /// As [`Cluster::start`].
    #[must_use]
    pub fn start_in(environment: impl FnOnce(&Path) -> Vec<(String, String)>) -> Self {
        let reach = Reach {
            tls: Tls::Off,
            also: None,
        };
        Self::start_with_environment(reach, environment)
    }

    fn start_within(reach: Reach) -> Self {
        Self::start_with_environment(reach, |_| Vec::new())
    }

    fn start_with_environment(
        reach: Reach,
        environment: impl FnOnce(&Path) -> Vec<(String, String)>,
    ) -> Self {
        let password = format!("{:016x}", random());
        let fill = |folder: &Path, account| fill(folder, account, &password, reach);
        Self::start_filled(reach, password.clone(), environment, fill)
    }

    /// Starts a server whose folder `fill` has filled.
    pub(crate) fn start_filled(
        reach: Reach,
        password: String,
        environment: impl FnOnce(&Path) -> Vec<(String, String)>,
        fill: impl FnOnce(&Path, Account),
    ) -> Self {
        let (temporary, account) = unprivileged_folder();
        let folder = temporary.path().to_owned();
        let port = free_port();
        // `env` sets the variables and then execs the server. (The supervisor uses only the program and the arguments
        // of this `Command`, not its environment.)
        let mut command = account.command("env");
        let variables = environment(&folder.join("data"));
        command.args(
            variables
                .iter()
                .map(|(name, value)| format!("{name}={value}")),
        );
        command.arg(postgres_program("postgres"));
        command.args(settings::arguments(&folder, reach));
        let server = Supervisor::new(Plan {
            name: "postgres",
            folder: temporary,
            last_signal: IMMEDIATE,
            command,
        });
        fill(&folder, account);
        settings::set_port(&folder, port);
        let cluster = Self {
            server: Mutex::new(server),
            folder,
            reach,
            port: AtomicU16::new(port),
            password,
            created: AtomicU32::new(0),
        };
        cluster.start_again();
        cluster
    }

    /// Returns the cluster that all tests of this process share. The first call starts it, without TLS. A test that
    /// stops the server or cuts connections should start a cluster of its own.
    ///
    /// # Panics
    ///
    /// As [`Cluster::start`].
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Creates an empty database.
    ///
    /// # Panics
    ///
    /// If the server does not run or rejects the statement.
    pub fn create_database(&self) -> Database {
        let number = self.created.fetch_add(1, Ordering::Relaxed) + 1;
        let name = format!("test_{number}");
        let strategy = settings::strategy(&self.folder);
        self.execute("postgres", &format!("CREATE DATABASE {name}{strategy}"));
        let url = self.url(&name);
        Database { url, name }
    }

    /// Creates a role without other rights and an empty database that belongs to the role, as the documentation
    /// recommends.
    ///
    /// # Panics
    ///
    /// As [`Cluster::create_database`].
    pub fn create_owned_database(&self) -> OwnedDatabase {
        let number = self.created.fetch_add(1, Ordering::Relaxed) + 1;
        let owner = format!("operator_{number}");
        // Does what `createuser --pwprompt` does with a typed password.
        let role = format!("CREATE ROLE {owner} LOGIN PASSWORD '{}'", self.password);
        self.execute("postgres", &role);
        self.create_database_of(&owner)
    }

    fn create_database_of(&self, owner: &str) -> OwnedDatabase {
        let number = self.created.fetch_add(1, Ordering::Relaxed) + 1;
        let name = format!("test_{number}");
        let mut create = Command::new(postgres_program("createdb"));
        create.arg("--host").arg(&self.folder).arg("--port");
        create
            .arg(self.port().to_string())
            .args(["--username", USER]);
        run(create.arg(format!("--owner={owner}")).arg(&name));
        OwnedDatabase {
            url: url(owner, &self.password, self.port(), &name),
            owner: owner.to_owned(),
            name,
        }
    }

    /// Returns the URL of a database, with the superuser and its password:
    /// `postgres://user:password@127.0.0.1:PORT/db`.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        url(USER, &self.password, self.port(), database)
    }

    /// Runs SQL as the superuser, over the Unix socket. Returns one line per row, with `|` between the columns. Several
    /// statements are one transaction.
    ///
    /// # Panics
    ///
    /// If the server does not run or a statement fails. The message contains the error of the server.
    pub fn execute(&self, database: &str, sql: &str) -> String {
        let mut psql = self.client("psql", database);
        run(psql.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-c", sql]))
    }

    /// Backs up a database into a file, with the owner's login, as the documentation recommends.
    ///
    /// # Panics
    ///
    /// If the server does not run or `pg_dump` or `pg_restore` fails. The message contains the output of the program.
    pub fn back_up(&self, database: &OwnedDatabase, file: &Path) {
        let mut dump = self.owner("pg_dump", database);
        dump.arg("--format=custom").arg("--file").arg(file);
        run(dump.arg(&database.name));
    }

    /// Restores a backup into a new database of the same owner, as the documentation recommends.
    ///
    /// # Panics
    ///
    /// As [`Cluster::back_up`].
    pub fn restore(&self, backup_of: &OwnedDatabase, file: &Path) -> OwnedDatabase {
        let restored = self.create_database_of(&backup_of.owner);
        let mut restore = self.owner("pg_restore", &restored);
        restore.args(["--exit-on-error", "--no-owner"]);
        run(restore.arg("--dbname").arg(&restored.name).arg(file));
        restored
    }

    /// Returns a command that connects as the owner of a database, with the password in an environment variable.
    fn owner(&self, program: &str, database: &OwnedDatabase) -> Command {
        let mut client = Command::new(postgres_program(program));
        client.env("PGPASSWORD", &self.password);
        client.args(["--host=127.0.0.1", "--port", &self.port().to_string()]);
        client.args(["--username", &database.owner]);
        client
    }

    /// Returns a command that connects to a database as the superuser, over the Unix socket.
    pub(crate) fn client(&self, program: &str, database: &str) -> Command {
        let mut client = Command::new(postgres_program(program));
        client.arg("-h").arg(&self.folder);
        client.args(["-p", &self.port().to_string(), "-U", USER, "-d", database]);
        client
    }

    /// Ends all client connections to one database. Returns when they have ended.
    ///
    /// # Panics
    ///
    /// As [`Cluster::execute`].
    pub fn cut_connections(&self, database: &str) {
        let name = database.replace('\'', "''");
        self.execute(
            "postgres",
            &format!(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity \
                 WHERE datname = '{name}' AND backend_type = 'client backend'"
            ),
        );
    }

    /// Stops the server in fast mode, which rolls back open transactions and cuts connections. Starts it again at the
    /// same port.
    ///
    /// # Panics
    ///
    /// If the server does not run, stop or start.
    pub fn restart(&self) {
        self.lock().stop(FAST);
        self.start_again();
    }

    /// Stops the server in immediate mode, without cleanup, like a crash. Returns when all processes of the server have
    /// ended.
    ///
    /// # Panics
    ///
    /// If the server does not run.
    pub fn kill(&self) {
        self.lock().stop(IMMEDIATE);
    }

    /// Starts the server at the same port, for example after [`Cluster::kill`]. Returns when the server has recovered
    /// and accepts connections.
    ///
    /// # Panics
    ///
    /// If the server runs already or does not start.
    pub fn start_again(&self) {
        let file = self.folder.join("data/postmaster.pid");
        self.lock()
            .start(|id| says_ready(&file, id) && accepts(self.port()));
    }

    /// Returns the port of the server. Only [`Cluster::take_over`] changes the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.load(Ordering::SeqCst)
    }

    /// Stops the server in fast mode and starts it at another port.
    pub(crate) fn move_to(&self, port: u16) {
        self.lock().stop(FAST);
        settings::set_port(&self.folder, port);
        self.port.store(port, Ordering::SeqCst);
        self.start_again();
    }

    /// Returns the name of the superuser, as in [`Cluster::url`].
    #[must_use]
    pub fn user(&self) -> &str {
        USER
    }

    /// Returns the password of the superuser.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Returns the path of the certificate (PEM) of the authority that signed the server's certificate. The file does
    /// not exist if TLS is off.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        certificates::ca_file(&self.folder)
    }

    /// Returns the last lines of the server's log.
    #[must_use]
    pub fn log_tail(&self) -> String {
        tail(&self.lock().log())
    }

    /// Locks the supervisor, also after a panic: a test that panics while it holds the lock leaves no inconsistent
    /// state.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Supervisor> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const FAST: &str = "INT";
pub(crate) const IMMEDIATE: &str = "QUIT";

fn fill(folder: &Path, account: Account, password: &str, reach: Reach) {
    settings::initialise(folder, account, password, reach);
    if reach.tls != Tls::Off {
        certificates::make(folder, account);
    }
}

/// Whether `postmaster.pid` says that the server with this process id is ready. The first line of the file is the
/// process id, and the eighth line is the state. The id must match, because a crashed server may have left its file
/// behind.
fn says_ready(file: &Path, id: u32) -> bool {
    let text = fs::read_to_string(file).unwrap_or_default();
    let mut lines = text.lines().map(str::trim);
    lines.next() == Some(&id.to_string()) && lines.nth(6) == Some("ready")
}

/// Returns a URL that `PostgreSQL` clients understand.
pub(crate) fn url(user: &str, password: &str, port: u16, database: &str) -> String {
    format!("postgres://{user}:{password}@127.0.0.1:{port}/{database}")
}
