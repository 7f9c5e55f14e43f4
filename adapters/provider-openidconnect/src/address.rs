//! Decides which URLs may receive secrets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use central_oauth_wire::is_loopback;
use url::{Host, Url};

/// Why the URL of an endpoint is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressFault {
    /// Secrets would be sent unencrypted.
    #[error("must be https (plain http is for loopback addresses only)")]
    NotHttps,
    /// The URL contains a user name or password, which every request would send.
    #[error("must not contain a user name or password")]
    Credentials,
    /// The URL contains a fragment, which no request would send.
    #[error("must not contain a fragment (the part from #)")]
    Fragment,
    /// The metadata of a public issuer names a private address (server-side request forgery).
    #[error("is a private address, named by a public issuer")]
    Private,
}

/// Checks that an endpoint is https, except on loopback (RFC 6749 section 3.2), and has no credentials.
pub(crate) fn check(url: &Url) -> Result<(), AddressFault> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(AddressFault::Credentials);
    }
    match url.scheme() {
        "https" if url.has_host() => Ok(()),
        "http" if is_loopback(url) => Ok(()),
        _ => Err(AddressFault::NotHttps),
    }
}

/// Checks a URL from discovered metadata, which is trusted less than the operator's settings: in addition to [`check`],
/// only a private issuer may name a private address. Host names are checked when they are resolved (`http::names`).
pub(crate) fn check_discovered(is_issuer_private: bool, url: &Url) -> Result<(), AddressFault> {
    if is_inward(url) && !is_issuer_private {
        return Err(AddressFault::Private);
    }
    check(url)
}

/// Whether the URL's host is a private IP address or localhost.
pub(crate) fn is_inward(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => leads_inward(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => leads_inward(IpAddr::V6(ip)),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        None => false,
    }
}

/// Whether this IP address is private, or may lead to a private one.
pub(crate) fn leads_inward(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => v4_leads_inward(ip),
        IpAddr::V6(ip) => embedded(ip).map_or_else(|| v6_leads_inward(ip), v4_leads_inward),
    }
}

fn v4_leads_inward(ip: Ipv4Addr) -> bool {
    // 100.64.0.0/10: shared address space (RFC 6598).
    let [a, b, c, _] = ip.octets();
    let is_shared = a == 100 && (64..128).contains(&b);
    // 192.0.0.0/24 (RFC 6890) and 198.18.0.0/15 (benchmarks).
    let is_special = [a, b, c] == [192, 0, 0] || a == 198 && matches!(b, 18 | 19);
    ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || ip.is_multicast()
        || a == 0
        || a >= 240
        || is_shared
        || is_special
}

const fn v6_leads_inward(ip: Ipv6Addr) -> bool {
    ip.is_loopback()
        || ip.is_unspecified()
        || ip.is_multicast()
        || ip.is_unique_local()
        || ip.is_unicast_link_local()
        || is_special_prefix(ip)
}

/// Whether this is not a plain public address. Either the network may translate or tunnel the address to another host:
/// 6to4 (RFC 3056), local NAT64 (RFC 8215), stateless translation (RFC 7915), Teredo and other protocol assignments
/// (RFC 4380), ISATAP (RFC 5214), segment routing (RFC 9602). Or the address is not routed publicly: site-local (RFC
/// 3879), discard prefix (RFC 6666).
const fn is_special_prefix(ip: Ipv6Addr) -> bool {
    match ip.segments() {
        [0x2002 | 0x5f00, ..]
        | [0x64, 0xff9b, 1, ..]
        | [0, 0, 0, 0, 0xffff, 0, ..]
        | [0x100, 0, 0, 0, ..]
        | [_, _, _, _, 0 | 0x200, 0x5efe, ..] => true,
        [0x2001, second, ..] => second < 0x200,
        [first, ..] => first & 0xffc0 == 0xfec0,
    }
}

/// Returns the IPv4 address that an IPv6 address contains: mapped or compatible (RFC 4291 section 2.5.5), or translated
/// (NAT64, RFC 6052).
fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let [high, low] = [ip.segments()[6], ip.segments()[7]];
    let last = Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match ip.segments() {
        // `::` and `::1` are not IPv4-compatible addresses.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some(last),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("an address")
    }

    #[test]
    fn plain_http_is_for_loopback_only() {
        for good in [
            "https://id.example.com/token",
            "http://127.0.0.1:9/token",
            "http://[::1]/token",
            "http://localhost/token",
        ] {
            assert_eq!(check(&url(good)), Ok(()), "{good}");
        }
        for bad in [
            "http://id.example.com/token",
            "http://10.0.0.1/token",
            "http://localhost.example.com/token",
            "ftp://localhost/token",
        ] {
            assert_eq!(check(&url(bad)), Err(AddressFault::NotHttps), "{bad}");
        }
        assert_eq!(
            check(&url("https://me:pw@id.example.com")),
            Err(AddressFault::Credentials)
        );
    }

    #[test]
    fn a_public_issuer_cannot_name_private_addresses() {
        for inward in [
            "https://127.0.0.1/t",
            "https://10.1.2.3/t",
            "https://192.168.0.1/t",
            "https://172.16.0.1/t",
            "https://169.254.169.254/t",
            "https://100.64.0.1/t",
            "https://0.0.0.0/t",
            "https://2130706433/t",
            "https://[::1]/t",
            "https://[fd00::1]/t",
            "https://[fe80::1]/t",
            "https://[::ffff:10.0.0.1]/t",
            "https://localhost/t",
            "https://localhost./t",
            "https://[::10.0.0.1]/t",
            "https://[64:ff9b::a00:1]/t",
            "https://[64:ff9b:1::808:808]/t",
            "https://[2002:a9fe:a9fe::]/t",
            "https://[::ffff:0:10.0.0.1]/t",
            // The Teredo address of 10.0.0.1. Teredo inverts the bits of the embedded IPv4 address.
            "https://[2001:0:7f00:1::f5ff:fffe]/t",
            "https://[2001:1ff::1]/t",
            "https://[100::1]/t",
            "https://[5f00::1]/t",
            "https://[2600::5efe:10.0.0.1]/t",
            "https://[2600::200:5efe:10.0.0.1]/t",
            "https://[::ffff:7f00:1]/t",
            "https://0x7f.1/t",
            "https://0177.0.0.1/t",
            "https://127.0.0.1./t",
            "https://\u{ff11}27.0.0.1/t",
            "https://sub.localhost/t",
            "https://[fec0::1]/t",
            "https://198.18.0.1/t",
            "https://192.0.0.8/t",
            "https://240.0.0.1/t",
        ] {
            let judged = check_discovered(false, &url(inward));
            assert_eq!(judged, Err(AddressFault::Private), "{inward}");
        }
        for outward in ["https://8.8.8.8/t", "https://[2001:4860::8888]/t"] {
            assert_eq!(check_discovered(false, &url(outward)), Ok(()), "{outward}");
        }
        assert_eq!(check_discovered(true, &url("https://10.0.0.2/t")), Ok(()));
    }
}
