//! The certificate of the service, which may change while it runs.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::{fmt, io};

use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self};

/// A certificate chain and its key, from two PEM files.
pub struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
}

/// Why the two files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("{0} cannot be read: {1}")]
    Unreadable(PathBuf, #[source] io::Error),
    /// The file of the chain has no PEM certificate.
    #[error("{0} has no certificate in PEM format")]
    NoCertificate(PathBuf),
    /// The file of the key has no PEM private key.
    #[error("{0} has no private key in PEM format without a password")]
    NoKey(PathBuf),
    /// They do not match, or the type of the key is not supported.
    #[error("the certificate and the key cannot be used: {0}")]
    Unusable(#[source] rustls::Error),
}

impl Certificate {
    /// Reads both files: the chain, its own certificate first, and the private key.
    ///
    /// # Errors
    /// See [`CertificateError`].
    pub fn read(chain: PathBuf, key: PathBuf) -> Result<Self, CertificateError> {
        let current = RwLock::new(certified(read_chain(&chain)?, &key)?);
        Ok(Self {
            chain,
            key,
            current,
        })
    }

    /// Reads both files again, and uses them from the next handshake on. Returns whether the certificate has changed.
    ///
    /// # Errors
    /// See [`CertificateError`]; the certificate in use stays.
    pub fn read_again(&self) -> Result<bool, CertificateError> {
        let chain = read_chain(&self.chain)?;
        if chain == self.current().cert {
            return Ok(false);
        }
        let certified = certified(chain, &self.key)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = certified;
        Ok(true)
    }

    fn current(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

type Chain = Vec<CertificateDer<'static>>;

fn read_chain(path: &PathBuf) -> Result<Chain, CertificateError> {
    let chain = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Chain, _>>);
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Err(pem::Error::Io(error)) => Err(CertificateError::Unreadable(path.clone(), error)),
        Ok(_) | Err(_) => Err(CertificateError::NoCertificate(path.clone())),
    }
}

fn certified(chain: Chain, key: &PathBuf) -> Result<Arc<CertifiedKey>, CertificateError> {
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| match error {
        pem::Error::Io(error) => CertificateError::Unreadable(key.clone(), error),
        _ => CertificateError::NoKey(key.clone()),
    })?;
    let certified = CertifiedKey::from_der(chain, key, &default_provider());
    certified.map(Arc::new).map_err(CertificateError::Unusable)
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Certificate");
        shown.field("chain", &self.chain).finish_non_exhaustive()
    }
}
