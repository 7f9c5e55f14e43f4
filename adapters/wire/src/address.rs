use url::{Host, Url};

/// Whether the host of a URL is on loopback. Only there is plain http safe.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        // Unwraps IPv4-mapped IPv6 addresses.
        Some(Host::Ipv6(ip)) => ip.to_canonical().is_loopback(),
        host => host == Some(Host::Domain("localhost")),
    }
}
