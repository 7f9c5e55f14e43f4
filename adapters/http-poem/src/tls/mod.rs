//! TLS, for services without a proxy in front of them.
//!
//! Offers only HTTP/1.1, for the reason that `connections` gives.

mod certificate;
mod stream;
mod validity;

use std::io;
use std::sync::Arc;

use poem::http::uri::Scheme;
use poem::listener::Acceptor;
use poem::web::{LocalAddr, RemoteAddr};
use tokio_rustls::TlsAcceptor as Handshaker;
use tokio_rustls::rustls::ServerConfig;

pub use certificate::{Certificate, CertificateError};
pub use stream::TlsStream;

/// An acceptor whose connections use TLS. The handshake is part of the first read, so that a slow client does not delay
/// other clients.
pub struct TlsAcceptor<A> {
    inner: A,
    handshaker: Handshaker,
}

impl<A> TlsAcceptor<A> {
    /// Wraps an acceptor. Each handshake uses the current certificate.
    #[must_use]
    pub fn new(inner: A, certificate: Arc<Certificate>) -> Self {
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_cert_resolver(certificate);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let handshaker = Handshaker::from(Arc::new(config));
        Self { inner, handshaker }
    }
}

impl<A: Acceptor> Acceptor for TlsAcceptor<A> {
    type Io = TlsStream<A::Io>;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.inner.local_addr()
    }

    async fn accept(&mut self) -> io::Result<(Self::Io, LocalAddr, RemoteAddr, Scheme)> {
        let (io, local, remote, _) = self.inner.accept().await?;
        let stream = TlsStream::new(self.handshaker.accept(io));
        Ok((stream, local, remote, Scheme::HTTPS))
    }
}
