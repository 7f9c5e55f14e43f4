//! Where a client keeps its access key: one file a profile, in the user's config folder, readable by its owner alone.

use std::io::Write;
use std::path::{Path, PathBuf};

use central_oauth_domain::secret::AccessKey;
use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use url::Url;

use super::{Exit, Failure};
use crate::config::{ClientConfig, parse_server};

/// Which service, and which of the keys kept for it.
#[derive(clap::Args)]
pub(super) struct Target {
    /// The service [default: the profile's, else CENTRAL_OAUTH_SERVER, else http://127.0.0.1:8080].
    #[arg(long, value_name = "URL", value_parser = parse_server)]
    pub(super) server: Option<Url>,
    /// The name under which the access key is kept.
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = profile_name)]
    profile: String,
    /// The file that the access key is kept in [default: central-oauth/NAME.toml in the user's config folder].
    #[arg(long, value_name = "FILE", conflicts_with = "profile")]
    key_file: Option<PathBuf>,
}

/// A kept key and the service that it belongs to.
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

    /// The file of this profile.
    pub(super) fn path(&self) -> Result<PathBuf, Failure> {
        if let Some(path) = &self.key_file {
            return Ok(path.clone());
        }
        let folders = etcetera::choose_base_strategy().map_err(Failure::other)?;
        let file = format!("{}.toml", self.profile);
        Ok(folders.config_dir().join("central-oauth").join(file))
    }

    /// The service to ask for a new link.
    pub(super) fn server(&self, config: &ClientConfig) -> Result<Url, Failure> {
        let given = self.server.as_ref().or(config.server.as_ref()).cloned();
        match given {
            Some(server) => Ok(server),
            None => Url::parse(Self::DEFAULT_SERVER).map_err(Failure::other),
        }
    }

    /// What is kept under this profile, if anything is.
    pub(super) fn load(&self) -> Result<Option<Profile>, Failure> {
        let path = self.path()?;
        match std::fs::read_to_string(&path) {
            Ok(text) => parse(&text, &path).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                let message = format!("{} cannot be read: {error}", path.display());
                Err(Failure::new(Exit::Other, message))
            }
        }
    }

    /// The key to use, and the service that it may be sent to: a kept key goes to no other service than its own.
    pub(super) fn profile(&self, config: ClientConfig) -> Result<Profile, Failure> {
        let server = self.server(&config)?;
        if let Some(access_key) = config.access_key {
            return Ok(Profile { server, access_key });
        }
        let Some(kept) = self.load()? else {
            let message = format!(
                "no access key is kept in {}; run `central-oauth link` first",
                self.path()?.display()
            );
            return Err(Failure::new(Exit::NoKey, message));
        };
        match self.server.as_ref().or(config.server.as_ref()) {
            Some(asked) if asked.origin() != kept.server.origin() => {
                let message = format!(
                    "the kept access key belongs to {}, not to {asked}; choose another --profile",
                    kept.server
                );
                Err(Failure::new(Exit::NoKey, message))
            }
            _ => Ok(kept),
        }
    }
}

/// A file prepared next to its final place, so that a key that has been handed out can also be kept.
pub(super) struct Reserved {
    file: NamedTempFile,
    path: PathBuf,
}

impl Reserved {
    /// Makes sure that a key can be kept there, before one is asked for.
    pub(super) fn new(path: PathBuf) -> Result<Self, Failure> {
        let prepare = || {
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new("."));
            std::fs::create_dir_all(folder)?;
            // A temporary file is readable by its owner alone, and stays so under its final name.
            NamedTempFile::new_in(folder)
        };
        match prepare() {
            Ok(file) => Ok(Self { file, path }),
            Err(error) => {
                let message = format!("{} cannot be written: {error}", path.display());
                Err(Failure::new(Exit::Other, message))
            }
        }
    }

    /// Keeps the key, replacing what was there in one step.
    pub(super) fn keep(mut self, profile: &Profile) -> Result<PathBuf, Failure> {
        let stored = Stored {
            server: profile.server.to_string(),
            access_key: profile.access_key.expose().to_owned(),
        };
        let text = toml::to_string(&stored).map_err(Failure::other)?;
        self.file.write_all(text.as_bytes())?;
        self.file.as_file().sync_all()?;
        self.file.persist(&self.path).map_err(Failure::other)?;
        Ok(self.path)
    }
}

fn parse(text: &str, path: &Path) -> Result<Profile, Failure> {
    let broken = || {
        let message = format!(
            "{} does not hold a server and an access key",
            path.display()
        );
        Failure::new(Exit::Other, message)
    };
    let stored: Stored = toml::from_str(text).map_err(|_| broken())?;
    Ok(Profile {
        server: Url::parse(&stored.server).map_err(|_| broken())?,
        access_key: AccessKey::new(stored.access_key),
    })
}

fn profile_name(text: &str) -> Result<String, &'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !text.is_empty() && text.len() <= 64 && text.chars().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("a profile's name has up to 64 letters, digits, hyphens and underscores")
    }
}
