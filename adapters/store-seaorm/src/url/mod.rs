#[cfg(test)]
mod tests;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgSslMode};
use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use url::{Host, ParseError, Url};

/// A database: a SQLite file or a PostgreSQL server. Displayed without password.
#[derive(Clone)]
pub struct DatabaseUrl(Place);

#[derive(Clone)]
pub(crate) enum Place {
    File(PathBuf),
    Server(Box<Server>),
}

/// How to connect to a PostgreSQL server.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) options: PgConnectOptions,
    /// Whether a pooler may run each transaction on another connection of the server. In that case, session settings
    /// and prepared statements last for one transaction only.
    pub(crate) is_pooled: bool,
}

/// The sqlx parameter that marks the URL of a pooler. Only the value 0 is allowed.
const CACHE_CAPACITY: &str = "statement-cache-capacity";

/// Why a text does not name a database. The error omits the text, because it may contain a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDatabaseUrl {
    /// The text has no scheme.
    #[error("must begin with sqlite:// or postgres://")]
    NoScheme,
    /// The text names another kind of database.
    #[error("knows only sqlite:// and postgres:// databases, not {0}://")]
    UnknownScheme(String),
    /// The text names no file, or an in-memory database.
    #[error("must name a file, like sqlite:///var/lib/central-oauth/central-oauth.sqlite3")]
    NoFile,
    /// The part after the scheme is invalid.
    #[error("not a URL of {database} database: {reason}")]
    Malformed {
        /// The kind of database, with its article.
        database: &'static str,
        /// The error.
        reason: String,
    },
    /// `PGSSLMODE` is set to a value that the driver does not know.
    #[error("PGSSLMODE, which applies because the URL has no sslmode, must be one of {}", SSL_MODES.join(", "))]
    UnknownSslMode,
    /// `sslrootcert=system` with a weaker mode than `verify-full`.
    #[error("sslrootcert=system (or PGSSLROOTCERT=system) needs sslmode=verify-full")]
    WeakSslMode,
}

/// The values of `sslmode`, as libpq names them.
const SSL_MODES: &[&str] = &[
    "disable",
    "allow",
    "prefer",
    "require",
    "verify-ca",
    "verify-full",
];

/// The supported parameters of a PostgreSQL URL: those of libpq, and one of sqlx.
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
    CACHE_CAPACITY,
    "user",
];

