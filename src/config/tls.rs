use std::path::PathBuf;
use std::sync::Arc;

use central_oauth_http_poem::{Certificate, CertificateError};

use super::{ConfigError, Environment};

/// The files of the certificate chain and of its key.
pub(crate) struct TlsConfig {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
}

impl TlsConfig {
    /// Reads both variables. Returns `None` if none is set.
    pub(crate) fn read(environment: &Environment) -> Result<Option<Self>, ConfigError> {
        let files = ["TLS_CERT_FILE", "TLS_KEY_FILE"].map(|name| environment.text(name));
        match files {
            [None, None] => Ok(None),
            [Some(chain), Some(key)] => Ok(Some(Self {
                chain: chain.into(),
                key: key.into(),
            })),
            [Some(_), None] => Err(missing("TLS_KEY_FILE", "TLS_CERT_FILE")),
            [None, Some(_)] => Err(missing("TLS_CERT_FILE", "TLS_KEY_FILE")),
        }
    }

    pub(crate) fn certificate(&self) -> Result<Arc<Certificate>, ConfigError> {
        let certificate = Certificate::read(self.chain.clone(), self.key.clone());
        certificate.map(Arc::new).map_err(|error| {
            let is_of_key = match &error {
                CertificateError::NoKey(_) => true,
                CertificateError::Unreadable(file, _) => *file != self.chain,
                _ => false,
            };
            let variable = if is_of_key {
                "TLS_KEY_FILE"
            } else {
                "TLS_CERT_FILE"
            };
            ConfigError::variable(variable, error)
        })
    }
}

fn missing(name: &str, other: &str) -> ConfigError {
    let problem = format!("is not set, but {}{other} is", Environment::PREFIX);
    ConfigError::variable(name, problem)
}
