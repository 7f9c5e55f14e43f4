use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use central_oauth_domain::cidr::Cidr;
use poem::Request;
use poem::http::HeaderMap;

/// Returns the address of the client, or the unspecified address if there is none, as on a Unix socket.
pub(crate) fn client_address(request: &Request) -> IpAddr {
    request
        .data::<ClientAddress>()
        .map(|client| client.0)
        .or_else(|| peer(request))
        .unwrap_or(Ipv4Addr::UNSPECIFIED.into())
}

/// The client address behind trusted proxies.
#[derive(Clone, Copy)]
struct ClientAddress(IpAddr);

/// Determines the client address behind the trusted proxies, and stores it in the request.
pub(crate) fn locate(request: &mut Request, proxies: &[Cidr]) {
    // Without proxies, the peer is the client.
    if let (Some(peer), [_, ..]) = (peer(request), proxies) {
        let client = client(peer, hops(request.headers()), proxies);
        request.set_data(ClientAddress(client));
    }
}

fn peer(request: &Request) -> Option<IpAddr> {
    let peer = request.remote_addr().as_socket_addr()?;
    Some(peer.ip().to_canonical())
}

/// Returns the entries of all `X-Forwarded-For` headers. Decodes each entry by itself, because a malformed entry from
/// the client must not hide the entries that proxies append.
fn hops(headers: &HeaderMap) -> impl DoubleEndedIterator<Item = &str> {
    let values = headers.get_all("x-forwarded-for").iter();
    let hops = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    hops.map(|hop| str::from_utf8(hop).unwrap_or_default())
}

/// Returns the client address. Each proxy appends the address of its own client, so the entries are read from the
/// right. Everything to the left of the first untrusted address may be forged.
fn client<'a>(
    peer: IpAddr,
    forwarded: impl DoubleEndedIterator<Item = &'a str>,
    proxies: &[Cidr],
) -> IpAddr {
    let is_trusted = |address: &IpAddr| proxies.iter().any(|proxy| proxy.contains(*address));
    let mut client = peer;
    for hop in forwarded.rev() {
        match parse(hop) {
            Some(address) if is_trusted(&client) => client = address,
            _ => break,
        }
    }
    client
}

/// Parses an address as proxies write it: bare, with a port, or an IPv6 address in brackets.
fn parse(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let bare = hop.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<IpAddr>().ok();
    let with_port = || hop.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    Some(address.or_else(with_port)?.to_canonical())
}

#[cfg(test)]
mod tests {
    use poem::http::{HeaderName, HeaderValue};

    use super::*;

    fn seen(peer: &str, forwarded: &[&str]) -> String {
        let proxies = ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().unwrap());
        let peer = peer.parse::<IpAddr>().unwrap().to_canonical();
        let hops = forwarded.iter().flat_map(|header| header.split(','));
        client(peer, hops, &proxies).to_string()
    }

    #[test]
    fn untrusted_proxies_are_ignored() {
        assert_eq!(seen("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(seen("192.0.2.1", &[]), "192.0.2.1");
    }

    #[test]
    fn the_last_address_that_is_not_a_proxy_counts() {
        assert_eq!(seen("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(
            seen("::ffff:10.0.0.1", &["203.0.113.9, 198.51.100.7, 10.1.1.1"]),
            "198.51.100.7"
        );
        assert_eq!(
            seen("fd00::1", &["203.0.113.9", "2001:db8::7"]),
            "2001:db8::7"
        );
        assert_eq!(seen("10.0.0.1", &["10.0.0.2"]), "10.0.0.2");
    }

    #[test]
    fn addresses_have_several_notations() {
        for hop in [
            " 198.51.100.7",
            "198.51.100.7:4711",
            "::ffff:198.51.100.7",
            "[::ffff:198.51.100.7]:80",
        ] {
            assert_eq!(seen("10.0.0.1", &[hop]), "198.51.100.7", "{hop:?}");
        }
        assert_eq!(seen("10.0.0.1", &["[2001:db8::7]"]), "2001:db8::7");
    }

    #[test]
    fn what_a_client_wrote_does_not_hide_its_address() {
        let proxies = ["10.0.0.0/8".parse().unwrap()];
        for forged in [&b"\xff, 198.51.100.7"[..], b"10.0.0.9, \xe9, 198.51.100.7"] {
            let value = HeaderValue::from_bytes(forged).unwrap();
            let headers =
                HeaderMap::from_iter([(HeaderName::from_static("x-forwarded-for"), value)]);
            let client = client(Ipv4Addr::new(10, 0, 0, 1).into(), hops(&headers), &proxies);
            assert_eq!(client.to_string(), "198.51.100.7");
        }
    }

    #[test]
    fn an_unreadable_address_ends_the_search() {
        assert_eq!(seen("10.0.0.1", &["203.0.113.9, unknown"]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &[""]), "10.0.0.1");
    }
}
