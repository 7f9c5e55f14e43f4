//! Name resolution. Host names from a public issuer must not resolve to private addresses (server-side request forgery),
//! which the address itself does not show.

use std::collections::BTreeSet;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::address;

/// Resolves names, and checks those that are not in the operator's settings.
pub(crate) struct Names {
    /// The host of a public issuer. Without one nothing is checked.
    issuer: Option<String>,
    operators: BTreeSet<String>,
    /// Other hosts that have been requested. Names of proxies are never among them.
    given: Mutex<BTreeSet<String>>,
}

/// Why a name was not resolved.
#[derive(Debug, thiserror::Error)]
#[error("a public issuer named this host, which has a private address")]
struct Inward;

impl Names {
    /// Creates it with the hosts of the operator's settings, including the issuer.
    pub(crate) fn new<'a>(issuer: Option<&Url>, operators: impl Iterator<Item = &'a Url>) -> Self {
        let public = issuer.filter(|issuer| !address::is_inward(issuer));
        Self {
            issuer: public.and_then(host),
            operators: operators.filter_map(host).collect(),
            given: Mutex::default(),
        }
    }

    /// Records that a request goes to this host.
    pub(super) fn note(&self, url: &Url) {
        if let Some(host) = host(url).filter(|host| !self.operators.contains(host)) {
            let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
            given.insert(host);
        }
    }

    /// Returns the issuer that named this host.
    fn issuer_behind(&self, name: &str) -> Option<String> {
        let given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        self.issuer.clone().filter(|_| given.contains(name))
    }
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let issuer = self.issuer_behind(name.as_str());
        Box::pin(async move {
            let found = look_up(name.as_str()).await?;
            let found = match issuer {
                Some(issuer) => judged(found, || async move { look_up(&issuer).await }).await?,
                None => found,
            };
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Removes private addresses, unless the issuer itself turns out to be private.
async fn judged<F>(
    mut found: Vec<SocketAddr>,
    issuer: impl FnOnce() -> F,
) -> Result<Vec<SocketAddr>, Box<dyn Error + Send + Sync>>
where
    F: Future<Output = io::Result<Vec<SocketAddr>>>,
{
    let is_inward = |at: &SocketAddr| address::leads_inward(at.ip());
    if !found.iter().any(is_inward) || issuer().await?.iter().any(is_inward) {
        return Ok(found);
    }
    found.retain(|at| !is_inward(at));
    if found.is_empty() {
        return Err(Inward.into());
    }
    Ok(found)
}

/// Resolves the name with the system's resolver.
async fn look_up(host: &str) -> io::Result<Vec<SocketAddr>> {
    Ok(tokio::net::lookup_host((host, 0)).await?.collect())
}

fn host(url: &Url) -> Option<String> {
    url.host().map(|host| match host {
        Host::Domain(name) => name.to_owned(),
        Host::Ipv4(ip) => ip.to_string(),
        Host::Ipv6(ip) => ip.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("an address")
    }

    fn at(ips: &[&str]) -> Vec<SocketAddr> {
        let ips = ips.iter().map(|ip| ip.parse().expect("an address"));
        ips.map(|ip| SocketAddr::new(ip, 0)).collect()
    }

    async fn judge(found: &[&str], issuer: &[&str]) -> Option<Vec<SocketAddr>> {
        let issuer = at(issuer);
        judged(at(found), || async { Ok(issuer) }).await.ok()
    }

    #[tokio::test]
    async fn hosts_of_a_public_issuer_cannot_be_private() {
        let public = ["192.0.2.1"];
        for inward in ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1"] {
            assert_eq!(judge(&[inward], &public).await, None, "{inward}");
            let mixed = judge(&[inward, "198.51.100.7"], &public).await;
            assert_eq!(mixed, Some(at(&["198.51.100.7"])), "{inward}");
            let home = judge(&[inward], &["10.0.0.9"]).await;
            assert_eq!(home, Some(at(&[inward])), "the issuer is in here, too");
        }
        let elsewhere = judge(&["198.51.100.7"], &public).await;
        assert_eq!(elsewhere, Some(at(&["198.51.100.7"])));
        let gone = judged(at(&["10.0.0.1"]), || async {
            Err(io::ErrorKind::NotFound.into())
        });
        assert!(gone.await.is_err(), "nobody knows where the issuer is");
    }

    #[test]
    fn the_operators_hosts_are_not_checked() {
        let issuer = url("https://id.example.com/realm");
        let own = [issuer.clone(), url("https://tokens.example.com/token")];
        let names = Names::new(Some(&issuer), own.iter());
        for address in [
            "https://id.example.com/jwks",
            "https://tokens.example.com/x",
        ] {
            names.note(&url(address));
        }
        names.note(&url("https://other.example.com/userinfo"));
        let judged = |name: &str| names.issuer_behind(name).is_some();
        assert!(judged("other.example.com"));
        for name in ["id.example.com", "tokens.example.com", "proxy.example.com"] {
            assert!(!judged(name), "{name}");
        }
        for home in [
            "https://localhost/realm",
            "https://10.0.0.1",
            "https://[::1]",
        ] {
            let names = Names::new(Some(&url(home)), [].into_iter());
            names.note(&url("https://other.example.com/userinfo"));
            assert!(names.issuer_behind("other.example.com").is_none(), "{home}");
        }
    }
}
