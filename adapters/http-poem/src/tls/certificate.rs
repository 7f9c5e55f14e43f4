//! The certificate of the service. The operator may replace it while the service runs.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::{fmt, io};

use central_oauth_domain::Timestamp;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self};

use super::validity::Validity;

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
    /// The certificate and the key do not match, or the type of the key is not supported.
    #[error("the certificate and the key cannot be used: {0}")]
    Unusable(#[source] rustls::Error),
}

impl Certificate {
    /// Reads both files: the chain, which begins with the service's own certificate, and the private key.
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

    /// Reads the chain again and, if it has changed, also the key. Uses both from the next handshake on. Returns
    /// whether the chain has changed.
    ///
    /// # Errors
    /// See [`CertificateError`]. The current certificate stays in use.
    pub fn read_again(&self) -> Result<bool, CertificateError> {
        let chain = read_chain(&self.chain)?;
        if chain == self.current().cert {
            return Ok(false);
        }
        let certified = certified(chain, &self.key)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = certified;
        Ok(true)
    }

    /// Returns a warning if the certificate has expired, is not valid yet or expires soon. The warning names the file
    /// and the date.
    pub fn warning(&self, now: Timestamp) -> Option<String> {
        let current = self.current();
        let validity = Validity::of(current.cert.first()?).ok()?;
        let problem = validity.warning(now)?;
        Some(format!(
            "the certificate in {} {problem}",
            self.chain.display()
        ))
    }

    fn current(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

type Chain = Vec<CertificateDer<'static>>;

fn read_chain(path: &PathBuf) -> Result<Chain, CertificateError> {
    let pem = read_pem(path)?;
    let chain: Result<Chain, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    chain.ok_or_else(|| CertificateError::NoCertificate(path.clone()))
}

fn certified(chain: Chain, key: &PathBuf) -> Result<Arc<CertifiedKey>, CertificateError> {
    let parsed = PrivateKeyDer::from_pem_slice(&read_pem(key)?);
    let parsed = parsed.map_err(|_| CertificateError::NoKey(key.clone()))?;
    let certified = CertifiedKey::from_der(chain, parsed, &default_provider());
    certified.map(Arc::new).map_err(CertificateError::Unusable)
}

/// Reads a file. Removes the byte order mark that editors on Windows write, because it would hide the first line.
fn read_pem(path: &PathBuf) -> Result<Vec<u8>, CertificateError> {
    let pem = std::fs::read(path);
    let mut pem = pem.map_err(|error| CertificateError::Unreadable(path.clone(), error))?;
    if pem.starts_with(b"\xef\xbb\xbf") {
        pem.drain(..3);
    }
    Ok(pem)
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
