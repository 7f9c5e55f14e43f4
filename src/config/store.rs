use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use central_oauth_store_seaorm::{DatabaseUrl, PoolSettings};
use secrecy::ExposeSecret;

use super::environment::is_quoted;
use super::numbers::{read_number, read_seconds};
use super::words::Words;
use super::{ConfigError, Environment};

const TOKEN_CACHE: Words<bool> = Words("TOKEN_CACHE", &[("on", true), ("off", false)]);

/// File systems that other machines may change. SQLite's write-ahead log needs memory that all its processes share
/// (<https://sqlite.org/wal.html>).
const NETWORK_FILE_SYSTEMS: &[&str] = &[
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "fuse.blobfuse2",
    "fuse.ceph",
    "fuse.gcsfuse",
    "fuse.glusterfs",
    "fuse.juicefs",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.sshfs",
    "gpfs",
    "lustre",
    "nfs",
    "nfs4",
    "smb3",
    "smbfs",
];

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
        // `server` contains neither user nor password.
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
    /// Names the file and the remedy.
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

    /// Returns a warning if the database file is on a network file system (dani-garcia/vaultwarden#1201).
    pub(crate) fn warning(&self) -> Option<String> {
        let path = self.url.path()?;
        let mounts = mounts();
        let kind = file_system(&mounts, &folder(path)?)?;
        let is_remote = NETWORK_FILE_SYSTEMS.contains(&kind);
        is_remote.then(|| {
            format!(
                "{} is on a network file system ({kind}); SQLite needs a local disk: use one, or PostgreSQL",
                path.display()
            )
        })
    }
}

/// Whether the file itself is a mount point, as after `docker run --volume ./db.sqlite3:/data/db.sqlite3`. The
/// write-ahead log with the latest commits is a separate file beside it, and would not be mounted.
fn is_mounted_alone(path: &Path) -> bool {
    let path = path.canonicalize().unwrap_or_default();
    let path = escaped(&path);
    mounts()
        .lines()
        .any(|mount| mount_point(mount) == Some(path.as_str()))
}

/// Returns the mounts of this process, one per line: proc_pid_mountinfo(5).
fn mounts() -> String {
    std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default()
}

fn mount_point(mount: &str) -> Option<&str> {
    mount.split(' ').nth(4)
}

/// Returns a path as the list of mounts shows it.
fn escaped(path: &Path) -> String {
    let path = path.display().to_string().replace('\\', "\\134");
    let path = path.replace(' ', "\\040").replace('\t', "\\011");
    path.replace('\n', "\\012")
}

/// Returns the folder of a SQLite database and its WAL, with symbolic links resolved.
fn folder(database: &Path) -> Option<PathBuf> {
    let file = database.canonicalize();
    let file = file.or_else(|_| std::path::absolute(database)).ok()?;
    file.parent()?.canonicalize().ok()
}

/// Returns the type of the file system that a folder is on.
fn file_system<'a>(mounts: &'a str, folder: &Path) -> Option<&'a str> {
    let folder = escaped(folder);
    let around = mounts.lines().filter_map(|mount| {
        let (mount, source) = mount.split_once(" - ")?;
        let (point, kind) = (mount_point(mount)?, source.split(' ').next()?);
        let is_around = Path::new(&folder).starts_with(point);
        is_around.then_some((point.len(), kind))
    });
    // If several mounts have the same mount point, the last one hides the others. `max_by_key` returns the last
    // maximum.
    let innermost = around.max_by_key(|(length, _)| *length);
    innermost.map(|(_, kind)| kind)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_mount_names_the_file_system() {
        let mounts = r"22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 0:44 / /srv rw shared:5 master:2 - nfs4 nas:/srv rw,vers=4.2
41 40 8:2 /volumes/one /srv/local rw - xfs /dev/sdb1 rw
42 22 0:45 /exports/one /var/lib/my\040data rw - cifs //nas/share rw
43 22 0:46 / /home rw - autofs systemd-1 rw
44 43 0:47 / /home rw - nfs nas:/home rw
";
        for (folder, kind) in [
            ("/data", "ext4"),
            ("/srv", "nfs4"),
            ("/srv/data", "nfs4"),
            ("/srv-data", "ext4"),
            ("/srv/local/data", "xfs"),
            ("/var/lib/my data/one", "cifs"),
            ("/home/ada", "nfs"),
        ] {
            let found = file_system(mounts, Path::new(folder));
            assert_eq!(found, Some(kind), "{folder}");
        }
    }
}
