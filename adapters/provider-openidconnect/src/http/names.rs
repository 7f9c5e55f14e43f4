//! Resolves host names. A host that a public issuer's metadata names must not resolve to a private address (server-side
//! request forgery). The URL alone does not show the address.

use std::collections::BTreeSet;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use central_oauth_domain::lock::lock;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::address;

/// Resolves host names, and checks those that are not in the operator's settings.
pub(crate) struct Names {
    /// The issuer's host. `None` if there is no issuer, or if the issuer's URL shows a private address; then no host is
    /// checked.
    issuer: Option<String>,
    kind: Arc<IssuerKind>,
    operators: BTreeSet<String>,
    /// Hosts outside the operator's settings to which requests were sent. Proxies are never among them.
    given: Mutex<BTreeSet<String>>,
}

/// Remembers whether the issuer's host has ever resolved to public addresses. If it has, private addresses are rejected
/// from then on, because the host's name server may try to reach into this network (DNS rebinding).
#[derive(Default)]
struct IssuerKind {
    was_public: AtomicBool,
    /// Also true if the issuer's URL already shows a private address.
    was_private: AtomicBool,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Inward {
    #[error("a public issuer named this host, which has a private address")]
    Named,
    #[error(
        "the host has both public and private addresses; let its name resolve to one kind only"
    )]
    Mixed,
    #[error(
        "the issuer's host had public addresses and has private ones now; restart the service if that is right"
    )]
    Moved,
}

impl Names {
    /// Creates the resolver with the hosts of the operator's settings, including the issuer's.
    pub(crate) fn new<'a>(issuer: Option<&Url>, operators: impl Iterator<Item = &'a Url>) -> Self {
        let is_private = issuer.is_some_and(address::is_inward);
        let kind = IssuerKind {
            was_private: AtomicBool::new(is_private),
            ..IssuerKind::default()
        };
        Self {
            issuer: issuer.filter(|_| !is_private).and_then(host),
            kind: Arc::new(kind),
            operators: operators.filter_map(host).collect(),
            given: Mutex::default(),
        }
    }

    /// Records that a request goes to this host.
    pub(super) fn note(&self, url: &Url) {
        if let Some(host) = host(url).filter(|host| !self.operators.contains(host)) {
            lock(&self.given).insert(host);
        }
    }

    /// Whether the issuer's URL shows a private address, or the issuer's host has resolved to private addresses only. A
    /// name that only a proxy has resolved counts as public.
    pub(super) fn is_issuer_private(&self) -> bool {
        self.kind.was_private.load(Ordering::Relaxed)
            && !self.kind.was_public.load(Ordering::Relaxed)
    }

    /// Returns the issuer's host if the host `name` comes from the issuer's metadata.
    fn issuer_behind(&self, name: &str) -> Option<String> {
        let given = lock(&self.given);
        self.issuer.clone().filter(|_| given.contains(name))
    }
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let issuer = self.issuer_behind(name.as_str());
        let is_issuer = self.issuer.as_deref() == Some(name.as_str());
        let kind = Arc::clone(&self.kind);
        Box::pin(async move {
            let found = look_up(name.as_str()).await?;
            if is_issuer {
                kind.is_private(&found)?;
            }
            if let Some(issuer) = issuer {
                judge(&found, &kind, || async move { look_up(&issuer).await }).await?;
            }
            Ok(Box::new(first_of_each_family(found)) as Addrs)
        })
    }
}

/// Rejects a host that has any private address, unless the issuer that named the host is private, too. One private
/// address suffices, because the host's name server decides which address is used.
async fn judge<F>(
    found: &[SocketAddr],
    kind: &IssuerKind,
    issuer: impl FnOnce() -> F,
) -> Result<(), Box<dyn Error + Send + Sync>>
where
    F: Future<Output = io::Result<Vec<SocketAddr>>>,
{
    if found.iter().any(leads_inward) && !kind.is_private(&issuer().await?)? {
        return Err(Inward::Named.into());
    }
    Ok(())
}

impl IssuerKind {
    /// Whether an issuer with these addresses is private. Fails if some are public, or if the issuer was public before.
    fn is_private(&self, issuer: &[SocketAddr]) -> Result<bool, Inward> {
        let inward = issuer.iter().filter(|at| leads_inward(at)).count();
        match inward {
            0 => {
                self.was_public.store(true, Ordering::Relaxed);
                Ok(false)
            }
            all if all < issuer.len() => Err(Inward::Mixed),
            _ if self.was_public.load(Ordering::Relaxed) => Err(Inward::Moved),
            _ => {
                self.was_private.store(true, Ordering::Relaxed);
                Ok(true)
            }
        }
    }
}

