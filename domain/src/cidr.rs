//! Blocks of network addresses.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// A block of addresses in CIDR notation (RFC 4632), such as `192.0.2.0/24` or `2001:db8::/32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr(IpNet);

/// The error for a text that is neither an address nor a network in CIDR notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not an address or CIDR such as 192.0.2.0/24 or 2001:db8::/32")]
pub struct MalformedCidr;

impl Cidr {
    /// Whether an address is in the block. An IPv4-mapped IPv6 address counts as the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

/// Whether one of the blocks contains the address. An empty list contains every address.
pub fn admits(blocks: &[Cidr], address: IpAddr) -> bool {
    blocks.is_empty() || blocks.iter().any(|block| block.contains(address))
}

impl FromStr for Cidr {
    type Err = MalformedCidr;

    /// Parses a block, or an address as a block of one address. Rejects host bits that are not zero, because the author
    /// may have meant the address or the block. Rejects leading zeros, because some programs read them as octal.
    /// Rejects IPv4-mapped IPv6 addresses.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = text.split_once('/').map_or(text, |(address, _)| address);
        // Rejects leading zeros, which `IpNet` accepts.
        let address: IpAddr = address.parse().map_err(|_| MalformedCidr)?;
        let block = if text.contains('/') {
            text.parse().map_err(|_| MalformedCidr)?
        } else {
            IpNet::from(address)
        };
        let is_mapped = block.addr().to_canonical() != block.addr();
        if is_mapped || block.trunc() != block {
            return Err(MalformedCidr);
        }
        Ok(Self(block))
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    fn holds(text: &str, address: &str) -> bool {
        block(text).contains(address.parse().unwrap())
    }

    #[test]
    fn a_block_holds_the_addresses_that_share_its_prefix() {
        assert!(holds("192.0.2.0/24", "192.0.2.255"));
        assert!(!holds("192.0.2.0/24", "192.0.3.0"));
        assert!(holds("192.0.2.0/24", "::ffff:192.0.2.7"));
        assert!(holds("192.0.2.7", "192.0.2.7"));
        assert!(!holds("192.0.2.7", "192.0.2.6"));
        assert!(holds("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(!holds("2001:db8::/32", "2001:db9::1"));
        assert!(holds("0.0.0.0/0", "203.0.113.9"));
        assert!(!holds("0.0.0.0/0", "2001:db8::1"));
        assert!(!holds("::/0", "203.0.113.9"));
        assert!(holds("::/0", "2001:db8::1"));
    }

    #[test]
    fn it_is_written_as_it_was_read() {
        for (text, canonical) in [
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("192.0.2.7", "192.0.2.7/32"),
            ("2001:DB8:0::/32", "2001:db8::/32"),
        ] {
            assert_eq!(block(text).to_string(), canonical);
        }
    }

    #[test]
    fn anything_else_is_no_block() {
        for text in [
            "",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.1/8",
            "10.0.0.0/+8",
            "010.0.0.0/8",
            "010.0.0.0",
            "10.0.0.0/8/8",
            "2001:db8::1/32",
            "::/129",
            "::ffff:10.0.0.0/104",
            "example.com",
            "10.0.0",
        ] {
            assert_eq!(text.parse::<Cidr>(), Err(MalformedCidr), "{text:?}");
        }
    }
}
