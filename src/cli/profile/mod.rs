//! Where a client saves its access key: one file for each profile, in the user's config folder, readable only by its owner.

mod pending;

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use central_oauth_domain::secret::AccessKey;
use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use url::Url;

use super::{Exit, Failure};
use crate::config::{ClientConfig, is_bearer, parse_server};
pub(super) use pending::Pending;

/// Which service, and which saved key.
#[derive(clap::Args)]
pub(super) struct Target {
    /// The service [default: CENTRAL_OAUTH_SERVER, else the service of the saved key, else http://127.0.0.1:8080].
    #[arg(long, value_name = "URL", value_parser = parse_server)]
    server: Option<Url>,
    /// The name of the saved access key [default: default].
    #[arg(long, value_name = "NAME", value_parser = profile_name)]
    profile: Option<String>,
    /// The file of the saved access key [default: central-oauth/NAME.toml in the user's config folder].
    #[arg(long, value_name = "FILE", conflicts_with = "profile")]
    key_file: Option<PathBuf>,
}

/// A key and the service that it belongs to.
pub(super) struct Profile {
    pub(super) server: Url,
    pub(super) access_key: AccessKey,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    server: String,
    access_key: String,
}

impl Target {
    const DEFAULT_SERVER: &'static str = "http://127.0.0.1:8080";
    const DEFAULT_PROFILE: &'static str = "default";

    /// The file of this profile.
    pub(super) fn path(&self) -> Result<PathBuf, Failure> {
        if let Some(path) = &self.key_file {
            return Ok(path.clone());
        }
        let folders = etcetera::choose_base_strategy().map_err(Failure::other)?;
        let name = self.profile.as_deref().unwrap_or(Self::DEFAULT_PROFILE);
        let file = format!("{name}.toml");
        Ok(folders.config_dir().join("central-oauth").join(file))
    }

    /// The service to ask.
    pub(super) fn server(
        &self,
        config: &ClientConfig,
        kept: Option<&Profile>,
    ) -> Result<Url, Failure> {
        let kept = kept.map(|kept| &kept.server);
        match self.asked(config).or(kept) {
            Some(server) => Ok(server.clone()),
            None => Url::parse(Self::DEFAULT_SERVER).map_err(Failure::other),
        }
    }

    fn asked<'a>(&'a self, config: &'a ClientConfig) -> Option<&'a Url> {
        self.server.as_ref().or(config.server.as_ref())
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
    pub(super) fn profile(&self, config: &ClientConfig) -> Result<Profile, Failure> {
        if let Some(access_key) = config.access_key.clone() {
            let server = self.server(config, None)?;
            return Ok(Profile { server, access_key });
        }
        let Some(kept) = self.load()? else {
            let message = format!(
                "no access key is saved in {}: run `central-oauth link` first",
                self.path()?.display()
            );
            return Err(Failure::new(Exit::NoKey, message));
        };
        match self.asked(config) {
            Some(asked) if asked.origin() != kept.server.origin() => {
                let message = format!(
                    "the saved access key belongs to {}, not to {asked}: choose another --profile",
                    kept.server
                );
                Err(Failure::new(Exit::NoKey, message))
            }
            _ => Ok(kept),
        }
    }

    /// Returns the admin key if the environment has one and the command line asks for no saved key. It is sent to
    /// --server or CENTRAL_OAUTH_SERVER, never to the service of a saved key.
    pub(super) fn operator(&self, config: &ClientConfig) -> Result<Option<Profile>, Failure> {
        let asks_for_kept = self.profile.is_some() || self.key_file.is_some();
        let Some(access_key) = config.admin_key.clone().filter(|_| !asks_for_kept) else {
            return Ok(None);
        };
        let server = self.server(config, None)?;
        Ok(Some(Profile { server, access_key }))
    }

    /// Returns the options that select this profile, for commands shown to people.
    pub(super) fn again(&self) -> String {
        match (&self.profile, &self.key_file) {
            (_, Some(file)) => format!(" --key-file {}", file.display()),
            (Some(name), None) => format!(" --profile {name}"),
            (None, None) => String::new(),
        }
    }

    /// Removes the file of a key that no longer works. Returns its path, or `None` if it holds another key.
    pub(super) fn forget(&self, dead: &Profile) -> Result<Option<PathBuf>, Failure> {
        let is_dead = |kept: &Profile| {
            let same_key = kept.access_key.expose() == dead.access_key.expose();
            same_key && kept.server.origin() == dead.server.origin()
        };
        if !self.load()?.as_ref().is_some_and(is_dead) {
            return Ok(None);
        }
        let path = self.path()?;
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(Some(path)),
            Err(error) => Err(failed(&path, "cannot be removed", &error)),
        }
    }
}

impl Profile {
    /// Saves the key, atomically replacing the file.
    pub(super) fn keep(&self, path: &Path) -> Result<(), Failure> {
        let stored = Stored {
            server: self.server.to_string(),
            access_key: self.access_key.expose().to_owned(),
        };
        let text = toml::to_string(&stored).map_err(Failure::other)?;
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

/// Checks that a key can be saved there, before one is requested: the service returns a key only once.
pub(super) fn check_writable(path: &Path) -> Result<(), Failure> {
    let checked = if path.is_dir() {
        Err(ErrorKind::IsADirectory.into())
    } else {
        neighbour(path).map(drop)
    };
    checked.map_err(|error| failed(path, "cannot be written", &error))
}

/// Creates a temporary file in the same folder, readable only by its owner, also after it is renamed.
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
        is_bearer(&access_key).then_some(Profile { server, access_key })
    };
    read().ok_or_else(|| {
        let message = format!(
            "{} does not contain a server and an access key: `central-oauth link --force` replaces it",
            path.display()
        );
        Failure::new(Exit::Other, message)
    })
}

fn failed(path: &Path, how: &str, error: &std::io::Error) -> Failure {
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
