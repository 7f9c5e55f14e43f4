//! Blocks of network addresses.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A block of addresses in CIDR notation (RFC 4632), such as `192.0.2.0/24` or `2001:db8::/32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr {
    /// The first address: all host bits are zero.
    first: IpAddr,
    /// How many bits all addresses share.
    prefix: u8,
}

/// A text that is no block of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no address or CIDR such as 192.0.2.0/24 or 2001:db8::/32")]
pub struct MalformedCidr;

/// An address as a number, and how many bits it has.
fn bits(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    }
}

fn mask(prefix: u8) -> u128 {
    u128::MAX
        .checked_shl(128 - u32::from(prefix))
        .unwrap_or_default()
}

impl Cidr {
    /// Whether an address is in the block. An IPv4-mapped IPv6 address counts as the IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let ((first, of_block), (address, of_address)) =
            (bits(self.first), bits(address.to_canonical()));
        of_block == of_address && (first ^ address) & mask(self.prefix) == 0
    }

    /// Whether all addresses of another block are in this one.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        self.prefix <= other.prefix && self.contains(other.first)
    }
}

impl FromStr for Cidr {
    type Err = MalformedCidr;

    /// Reads a block, or an address as the block of itself. Host bits must be zero: otherwise it is not clear what is meant.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let first: IpAddr = address.parse().map_err(|_| MalformedCidr)?;
        let (number, longest) = bits(first);
        let prefix = prefix.map_or(Ok(longest), |prefix| match prefix.as_bytes() {
            [b'0'..=b'9', ..] => prefix.parse().map_err(|_| MalformedCidr),
            _ => Err(MalformedCidr),
        })?;
        let is_mapped = first.to_canonical() != first;
        if prefix > longest || number & !mask(prefix) != 0 || is_mapped {
            return Err(MalformedCidr);
        }
        Ok(Self { first, prefix })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
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
    fn a_block_includes_smaller_ones() {
        for (one, other, includes) in [
            ("10.0.0.0/8", "10.1.0.0/16", true),
            ("10.0.0.0/8", "10.0.0.0/8", true),
            ("10.1.0.0/16", "10.0.0.0/8", false),
            ("10.0.0.0/8", "11.0.0.0/16", false),
            ("::/0", "10.0.0.0/8", false),
        ] {
            assert_eq!(
                block(one).includes(&block(other)),
                includes,
                "{one} {other}"
            );
        }
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
