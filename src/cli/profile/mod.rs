//! Where a client saves its access key: one file for each profile, in the user's config folder, readable only by its owner.

mod again;
mod pending;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use central_oauth_domain::secret::AccessKey;
use etcetera::BaseStrategy;
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use url::Url;

use super::print::warn;
use super::{Exit, Failure};
use crate::config::{ClientConfig, NamedKey, is_bearer, parse_server};
use again::quoted;
pub(super) use pending::{Pending, Reserved};

/// Selects the service and the access key. Options take precedence over the environment.
#[derive(clap::Args)]
pub(super) struct Target {
    /// The URL of the service [default: the service of the saved key, or CENTRAL_OAUTH_SERVER, or else
    /// http://127.0.0.1:8080].
    #[arg(long, value_name = "URL", value_parser = parse_server)]
    server: Option<Url>,
    /// The name of the saved access key (`link` saves it under this name) [default: the key in
    /// CENTRAL_OAUTH_ACCESS_KEY, or else the name "default"].
    #[arg(long, value_name = "NAME", value_parser = profile_name)]
    profile: Option<String>,
    /// The file of the saved access key (`link` writes it) [default: central-oauth/NAME.toml in your config folder].
    #[arg(long, value_name = "FILE", conflicts_with = "profile")]
    key_file: Option<PathBuf>,
}

impl Target {
    /// Selects this service and the key of the environment.
    pub(super) const fn at(server: Option<Url>) -> Self {
        Self {
            server,
            profile: None,
            key_file: None,
        }
    }
}

/// A key, the service that it belongs to, and where the key came from.
pub(super) struct Profile {
    pub(super) server: Url,
    /// Whether nothing has selected a service, so that `server` is the default.
    pub(super) is_default: bool,
    pub(super) access_key: AccessKey,
    pub(super) origin: Origin,
    /// The hosts to which credential helpers may give tokens of this key.
    pub(super) hosts: Vec<String>,
}

/// The source of a key, for messages.
#[derive(Clone)]
pub(super) enum Origin {
    /// The environment variable with this name.
    Variable(String),
    /// The platform of a workload. Names the source of the JWT.
    Platform(&'static str),
    File(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "the key in {name}"),
            Self::Platform(place) => write!(f, "the token in {place}"),
            Self::File(path) => write!(f, "the key in {}", path.display()),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    server: String,
    access_key: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hosts: Vec<String>,
}

impl Target {
    const DEFAULT_PROFILE: &'static str = "default";

    pub(super) fn path(&self) -> Result<PathBuf, Failure> {
        if let Some(path) = &self.key_file {
            return Ok(path.clone());
        }
        let folders = etcetera::choose_base_strategy()?;
        let name = self.profile.as_deref().unwrap_or(Self::DEFAULT_PROFILE);
        let file = format!("{name}.toml");
        Ok(folders.config_dir().join("central-oauth").join(file))
    }

    /// Returns the service to use, from the first of these: --server, the saved key that --profile or --key-file
    /// selects, CENTRAL_OAUTH_SERVER, the default saved key, the default service.
    pub(super) fn server(
        &self,
        config: &ClientConfig<'_>,
        kept: Option<&Profile>,
    ) -> Result<Url, Failure> {
        let kept = kept.map(|kept| &kept.server);
        let named = kept.filter(|_| self.names_a_key());
        let of_environment = config.server.as_ref();
        match self.server.as_ref().or(named).or(of_environment).or(kept) {
            Some(server) => Ok(server.clone()),
            None => default_server(config),
        }
    }

    /// Whether neither --server nor CENTRAL_OAUTH_SERVER selects a service.
    pub(super) const fn names_no_server(&self, config: &ClientConfig<'_>) -> bool {
        self.server.is_none() && config.server.is_none()
    }

    /// Whether --profile or --key-file selects a saved key.
    pub(super) const fn names_a_key(&self) -> bool {
        self.profile.is_some() || self.key_file.is_some()
    }

