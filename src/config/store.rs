use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use central_oauth_store_seaorm::{DatabaseUrl, PoolSettings};
use secrecy::ExposeSecret;

use super::environment::is_quoted;
use super::numbers::{read_number, read_seconds};
use super::words::Words;
use super::{ConfigError, Environment};

const TOKEN_CACHE: Words<bool> = Words("TOKEN_CACHE", &[("on", true), ("off", false)]);

#[derive(Clone)]
pub(crate) struct StoreConfig {
    pub(crate) url: DatabaseUrl,
    pub(crate) pool: PoolSettings,
    /// Whether tokens are served from memory, and revalidated in the background.
    pub(crate) caches_tokens: bool,
}

/// Returns the SQLite file, which is used if no URL is configured.
pub(super) fn configured_file(environment: &Environment) -> Result<DatabaseUrl, ConfigError> {
    let path = environment.text("DB_PATH");
    let path = path.unwrap_or("./central-oauth.sqlite3");
    reject_outer_blanks("DB_PATH", path)?;
    if is_quoted(path) {
        let problem = "is in quotes, which would be a part of the file's name: remove them";
        return Err(ConfigError::variable("DB_PATH", problem));
    }
    Ok(DatabaseUrl::file(path))
}

/// Returns the URL of the database, which may contain a password.
pub(super) fn configured_url(
    environment: &Environment,
) -> Result<Option<DatabaseUrl>, ConfigError> {
    const NAME: &str = "DATABASE_URL";
    let Some(url) = environment.secret(NAME)? else {
        return Ok(None);
    };
    reject_outer_blanks(NAME, url.expose_secret())?;
    let url = url.expose_secret().parse::<DatabaseUrl>();
    url.map(Some)
        .map_err(|error| ConfigError::variable(NAME, error))
}

/// Rejects a blank at the start or the end. It may be a mistake, and with a wrong file name the service would start on
/// a new, empty database.
fn reject_outer_blanks(variable: &str, text: &str) -> Result<(), ConfigError> {
    if text == text.trim() {
        return Ok(());
    }
    let problem = "begins or ends with a blank or a line break: remove it";
    Err(ConfigError::variable(variable, problem))
}

impl StoreConfig {
    pub(crate) fn read(environment: &Environment) -> Result<Self, ConfigError> {
        // The operator's URL overrides the path that the container image sets.
        let url = match configured_url(environment)? {
            Some(url) => url,
            None => configured_file(environment)?,
        };
        let (file, server) = match url.path() {
            Some(_) => (url.to_string(), String::new()),
            None => (String::new(), url.to_string()),
        };
        environment.note("DB_PATH", file);
        // Contains neither user nor password.
        environment.note("DATABASE_URL", server);
        Ok(Self {
            url,
            pool: pool(environment)?,
            caches_tokens: TOKEN_CACHE.read(environment, true)?,
        })
    }

    /// Rejects a database file that every user of the machine may read or write, a file that is mounted without its
    /// folder, and anything but a regular file. A new file is created private.
    ///
    /// # Errors
    /// The file and the remedy.
    pub(crate) fn refuse_unsafe_file(&self) -> Result<(), ConfigError> {
        const BY_OTHERS: u32 = 0o006;
        let Some(path) = self.url.path() else {
            return Ok(());
        };
        for suffix in ["", "-wal", "-shm"] {
            let mut file = path.as_os_str().to_owned();
            file.push(suffix);
            let Ok(found) = std::fs::metadata(&file) else {
                continue;
            };
            let file = file.display().to_string();
            if !found.is_file() {
                let problem = "is not a regular file: `DB_PATH` needs the path of a database file";
                return Err(ConfigError::place(file, problem));
            }
            if found.permissions().mode() & BY_OTHERS != 0 {
                let problem = format!(
                    "every user of this machine may use this database: run `chmod o-rwx '{file}'`; if this has no effect, its \
                     file system does not keep permissions: use a Docker volume or another disk"
                );
                return Err(ConfigError::place(file, problem));
            }
        }
        if is_mounted_alone(path) {
            let problem = "is mounted without its folder, so its write-ahead log would be lost with the container: mount the \
                           folder of the database instead";
            return Err(ConfigError::place(path.display().to_string(), problem));
        }
        Ok(())
    }
}

/// Whether the file itself is a mount point, as after `docker run --volume ./db.sqlite3:/data/db.sqlite3`. The
/// write-ahead log with the latest commits is a separate file beside it, and would not be mounted.
fn is_mounted_alone(path: &Path) -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let path = path.canonicalize().unwrap_or_default();
    // The fifth field is the mount point, with spaces in octal (proc_pid_mountinfo(5)).
    let path = path.display().to_string().replace(' ', "\\040");
    mounts
        .lines()
        .any(|mount| mount.split(' ').nth(4) == Some(path.as_str()))
}

fn pool(environment: &Environment) -> Result<PoolSettings, ConfigError> {
    let default = PoolSettings::default();
    let timeout = |name, default| read_seconds(environment, name, 1..=60, default);
    let most = u64::from(default.max_connections);
    let (name, expected) = ("DATABASE_MAX_CONNECTIONS", "a whole number");
    let most = read_number(environment, name, 2..=1000, most, expected)?;
    Ok(PoolSettings {
        max_connections: most.try_into().unwrap_or(u32::MAX),
        connect_timeout: timeout("DATABASE_CONNECT_TIMEOUT", default.connect_timeout)?,
        statement_timeout: timeout("DATABASE_STATEMENT_TIMEOUT", default.statement_timeout)?,
    })
}
