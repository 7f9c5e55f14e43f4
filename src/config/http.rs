//! Addresses of the service.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use central_oauth_http_poem::Certificate;
use ipnet::IpNet;
use serde::Deserialize;
use url::Url;

use super::{ConfigError, Environment, TlsConfig};

#[derive(Deserialize)]
struct Raw {
    listen_addr: Option<String>,
    public_url: Option<String>,
    trusted_proxies: Option<String>,
}

/// Addresses of the service.
pub(crate) struct HttpConfig {
    /// The address to bind.
    pub(crate) listen: SocketAddr,
    /// The base of the addresses that people open.
    pub(crate) public_url: Option<Url>,
    /// Proxies whose `X-Forwarded-For` is trusted.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// The certificate, where the service itself speaks TLS.
    pub(crate) tls: Option<TlsConfig>,
}

impl HttpConfig {
    const DEFAULT_LISTEN: &'static str = "127.0.0.1:8080";

    /// Returns settings for a service at this address only.
    pub(crate) const fn at(listen: SocketAddr) -> Self {
        Self {
            listen,
            public_url: None,
            trusted_proxies: Vec::new(),
            tls: None,
        }
    }

    pub(crate) fn read(environment: &Environment) -> Result<Self, ConfigError> {
        let raw: Raw = environment.section()?;
        let listen = raw.listen_addr.as_deref().unwrap_or(Self::DEFAULT_LISTEN);
        let listen = listen.parse().map_err(|_| {
            ConfigError::variable(
                "LISTEN_ADDR",
                "is not an address and port such as 127.0.0.1:8080",
            )
        })?;
        let proxies = raw.trusted_proxies.unwrap_or_default();
        let proxies = proxies
            .split(',')
            .map(str::trim)
            .filter(|text| !text.is_empty());
        Ok(Self {
            listen,
            public_url: raw.public_url.as_deref().map(public_url).transpose()?,
            trusted_proxies: proxies.map(network).collect::<Result<_, _>>()?,
            tls: TlsConfig::read(environment)?,
        })
    }

    /// Reads the certificate, where the service itself speaks TLS.
    pub(crate) fn certificate(&self) -> Result<Option<Arc<Certificate>>, ConfigError> {
        self.tls.as_ref().map(TlsConfig::certificate).transpose()
    }

    /// Returns warnings about these settings.
    pub(crate) fn warnings(&self) -> Vec<&'static str> {
        let mut warnings = Vec::new();
        let https = self
            .public_url
            .as_ref()
            .is_some_and(|url| url.scheme() == "https");
        if self.public_url.is_none() && self.listen.ip().is_unspecified() {
            warnings.push(
                "CENTRAL_OAUTH_PUBLIC_URL is not set: people are sent to a loopback address, which only this machine \
                 reaches",
            );
        }
        let is_plain = self.tls.is_none() && !https;
        if is_plain && !self.listen.ip().is_loopback() {
            warnings.push(
                "requests are not encrypted: whoever is on the way reads access keys and tokens. Set CENTRAL_OAUTH_TLS_CERT_FILE \
                 and CENTRAL_OAUTH_TLS_KEY_FILE, or put a proxy with https in front and set CENTRAL_OAUTH_PUBLIC_URL to its address",
            );
        }
        if https && self.tls.is_none() && self.trusted_proxies.is_empty() {
            warnings.push(
                "CENTRAL_OAUTH_TRUSTED_PROXIES is not set: behind a proxy everybody has its address, and shares one \
                 limit of wrong codes",
            );
        }
        warnings
    }

    /// Returns the configured public URL, or else the listen address. A service bound to all addresses uses loopback.
    pub(crate) fn public_url(&self, mut bound: SocketAddr) -> Result<Url, ConfigError> {
        if let Some(url) = &self.public_url {
            return Ok(url.clone());
        }
        if bound.ip().is_unspecified() {
            bound.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        public_url(&format!("{scheme}://{bound}"))
    }
}

fn public_url(text: &str) -> Result<Url, ConfigError> {
    let malformed = |problem| ConfigError::variable("PUBLIC_URL", problem);
    let mut url =
        Url::parse(text).map_err(|_| malformed("is not a URL such as https://auth.example.com"))?;
    if !matches!(url.scheme(), "https" | "http") || !url.has_host() {
        return Err(malformed("is not an http or https URL"));
    }
    let has_user = !url.username().is_empty() || url.password().is_some();
    if url.query().is_some() || url.fragment().is_some() || has_user {
        return Err(malformed("must have only scheme, host, port and path"));
    }
    // A base URL must end with a slash; otherwise joining replaces its last part.
    let path = format!("{}/", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

fn network(text: &str) -> Result<IpNet, ConfigError> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| address()).map_err(|_| {
        ConfigError::variable(
            "TRUSTED_PROXIES",
            "must be a list of addresses and networks such as 10.0.0.0/8",
        )
    })
}