    /// Loads the saved key of this profile, if there is one.
    pub(super) fn load(&self) -> Result<Option<Profile>, Failure> {
        let path = self.path()?;
        match std::fs::read_to_string(&path) {
            Ok(text) => parse(&text, &path).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&path, "cannot be read", &error)),
        }
    }

    /// Returns the key to use and the service to send it to. A saved key is only sent to its own service.
    pub(super) fn profile(&self, config: &ClientConfig<'_>) -> Result<Profile, Failure> {
        if !self.names_a_key()
            && let Some(access_key) = config.key(ClientConfig::ACCESS_KEY)?
        {
            return self.of_environment(config, access_key);
        }
        let Some(kept) = self.load()? else {
            let (path, again) = (self.path()?, self.again());
            let message = format!(
                "no access key is saved in {}: run `central-oauth link{again}` first",
                path.display()
            );
            return Err(Failure::new(Exit::NoKey, message));
        };
        let asked = self.server(config, Some(&kept))?;
        if is_same_service(&asked, &kept.server) {
            warn_if_shared(&self.path()?);
            return Ok(kept);
        }
        let by = match &self.server {
            Some(_) => "--server",
            None => "CENTRAL_OAUTH_SERVER",
        };
        let message = format!(
            "{} belongs to {}, not to {asked} ({by}): choose another --profile",
            kept.origin, kept.server
        );
        Err(Failure::new(Exit::NoKey, message))
    }

    /// Returns the admin key if the environment has one and the command line selects no saved key. The admin key is
    /// sent to --server, CENTRAL_OAUTH_SERVER or the default service, never to the service of a saved key.
    pub(super) fn operator(&self, config: &ClientConfig<'_>) -> Result<Option<Profile>, Failure> {
        if self.names_a_key() {
            return Ok(None);
        }
        let profile = |key| self.of_environment(config, key);
        config
            .key(ClientConfig::ADMIN_KEY)?
            .map(profile)
            .transpose()
    }

    /// Whether keys of the environment may be sent to this server. The server must come from --server,
    /// CENTRAL_OAUTH_SERVER or the default. A server that only a saved key names gets no key of the environment.
    pub(super) fn is_of_environment(
        &self,
        server: &Url,
        config: &ClientConfig<'_>,
    ) -> Result<bool, Failure> {
        let meant = match &self.server {
            Some(server) => server.clone(),
            None => default_server(config)?,
        };
        Ok(is_same_service(&meant, server))
    }

    fn of_environment(
        &self,
        config: &ClientConfig<'_>,
        named: NamedKey,
    ) -> Result<Profile, Failure> {
        Ok(Profile {
            server: self.server(config, None)?,
            is_default: self.names_no_server(config),
            access_key: named.key,
            origin: Origin::Variable(named.variable),
            hosts: Vec::new(),
        })
    }

    /// Removes the file of a key that no longer works. Returns its path, or `None` if the file holds another key.
    pub(super) fn forget(&self, dead: &Profile) -> Result<Option<PathBuf>, Failure> {
        let is_dead = |kept: &Profile| {
            let same_key = kept.access_key.expose() == dead.access_key.expose();
            same_key && is_same_service(&kept.server, &dead.server)
        };
        if !self.load()?.as_ref().is_some_and(is_dead) {
            return Ok(None);
        }
        let path = self.path()?;
        remove(&path)?;
        Ok(Some(path))
    }
}

/// Returns the service in CENTRAL_OAUTH_SERVER, or a service on this machine.
fn default_server(config: &ClientConfig<'_>) -> Result<Url, Failure> {
    const ON_THIS_MACHINE: &str = "http://127.0.0.1:8080/";
    match &config.server {
        Some(server) => Ok(server.clone()),
        None => Ok(Url::parse(ON_THIS_MACHINE)?),
    }
}

/// Whether two URLs name the same service. Paths count, because several services may share a host.
fn is_same_service(one: &Url, other: &Url) -> bool {
    let path = |url: &Url| url.path().trim_end_matches('/').to_owned();
    one.origin() == other.origin() && path(one) == path(other)
}

/// Warns, as ssh does, if other users may open a key file that this user owns.
fn warn_if_shared(path: &Path) {
    let is_shared =
        |file: std::fs::Metadata| file.uid() == geteuid().as_raw() && file.mode() & 0o077 != 0;
    if path.metadata().is_ok_and(is_shared) {
        let file = path.display().to_string();
        warn(format_args!(
            "other users of this machine may open {file}, which holds an access key: run `chmod 600 {}`",
            quoted(&file)
        ));
    }
}

/// Removes the file of a key.
pub(super) fn remove(path: &Path) -> Result<(), Failure> {
    std::fs::remove_file(path).map_err(|error| failed(path, "cannot be removed", &error))
}

impl Profile {
    /// Saves the key, atomically replacing the file.
    pub(super) fn save(&self, path: &Path) -> Result<(), Failure> {
        let stored = Stored {
            server: self.server.to_string(),
            access_key: self.access_key.expose().to_owned(),
            hosts: self.hosts.clone(),
        };
        let text = toml::to_string(&stored)?;
        let write = || {
            let mut file = neighbour(path)?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(path).map_err(std::io::Error::from)
        };
        let written = write();
        written
            .map(drop)
            .map_err(|error| failed(path, "cannot be written", &error))
    }
}

/// Checks that a key can be saved at `path`. Called before the key is requested, because the service returns it only
/// once.
pub(super) fn check_writable(path: &Path) -> Result<(), Failure> {
    let checked = if path.is_dir() {
        Err(ErrorKind::IsADirectory.into())
    } else {
        neighbour(path).map(drop)
    };
    checked.map_err(|error| failed(path, "cannot be written", &error))
}

/// Creates a temporary file in the folder of `path`. Only its owner may read it, also after it is renamed.
fn neighbour(path: &Path) -> std::io::Result<NamedTempFile> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    NamedTempFile::new_in(folder)
}

fn parse(text: &str, path: &Path) -> Result<Profile, Failure> {
    let read = || {
        let stored: Stored = toml::from_str(text).ok()?;
        let server = parse_server(&stored.server).ok()?;
        let access_key = AccessKey::new(stored.access_key);
        is_bearer(&access_key).then_some(Profile {
            server,
            is_default: false,
            access_key,
            origin: Origin::File(path.to_owned()),
            hosts: stored.hosts,
        })
    };
    read().ok_or_else(|| {
        let file = path.display();
        let message = format!(
            "{file} does not contain a server and an access key: choose another file, or replace this one with \
             `central-oauth link --force --key-file {}`",
            quoted(&file.to_string())
        );
        Failure::new(Exit::Other, message)
    })
}

/// Creates a failure that names the file.
pub(super) fn failed(path: &Path, how: &str, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Other, format!("{} {how}: {error}", path.display()))
}

fn profile_name(text: &str) -> Result<String, &'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !text.is_empty() && text.len() <= 64 && text.chars().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("a profile's name has up to 64 letters, digits, hyphens and underscores")
    }
}
