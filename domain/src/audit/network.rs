use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How much of an address is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NetworkPrecision {
    /// The network: 24 bits of an IPv4 address, 64 bits of an IPv6 address.
    #[default]
    Cut,
    /// The whole address.
    Full,
}

/// The network of an address, as it is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AuditNetwork {
    address: IpAddr,
    prefix: u8,
}

impl AuditNetwork {
    /// Returns what is recorded of an address; `None` for the unspecified address, which stands for no address at all.
    pub fn of(address: IpAddr, precision: NetworkPrecision) -> Option<Self> {
        let address = address.to_canonical();
        let (address, prefix) = match (address, precision) {
            (address, _) if address.is_unspecified() => return None,
            (IpAddr::V4(v4), NetworkPrecision::Full) => (IpAddr::V4(v4), 32),
            (IpAddr::V6(v6), NetworkPrecision::Full) => (IpAddr::V6(v6), 128),
            (IpAddr::V4(v4), NetworkPrecision::Cut) => {
                let [a, b, c, _] = v4.octets();
                (IpAddr::V4(Ipv4Addr::new(a, b, c, 0)), 24)
            }
            (IpAddr::V6(v6), NetworkPrecision::Cut) => {
                let [a, b, c, d, ..] = v6.segments();
                (IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)), 64)
            }
        };
        Some(Self { address, prefix })
    }
}

impl fmt::Display for AuditNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}
