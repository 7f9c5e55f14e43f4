//! Who made a key, and what limits its use.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::AccessKeyId;
use crate::cidr::{Cidr, MalformedCidr};

/// Who made a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyMaker {
    /// The link that it was handed out with.
    Link,
    /// The operator.
    Operator,
    /// Another key of the account.
    Key(AccessKeyId),
}

impl fmt::Display for KeyMaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link => f.write_str("link"),
            Self::Operator => f.write_str("operator"),
            Self::Key(id) => id.fmt(f),
        }
    }
}

impl FromStr for KeyMaker {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "link" => Ok(Self::Link),
            "operator" => Ok(Self::Operator),
            id => id.parse().map(Self::Key),
        }
    }
}

/// What limits the use of a key besides its expiry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyLimits {
    /// The networks that it may be used from; any network if there are none.
    pub networks: Vec<Cidr>,
    /// How often it may be used in a minute.
    pub uses_per_minute: Option<u32>,
}

impl KeyLimits {
    /// Whether the key may be used from this address.
    #[must_use]
    pub fn admit(&self, address: IpAddr) -> bool {
        self.networks.is_empty() || self.networks.iter().any(|block| block.contains(address))
    }

    /// The networks as one text, empty if there are none.
    #[must_use]
    pub fn networks_text(&self) -> String {
        let blocks: Vec<_> = self.networks.iter().map(Cidr::to_string).collect();
        blocks.join(" ")
    }

    /// Reads the text that [`KeyLimits::networks_text`] has made.
    ///
    /// # Errors
    /// For any other text.
    pub fn read_networks(text: &str) -> Result<Vec<Cidr>, MalformedCidr> {
        text.split_ascii_whitespace().map(str::parse).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makers_and_networks_survive_the_store() {
        for maker in [
            KeyMaker::Link,
            KeyMaker::Operator,
            KeyMaker::Key(AccessKeyId(12)),
        ] {
            assert_eq!(maker.to_string().parse(), Ok(maker));
        }
        for networks in [&[][..], &["10.0.0.0/8"], &["10.0.0.0/8", "2001:db8::/32"]] {
            let limits = KeyLimits {
                networks: networks.iter().map(|text| text.parse().unwrap()).collect(),
                uses_per_minute: None,
            };
            let read = KeyLimits::read_networks(&limits.networks_text());
            assert_eq!(read, Ok(limits.networks));
        }
    }

    #[test]
    fn a_key_without_networks_is_used_from_anywhere() {
        let anywhere = IpAddr::from([203, 0, 113, 9]);
        assert!(KeyLimits::default().admit(anywhere));
        let limits = |networks: &[&str]| KeyLimits {
            networks: networks.iter().map(|text| text.parse().unwrap()).collect(),
            uses_per_minute: None,
        };
        assert!(!limits(&["10.0.0.0/8"]).admit(anywhere));
        assert!(limits(&["10.0.0.0/8", "203.0.113.0/24"]).admit(anywhere));
    }
}