fn leads_inward(at: &SocketAddr) -> bool {
    address::leads_inward(at.ip())
}

/// Resolves the name with the system's resolver.
async fn look_up(host: &str) -> io::Result<Vec<SocketAddr>> {
    Ok(tokio::net::lookup_host((host, 0)).await?.collect())
}

/// Returns up to two IPv4 and two IPv6 addresses. The HTTP client divides its connect timeout by the number of addresses
/// of a family, so with many addresses none would have enough time.
fn first_of_each_family(found: Vec<SocketAddr>) -> impl Iterator<Item = SocketAddr> {
    let mut tried = [0, 0];
    found.into_iter().filter(move |address| {
        let tried = &mut tried[usize::from(address.is_ipv6())];
        *tried += 1;
        *tried <= 2
    })
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

    async fn is_allowed(found: &[&str], issuer: &[&str]) -> bool {
        let issuer = at(issuer);
        let kind = IssuerKind::default();
        judge(&at(found), &kind, || async { Ok(issuer) })
            .await
            .is_ok()
    }

    #[tokio::test]
    async fn hosts_of_a_public_issuer_cannot_be_private() {
        let public = ["192.0.2.1"];
        for inward in [
            "127.0.0.1",
            "10.1.2.3",
            "169.254.169.254",
            "0.0.0.0",
            "::",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::808:808",
            "2002:7f00:1::",
        ] {
            assert!(!is_allowed(&[inward], &public).await, "{inward}");
            for mixed in [[inward, "198.51.100.7"], ["198.51.100.7", inward]] {
                assert!(!is_allowed(&mixed, &public).await, "{mixed:?}");
            }
            let home = is_allowed(&[inward], &["10.0.0.9"]).await;
            assert!(home, "the issuer is in here, too");
            let both = is_allowed(&[inward], &["10.0.0.9", "192.0.2.1"]).await;
            assert!(!both, "an issuer with a public address is a public one");
        }
        assert!(is_allowed(&["198.51.100.7"], &public).await);
        let gone = at(&["10.0.0.1"]);
        let kind = IssuerKind::default();
        let gone = judge(&gone, &kind, || async {
            Err(io::ErrorKind::NotFound.into())
        });
        assert!(gone.await.is_err(), "nobody knows where the issuer is");
    }

    #[test]
    fn each_address_has_time_to_connect() {
        let found = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "192.0.2.3"];
        let tried: Vec<_> = first_of_each_family(at(&found)).collect();
        assert_eq!(tried, at(&found[..3]));
    }

    #[test]
    fn an_issuer_is_either_public_or_private() {
        let is_private = |ips: &[&str]| IssuerKind::default().is_private(&at(ips));
        assert_eq!(is_private(&["192.0.2.1", "2001:db9::1"]), Ok(false));
        assert_eq!(is_private(&["10.0.0.9", "fd00::1"]), Ok(true));
        for mixed in [["192.0.2.1", "10.0.0.9"], ["::1", "192.0.2.1"]] {
            assert_eq!(is_private(&mixed), Err(Inward::Mixed), "{mixed:?}");
        }
    }

    // kubeadm puts the private address of a node into the cluster's `jwks_uri` (Mic92/niks3#475).
    #[test]
    fn only_a_private_issuer_may_name_private_addresses() {
        let names = |issuer: &str| Names::new(Some(&url(issuer)), std::iter::empty());
        assert!(names("https://10.0.0.1").is_issuer_private());
        assert!(!Names::new(None, std::iter::empty()).is_issuer_private());
        let names = names("https://id.example.com");
        let resolve = |ips: &[&str]| {
            let _ = names.kind.is_private(&at(ips));
            names.is_issuer_private()
        };
        assert!(!names.is_issuer_private(), "nobody has resolved it");
        assert!(!resolve(&["10.0.0.9", "192.0.2.1"]));
        assert!(resolve(&["10.0.0.9"]));
        assert!(!resolve(&["192.0.2.1"]));
        assert!(!resolve(&["10.0.0.9"]), "it was public before");
    }

    #[tokio::test]
    async fn a_public_issuer_cannot_become_a_private_one() {
        let kind = IssuerKind::default();
        let home = at(&["10.0.0.9"]);
        assert_eq!(kind.is_private(&home), Ok(true));
        assert_eq!(kind.is_private(&at(&["192.0.2.1"])), Ok(false));
        assert_eq!(kind.is_private(&home), Err(Inward::Moved));
        // The issuer had a public address before. Even if it has a private address now, its metadata must not name private
        // hosts.
        let rebound = judge(&home, &kind, || async { Ok(home.clone()) }).await;
        assert!(rebound.is_err());
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
