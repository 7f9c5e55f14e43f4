//! Who created a key, and what limits its use.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::AccessKeyId;
use crate::cidr::{self, Cidr, MalformedCidr};
use crate::time::Timestamp;

/// Who created a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyMaker {
    /// The link with which the key was created.
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

/// What limits the use of a key in addition to its expiry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyLimits {
    /// The networks from which the key may be used. An empty list means any network.
    pub networks: Vec<Cidr>,
    /// How often the key may be used per minute.
    pub uses_per_minute: Option<u32>,
}

/// The error if a new key would expire later than the key that creates it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expires_at is later than the expiry of the key that creates it")]
pub struct OutlivesMaker;

/// Returns the expiry of a new key: the requested expiry, or else `maker`, the expiry of the key that creates the new
/// one.
///
/// # Errors
/// [`OutlivesMaker`] if the requested expiry is later than `maker`.
pub fn expiry_under(
    requested: Option<Timestamp>,
    maker: Option<Timestamp>,
) -> Result<Option<Timestamp>, OutlivesMaker> {
    match (requested, maker) {
        (None, last) => Ok(last),
        (Some(requested), Some(last)) if requested > last => Err(OutlivesMaker),
        (requested, _) => Ok(requested),
    }
}

impl KeyLimits {
    /// Maximum number of networks of a key.
    pub const MOST_NETWORKS: usize = 20;

    /// Whether the key may be used from this address.
    pub fn admit(&self, address: IpAddr) -> bool {
        cidr::admits(&self.networks, address)
    }

    /// Returns the networks as one text, separated by spaces.
    pub fn networks_text(&self) -> String {
        let blocks: Vec<_> = self.networks.iter().map(Cidr::to_string).collect();
        blocks.join(" ")
    }

    /// Parses the text of [`KeyLimits::networks_text`].
    ///
    /// # Errors
    /// The text is not a list of networks.
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

    fn limits(networks: &[&str], uses_per_minute: Option<u32>) -> KeyLimits {
        KeyLimits {
            networks: networks.iter().map(|text| text.parse().unwrap()).collect(),
            uses_per_minute,
        }
    }

    #[test]
    fn a_key_never_outlives_its_maker() {
        let at = |second: i64| Some(Timestamp::from_millis(second));
        for (requested, maker, expected) in [
            (None, None, Ok(None)),
            (at(5), None, Ok(at(5))),
            (None, at(5), Ok(at(5))),
            (at(4), at(5), Ok(at(4))),
            (at(5), at(5), Ok(at(5))),
            (at(6), at(5), Err(OutlivesMaker)),
        ] {
            assert_eq!(
                expiry_under(requested, maker),
                expected,
                "{requested:?} {maker:?}"
            );
        }
    }

    #[test]
    fn a_key_without_networks_is_used_from_anywhere() {
        let anywhere = IpAddr::from([203, 0, 113, 9]);
        assert!(KeyLimits::default().admit(anywhere));
        assert!(!limits(&["10.0.0.0/8"], None).admit(anywhere));
        assert!(limits(&["10.0.0.0/8", "203.0.113.0/24"], None).admit(anywhere));
    }
}
