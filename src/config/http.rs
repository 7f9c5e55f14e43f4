use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use central_oauth_domain::cidr::Cidr;
use central_oauth_http_poem::Certificate;
use url::{Host, Url};

use super::networks::networks;
use super::{ConfigError, Environment, TlsConfig};

pub(crate) struct HttpConfig {
    pub(crate) listen: SocketAddr,
    /// The base of the URLs that people open.
    pub(crate) public_url: Option<Url>,
    /// Other hosts under which people reach the service.
    other_hosts: Vec<Host>,
    /// Proxies whose `X-Forwarded-For` is trusted.
    pub(crate) trusted_proxies: Vec<Cidr>,
    /// The certificate, if the service itself terminates TLS.
    pub(crate) tls: Option<TlsConfig>,
}

impl HttpConfig {
    const DEFAULT_LISTEN: &'static str = "127.0.0.1:8080";

    /// Returns the settings of a service that listens only on this loopback address.
    pub(crate) const fn local(listen: SocketAddr) -> Self {
        Self {
            listen,
            public_url: None,
            other_hosts: Vec::new(),
            trusted_proxies: Vec::new(),
            tls: None,
        }
    }

    pub(crate) fn read(environment: &Environment) -> Result<Self, ConfigError> {
        let text = |name| environment.text(name);
        let listen = text("LISTEN_ADDR").unwrap_or(Self::DEFAULT_LISTEN);
        let listen = listen.parse().map_err(|_| {
            ConfigError::variable(
                "LISTEN_ADDR",
                "is not an address and port such as 127.0.0.1:8080",
            )
        })?;
        let hosts = text("ALLOWED_HOSTS").unwrap_or_default();
        let config = Self {
            listen,
            public_url: text("PUBLIC_URL").map(public_url).transpose()?,
            other_hosts: listed(hosts).map(host).collect::<Result<_, _>>()?,
            trusted_proxies: networks(environment, "TRUSTED_PROXIES")?,
            tls: TlsConfig::read(environment)?,
        };
        environment.note("LISTEN_ADDR", listen);
        environment.note("PUBLIC_URL", config.public_url(listen)?);
        Ok(config)
    }

    /// Reads the certificate, if the service itself terminates TLS.
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
                "requests are not encrypted: anybody on the network path can read access keys and tokens. Set CENTRAL_OAUTH_TLS_CERT_FILE \
                 and CENTRAL_OAUTH_TLS_KEY_FILE, or put a proxy with https in front and set CENTRAL_OAUTH_PUBLIC_URL to its address",
            );
        }
        if self.tls.is_some() && self.public_url.is_some() && !https {
            warnings.push(
                "CENTRAL_OAUTH_PUBLIC_URL begins with http, but the service speaks only https: people are sent to an address \
                 that does not answer. Change it to https",
            );
        }
        if https && self.tls.is_none() && self.trusted_proxies.is_empty() {
            warnings.push(
                "CENTRAL_OAUTH_TRUSTED_PROXIES is not set: behind a proxy all people have the proxy's address and \
                 share its limits of link codes, consents, wrong codes and unknown keys; CENTRAL_OAUTH_ENROLL_NETWORKS judges that \
                 address, too",
            );
        }
        warnings
    }

    /// Returns the hosts under which the service answers pages and anonymous POSTs, in addition to the names of this
    /// machine. `None` allows any host, because no public host is configured.
    pub(crate) fn allowed_hosts(&self) -> Option<Vec<Host>> {
        let public = self.public_url.as_ref().and_then(Url::host);
        if public.is_none() && self.other_hosts.is_empty() && !self.listen.ip().is_loopback() {
            return None;
        }
        let public = public.map(|host| host.to_owned()).into_iter();
        Some(public.chain(self.other_hosts.iter().cloned()).collect())
    }

    /// Returns the configured public URL, or else the URL of the listen address. If the service listens on all
    /// addresses, that URL uses loopback.
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

/// Splits a comma-separated list.
fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

/// Parses a host. Rejects a pattern, because a pattern would never match.
fn host(text: &str) -> Result<Host, ConfigError> {
    let is_name = |name: &str| {
        let is_known = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        !name.starts_with('.') && name.bytes().all(is_known)
    };
    match Host::parse(text) {
        Ok(host) if !matches!(&host, Host::Domain(name) if !is_name(name)) => Ok(host),
        _ => Err(ConfigError::variable(
            "ALLOWED_HOSTS",
            "must be a list of hosts without ports and patterns, such as auth.example.com, 10.0.0.7 or [2001:db8::7]",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(variables: &[(&str, &str)]) -> Option<Vec<String>> {
        let variables = variables
            .iter()
            .map(|(name, value)| (format!("CENTRAL_OAUTH_{name}").into(), (*value).into()));
        let environment = Environment::new(variables).unwrap();
        let config = HttpConfig::read(&environment).unwrap();
        let hosts = config.allowed_hosts()?;
        Some(hosts.iter().map(Host::to_string).collect())
    }

    #[test]
    fn any_host_is_right_only_where_others_reach_the_service_and_none_is_named() {
        let everywhere = ("LISTEN_ADDR", "0.0.0.0:8080");
        assert_eq!(hosts(&[everywhere]), None);
        assert_eq!(hosts(&[]), Some(Vec::new()));
        let public = ("PUBLIC_URL", "https://auth.example.com");
        let named = Some(vec!["auth.example.com".to_owned()]);
        assert_eq!(hosts(&[everywhere, public]), named);
        let other = ("ALLOWED_HOSTS", "10.0.0.7");
        assert_eq!(
            hosts(&[everywhere, other]),
            Some(vec!["10.0.0.7".to_owned()])
        );
    }
}
