use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

/// How much of an address the audit log records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NetworkPrecision {
    /// The network: 24 bits of an IPv4 address, 64 bits of an IPv6 address.
    #[default]
    Cut,
    /// The whole address.
    Full,
}

/// The network or address of a caller, as recorded in the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AuditNetwork(IpNet);

impl AuditNetwork {
    /// Returns the recorded network of an address. `None` for the unspecified address, which means that there is no
    /// address.
    pub fn of(address: IpAddr, precision: NetworkPrecision) -> Option<Self> {
        let address = address.to_canonical();
        if address.is_unspecified() {
            return None;
        }
        let prefix = match (address, precision) {
            (_, NetworkPrecision::Full) => IpNet::from(address).max_prefix_len(),
            (IpAddr::V4(_), NetworkPrecision::Cut) => 24,
            (IpAddr::V6(_), NetworkPrecision::Cut) => 64,
        };
        Some(Self(IpNet::new_assert(address, prefix).trunc()))
    }
}

impl fmt::Display for AuditNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
