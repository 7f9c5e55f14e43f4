//! Where the database is.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use url::Url;

/// The place of a database: a file of SQLite or a server of PostgreSQL. Shown without password.
#[derive(Clone)]
pub struct DatabaseUrl(Place);

#[derive(Clone)]
pub(crate) enum Place {
    File(PathBuf),
    Server(Box<PgConnectOptions>),
}

/// Why a text does not name a database. The text itself is left out: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDatabaseUrl {
    /// It has no scheme.
    #[error("must begin with sqlite:// or postgres://")]
    NoScheme,
    /// It names another kind of database.
    #[error("knows only sqlite:// and postgres:// databases, not {scheme}://")]
    UnknownScheme {
        /// What it begins with.
        scheme: String,
    },
    /// It names no file, or memory.
    #[error("must name a file, like sqlite:///var/lib/central-oauth/central-oauth.sqlite3")]
    NoFile,
    /// What follows the scheme makes no sense.
    #[error("not a URL of {database} database: {reason}")]
    Malformed {
        /// The kind of database, with its article.
        database: &'static str,
        /// What is wrong.
        reason: String,
    },
}

/// What may stand behind the question mark of a PostgreSQL URL, as libpq and its kin name it.
const PARAMETERS: &[&str] = &[
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

impl DatabaseUrl {
    /// The database in this file, whatever its name looks like.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Place::File(path.into()))
    }

    /// The file, of a database that is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            Place::File(path) => Some(path),
            Place::Server(_) => None,
        }
    }

    pub(crate) const fn place(&self) -> &Place {
        &self.0
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = match &self.0 {
            Place::File(path) => return write!(f, "{}", path.display()),
            Place::Server(options) => options,
        };
        match options.get_socket() {
            Some(socket) => write!(f, "postgres://{}", socket.display())?,
            None => write!(
                f,
                "postgres://{}:{}",
                options.get_host(),
                options.get_port()
            )?,
        }
        let database = options.get_database();
        write!(f, "/{}", database.unwrap_or(options.get_username()))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

impl FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrl;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = url.split_once(':').ok_or(InvalidDatabaseUrl::NoScheme)?;
        match scheme {
            "sqlite" => file(url, rest),
            "postgres" | "postgresql" => server(url),
            scheme => Err(unknown(scheme)),
        }
    }
}

fn file(url: &str, rest: &str) -> Result<DatabaseUrl, InvalidDatabaseUrl> {
    let rest = rest.trim_start_matches("//");
    if rest.is_empty() || rest.contains(":memory:") || rest.contains("mode=memory") {
        return Err(InvalidDatabaseUrl::NoFile);
    }
    let options = url
        .parse::<SqliteConnectOptions>()
        .map_err(|error| malformed("an SQLite", error.to_string()))?;
    Ok(DatabaseUrl::file(options.get_filename()))
}

/// A parameter that the driver passes over may be a misspelt `sslmode`, so it is refused.
fn server(url: &str) -> Result<DatabaseUrl, InvalidDatabaseUrl> {
    let malformed = |reason| malformed("a PostgreSQL", reason);
    let parsed = Url::parse(url).map_err(|error| malformed(error.to_string()))?;
    let mut names = parsed.query_pairs().map(|(name, _)| name);
    if let Some(name) = names.find(|name| !PARAMETERS.contains(&name.as_ref())) {
        let known = PARAMETERS.join(", ");
        let reason = format!("unknown parameter {name:?}; known are {known}");
        return Err(malformed(reason));
    }
    let options = url
        .parse::<PgConnectOptions>()
        .map_err(|error| malformed(error.to_string()))?;
    Ok(DatabaseUrl(Place::Server(Box::new(options))))
}

fn malformed(database: &'static str, reason: String) -> InvalidDatabaseUrl {
    InvalidDatabaseUrl::Malformed { database, reason }
}

/// What stands before the colon is repeated only if it is a scheme indeed.
fn unknown(scheme: &str) -> InvalidDatabaseUrl {
    if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        let scheme = scheme.to_owned();
        InvalidDatabaseUrl::UnknownScheme { scheme }
    } else {
        InvalidDatabaseUrl::NoScheme
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> Result<String, InvalidDatabaseUrl> {
        url.parse::<DatabaseUrl>().map(|url| url.to_string())
    }

    #[test]
    fn names_a_file() {
        for (url, path) in [
            ("sqlite://central-oauth.sqlite3", "central-oauth.sqlite3"),
            ("sqlite:///data/store.sqlite3", "/data/store.sqlite3"),
            ("sqlite:./store.sqlite3", "./store.sqlite3"),
            ("sqlite:///data/my%20store?mode=rwc", "/data/my store"),
        ] {
            let parsed = url.parse::<DatabaseUrl>();
            let parsed = parsed.as_ref().map(DatabaseUrl::path);
            assert_eq!(parsed, Ok(Some(Path::new(path))), "{url}");
        }
    }

    #[test]
    fn names_a_server_and_keeps_its_password() {
        for (url, name) in [
            (
                "postgres://me:secret@db/tokens",
                "postgres://db:5432/tokens",
            ),
            (
                "postgresql://me:secret@10.0.0.7:6432/tokens?sslmode=verify-full",
                "postgres://10.0.0.7:6432/tokens",
            ),
            (
                "postgres:///tokens?host=/run/postgresql&user=me&password=secret",
                "postgres:///run/postgresql/tokens",
            ),
        ] {
            assert_eq!(shown(url).as_deref(), Ok(name), "{url}");
            let parsed = url.parse::<DatabaseUrl>();
            assert!(!format!("{parsed:?}").contains("secret"));
        }
    }

    #[test]
    fn says_which_databases_it_knows_and_keeps_passwords_to_itself() {
        let message = shown("mysql://me:secret@db/tokens").map_err(|error| error.to_string());
        let expected = "knows only sqlite:// and postgres:// databases, not mysql://";
        assert_eq!(message, Err(expected.to_owned()));
    }

    #[test]
    fn refuses_what_is_no_file() {
        use InvalidDatabaseUrl::{NoFile, NoScheme};
        for (url, error) in [
            ("", NoScheme),
            ("central-oauth.sqlite3", NoScheme),
            ("my secret: thing", NoScheme),
            ("sqlite://", NoFile),
            ("sqlite::memory:", NoFile),
            ("sqlite://x?mode=memory", NoFile),
        ] {
            assert_eq!(shown(url), Err(error), "{url:?}");
        }
        let odd = shown("sqlite://x?colour=red");
        assert!(matches!(odd, Err(InvalidDatabaseUrl::Malformed { .. })));
    }

    #[test]
    fn refuses_what_a_server_would_be_reached_otherwise_by() {
        for (url, reason) in [
            ("postgres://me:secret@db:x/tokens", "invalid port number"),
            (
                "postgres://me:secret@db/tokens?sslmod=require",
                r#"unknown parameter "sslmod""#,
            ),
            ("postgres://me:secret@db/tokens?sslmode=must", "ssl"),
        ] {
            let message = shown(url).map_err(|error| error.to_string()).unwrap_err();
            assert!(message.contains(reason), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
