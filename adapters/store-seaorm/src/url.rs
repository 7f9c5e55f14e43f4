//! Where the database is.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use sea_orm::sqlx::sqlite::SqliteConnectOptions;

/// The place of a database that this build can use: a file of SQLite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    path: PathBuf,
}

/// Why a text does not name a database. The text itself is left out: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDatabaseUrl {
    /// It has no scheme.
    #[error("must begin with sqlite://")]
    NoScheme,
    /// It names another kind of database.
    #[error("this build knows only sqlite:// databases, not {scheme}://")]
    UnknownScheme {
        /// What it begins with.
        scheme: String,
    },
    /// It names no file, or memory.
    #[error("must name a file, like sqlite:///var/lib/central-oauth/central-oauth.sqlite3")]
    NoFile,
    /// What follows the scheme makes no sense.
    #[error("not a URL of an SQLite database: {reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
}

impl DatabaseUrl {
    /// The database in this file, whatever its name looks like.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrl;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = url.split_once(':').ok_or(InvalidDatabaseUrl::NoScheme)?;
        if scheme != "sqlite" {
            return Err(unknown(scheme));
        }
        let rest = rest.trim_start_matches("//");
        if rest.is_empty() || rest.contains(":memory:") || rest.contains("mode=memory") {
            return Err(InvalidDatabaseUrl::NoFile);
        }
        let options =
            url.parse::<SqliteConnectOptions>()
                .map_err(|error| InvalidDatabaseUrl::Malformed {
                    reason: error.to_string(),
                })?;
        Ok(Self::file(options.get_filename()))
    }
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

    #[test]
    fn names_a_file() {
        for (url, path) in [
            ("sqlite://central-oauth.sqlite3", "central-oauth.sqlite3"),
            ("sqlite:///data/store.sqlite3", "/data/store.sqlite3"),
            ("sqlite:./store.sqlite3", "./store.sqlite3"),
            ("sqlite:///data/my%20store?mode=rwc", "/data/my store"),
        ] {
            assert_eq!(url.parse(), Ok(DatabaseUrl::file(path)), "{url}");
        }
    }

    #[test]
    fn says_which_databases_it_knows_and_keeps_passwords_to_itself() {
        let refused = "postgres://me:secret@db/tokens".parse::<DatabaseUrl>();
        let message = refused.map_err(|error| error.to_string());
        let expected = "this build knows only sqlite:// databases, not postgres://";
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
            assert_eq!(url.parse::<DatabaseUrl>(), Err(error), "{url:?}");
        }
        let odd = "sqlite://x?colour=red".parse::<DatabaseUrl>();
        assert!(matches!(odd, Err(InvalidDatabaseUrl::Malformed { .. })));
    }
}
