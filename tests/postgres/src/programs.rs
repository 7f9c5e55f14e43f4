//! Locates programs, and chooses the accounts that run them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

const VERSIONS: &str = "/usr/lib/postgresql";

/// Returns a `psql` command that connects to this URL. It reads no start-up file, prints only unaligned rows, and stops
/// at the first error. Without `-c` or `-f`, it reads SQL from standard input.
#[must_use]
pub fn psql(url: &str) -> Command {
    let mut command = Command::new(postgres_program("psql"));
    command.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-d", url]);
    command
}

/// The account of a server: `PostgreSQL` and `PgBouncer` refuse to run as root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    /// The account that runs the tests.
    Own,
    /// The account that comes with Debian's packages.
    Postgres,
}

impl Account {
    /// Returns the account for servers that refuse to run as root. The owner of `folder`, which the tests have created,
    /// shows whether root runs the tests.
    pub(crate) fn unprivileged(folder: &Path) -> Self {
        let made_by = fs::metadata(folder).expect("the folder is there").uid();
        if made_by == 0 {
            Self::Postgres
        } else {
            Self::Own
        }
    }

    /// Returns a command that runs as this account. `setpriv` execs the program, so that there is only one process.
    pub(crate) fn command(self, program: impl AsRef<OsStr>) -> Command {
        let mut command = match self {
            Self::Own => return Command::new(program),
            Self::Postgres => Command::new("setpriv"),
        };
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
        command.arg("--").arg(program);
        command
    }
}

/// Creates a folder for a server that refuses to run as root. Returns the folder and the account that owns it. Every
/// account must have search permission for the parent folder, as for `/tmp`.
pub(crate) fn unprivileged_folder() -> (TempDir, Account) {
    let folder = new_folder();
    let account = Account::unprivileged(folder.path());
    if account == Account::Postgres {
        let mut chown = Command::new("chown");
        run(chown.arg("postgres:").arg(folder.path()));
    }
    (folder, account)
}

/// Creates a private folder. Its name is short, because the server creates a socket in it, and the path of a socket
/// must be short.
pub(crate) fn new_folder() -> TempDir {
    let folder = tempfile::Builder::new().prefix("co-test-").tempdir();
    folder.expect("cannot make a temporary folder")
}

/// Runs a command to its end and returns its output without the last line end. If the command fails, panics with its
/// error output.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| {
        let program = command.get_program().display();
        panic!("cannot start {program}: {error}; run tests/fixtures/install")
    });
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}\n{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

/// Returns a program of the newest `PostgreSQL` from Debian's folder, else from the path.
pub(crate) fn postgres_program(name: &str) -> PathBuf {
    let versions = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let versions = versions.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let programs = versions.map(|version| (version, format!("{VERSIONS}/{version}/bin/{name}")));
    let newest = programs
        .filter(|(_, program)| Path::new(program).exists())
        .max();
    newest.map_or_else(|| PathBuf::from(name), |(_, program)| program.into())
}

/// Returns a server program from Debian's folder, which not every path contains, else from the path.
pub(crate) fn server_program(name: &str) -> PathBuf {
    let program = Path::new("/usr/sbin").join(name);
    if program.exists() {
        program
    } else {
        PathBuf::from(name)
    }
}