impl DatabaseUrl {
    /// Returns the SQLite database in this file. The path is not parsed.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Place::File(path.into()))
    }

    /// Returns the file, if it is a SQLite database.
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
            Place::Server(server) => &server.options,
        };
        match options.get_socket() {
            Some(socket) => write!(f, "postgres://{}", socket.display())?,
            None => {
                let (host, port) = (options.get_host(), options.get_port());
                match host.contains(':') {
                    true => write!(f, "postgres://[{host}]:{port}")?,
                    false => write!(f, "postgres://{host}:{port}")?,
                }
            }
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

/// Parses the URL of a server. Rejects unknown parameters, which the driver would ignore: one may be a misspelt
/// `sslmode`.
fn server(url: &str) -> Result<DatabaseUrl, InvalidDatabaseUrl> {
    let malformed = |reason| malformed("a PostgreSQL", reason);
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let has_host = query.contains("host=") || query.contains("hostaddr=");
    let parsed = match Url::parse(url) {
        // libpq accepts a URL without a host if a parameter names the host or the folder of a Unix socket.
        Err(ParseError::EmptyHost) if has_host => Url::parse(&url.replacen("@/", "@localhost/", 1)),
        parsed => parsed,
    };
    let mut parsed = parsed.map_err(|error| malformed(error.to_string()))?;
    // The driver treats the brackets of an IPv6 address as a part of the name.
    if let Some(Host::Ipv6(address)) = parsed.host()
        && !has_host
    {
        let address = address.to_string();
        parsed.query_pairs_mut().append_pair("host", &address);
    }
    if parsed.fragment().is_some() {
        return Err(malformed("write a # of the password as %23".to_owned()));
    }
    let mut names = parsed.query_pairs().map(|(name, _)| name);
    if let Some(name) = names.find(|name| !PARAMETERS.contains(&name.as_ref())) {
        let known = PARAMETERS.join(", ");
        let reason = format!("unknown parameter {name:?}; known are {known}");
        return Err(malformed(reason));
    }
    let options = parsed
        .as_str()
        .parse::<PgConnectOptions>()
        .map_err(|error| malformed(error.to_string()))?;
    let value = |parameter| parsed.query_pairs().find(|(name, _)| name == parameter);
    let has = |parameter| value(parameter).is_some();
    let capacity = value(CACHE_CAPACITY);
    if capacity.as_ref().is_some_and(|(_, value)| value != "0") {
        return Err(malformed(format!("{CACHE_CAPACITY} can only be 0")));
    }
    if !has("sslmode") {
        refuse_unknown(environment("PGSSLMODE").as_deref())?;
    }
    let mode = options.get_ssl_mode();
    let roots = roots(&parsed);
    let options = if roots.iter().any(|root| root == "system") {
        let is_explicit = has("sslmode") || environment("PGSSLMODE").is_some();
        if is_explicit && !matches!(mode, PgSslMode::VerifyFull) {
            return Err(InvalidDatabaseUrl::WeakSslMode);
        }
        // Follows the rules of libpq 16. The driver would read a file named `system`. Without a root certificate, the
        // driver trusts public authorities.
        let options = options.ssl_root_cert_from_pem(Vec::new());
        options.ssl_mode(PgSslMode::VerifyFull)
    } else {
        options.ssl_mode(no_less_than_libpq(mode, !roots.is_empty()))
    };
    Ok(DatabaseUrl(Place::Server(Box::new(Server {
        options,
        is_pooled: capacity.is_some(),
    }))))
}

/// Returns the values of `sslrootcert`. If there are none, returns the value of `PGSSLROOTCERT`.
fn roots(url: &Url) -> Vec<OsString> {
    let named = url.query_pairs().filter(|(name, _)| name == "sslrootcert");
    let named: Vec<_> = named
        .map(|(_, root)| OsString::from(root.into_owned()))
        .collect();
    if named.is_empty() {
        environment("PGSSLROOTCERT").into_iter().collect()
    } else {
        named
    }
}

/// Returns a variable of libpq. An empty variable counts as unset.
#[expect(
    clippy::disallowed_methods,
    reason = "the driver reads these variables itself and does not report their values"
)]
fn environment(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Rejects an unknown `PGSSLMODE`, which the driver would treat as `prefer`.
fn refuse_unknown(mode: Option<&OsStr>) -> Result<(), InvalidDatabaseUrl> {
    let is_known = |mode: &OsStr| {
        mode.to_str()
            .is_some_and(|mode| mode.parse::<PgSslMode>().is_ok())
    };
    if mode.is_none_or(is_known) {
        Ok(())
    } else {
        Err(InvalidDatabaseUrl::UnknownSslMode)
    }
}

/// Returns a mode with which the driver (sqlx 0.9.0, `tls_rustls.rs`) protects at least as well as libpq does. The
/// driver trusts all public authorities, not only the configured root certificate. So with `verify-ca`, anybody with a
/// certificate for any host could pose as the server; `verify-full` also checks the host name. With `require`, the
/// driver ignores root certificates. With `allow`, it never uses TLS.
const fn no_less_than_libpq(mode: PgSslMode, has_root: bool) -> PgSslMode {
    match mode {
        PgSslMode::Allow => PgSslMode::Prefer,
        PgSslMode::VerifyCa => PgSslMode::VerifyFull,
        PgSslMode::Require if has_root => PgSslMode::VerifyFull,
        mode => mode,
    }
}

fn malformed(database: &'static str, reason: String) -> InvalidDatabaseUrl {
    InvalidDatabaseUrl::Malformed { database, reason }
}

/// Returns an error that contains the text before the colon only if that text looks like a scheme.
fn unknown(scheme: &str) -> InvalidDatabaseUrl {
    if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        InvalidDatabaseUrl::UnknownScheme(scheme.to_owned())
    } else {
        InvalidDatabaseUrl::NoScheme
    }
}
