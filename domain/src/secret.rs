//! Types for secrets. Types of plain secrets implement neither `Debug` nor `Display`, and their memory is wiped on
//! drop.

use secrecy::{ExposeSecret, SecretString};

use crate::entropy::Entropy;
use crate::hex::hex;
use crate::key_checksum::checksum;

macro_rules! secrets {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(SecretString);

        impl $name {
            /// Wraps the secret. Its memory is wiped when this value is dropped.
            pub fn new(secret: impl Into<String>) -> Self {
                Self(SecretString::from(secret.into()))
            }

            /// Returns the plain secret. Every call should be reviewed.
            pub fn expose(&self) -> &str {
                self.0.expose_secret()
            }
        }
    )+};
}

secrets! {
    /// An OAuth access token (RFC 6749 section 1.4).
    AccessToken,
    /// An OAuth refresh token (RFC 6749 section 1.5). It is sent only to the provider.
    RefreshToken,
    /// An OpenID Connect ID token, stored only until the person has been identified.
    IdToken,
    /// A device code, which is exchanged for tokens (RFC 8628 section 3.4).
    DeviceCode,
    /// Data that a provider's adapter needs to redeem a callback. It is stored while the person is at the provider.
    PendingCallback,
    /// The query of a provider's redirect back to the service (RFC 6749 section 4.1.2). It contains an authorization
    /// code.
    CallbackQuery,
    /// The code that the person types at the provider (RFC 8628 section 3.2).
    UserCode,
    /// A URL at the provider. Anybody who opens it can continue this person's consent.
    ConsentUri,
    /// The extra members of a token response for clients, encoded as one text.
    ExtraText,
    /// An access key, with which a client or an operator authenticates.
    AccessKey,
    /// The JWT with which a workload authenticates (RFC 7519).
    WorkloadToken,
    /// The random value of the cookie that identifies a browser.
    BrowserToken,
    /// The URL at which the person of an account starts a relink.
    RelinkUrl,
}

impl AccessKey {
    /// The prefix of every generated access key. Scanners for leaked secrets use it to detect keys.
    pub const PREFIX: &'static str = "coak_";

    /// Creates a key with 200 random bits and a checksum. Older keys without a checksum stay valid.
    pub fn generate(entropy: &Entropy) -> Self {
        let key = format!("{}{}", Self::PREFIX, entropy.text(40));
        let checksum = checksum(&key);
        Self::new(key + &checksum)
    }
}

impl WorkloadToken {
    /// Whether a bearer token looks like a JWT: the base64url encoding of a JSON object, and a second part.
    pub fn is_like(bearer: &str) -> bool {
        bearer.starts_with("eyJ") && bearer.contains('.')
    }
}

impl BrowserToken {
    /// Creates a token with 160 random bits.
    pub fn generate(entropy: &Entropy) -> Self {
        Self::new(entropy.text(32))
    }
}

/// An encrypted value, as stored. It can be decrypted only with the associated data with which it was sealed: the owner
/// and the kind of the value.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// Wraps bytes from a cipher or a store.
    pub const fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Returns the bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the header of the value; `None` if the value is too short to contain a header.
    pub fn seal_id(&self) -> Option<SealId> {
        self.0.first_chunk().copied().map(SealId)
    }
}

/// The header of a sealed value: the version of the format and the id of the key. The header is not secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SealId(pub [u8; Self::LENGTH]);

impl SealId {
    /// One byte for the version and four bytes for the key.
    pub const LENGTH: usize = 5;
}

impl std::fmt::Display for SealId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

/// A keyed hash, for example of a link code, an access key or a network. Equal inputs give equal hashes. Nobody can
/// test a guessed input without the service's hash key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyedHash([u8; 32]);

impl KeyedHash {
    /// Wraps the 32 bytes of a hash.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes to store.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Compares in constant time, so that the duration does not reveal how many bytes of a MAC match.
    pub fn is_equal(&self, other: &Self) -> bool {
        let pairs = self.0.iter().zip(&other.0);
        let difference = pairs.fold(0, |difference, (one, other)| difference | (one ^ other));
        std::hint::black_box(difference) == 0
    }
}

impl std::fmt::Debug for KeyedHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyedHash(..)")
    }
}
