//! The place that a value is sealed to: its owner, and which of the owner's values it is.

use crate::ports::{SealedTo, SecretKind};
use crate::secret::{
    AccessToken, CallbackQuery, ConsentUri, DeviceCode, ExtraText, IdToken, PendingCallback,
    RefreshToken, UserCode,
};

/// A secret whose type determines which of its owner's values it is.
pub trait Sealable {
    /// Which value it is.
    const KIND: SecretKind;
    /// Returns the secret itself.
    fn text(&self) -> &str;
    /// Wraps a decrypted secret.
    fn from_text(text: &str) -> Self;
}

macro_rules! sealable {
    ($($secret:ident: $kind:ident),+ $(,)?) => {$(
        impl Sealable for $secret {
            const KIND: SecretKind = SecretKind::$kind;

            fn text(&self) -> &str {
                self.expose()
            }

            fn from_text(text: &str) -> Self {
                Self::new(text)
            }
        }
    )+};
}

sealable! {
    AccessToken: AccessToken,
    RefreshToken: RefreshToken,
    IdToken: IdToken,
    ExtraText: Extra,
    DeviceCode: DeviceCode,
    PendingCallback: DeviceCode,
    UserCode: UserCode,
    CallbackQuery: Callback,
    ConsentUri: VerificationUriComplete,
}

/// The names in the associated data of a value. They never change: existing databases contain values that can be
/// decrypted only with these names.
const fn names(owner: &SealedTo, kind: SecretKind) -> [&'static str; 2] {
    let owner_name = match owner {
        SealedTo::Service => "service_keys",
        SealedTo::Account(_) => "tokens",
        SealedTo::Link(_) => "device_codes",
        SealedTo::Revocation(_) => "revocations",
    };
    let value_name = match (owner, kind) {
        (_, SecretKind::HashKey) => "hash_key_with_macs",
        (_, SecretKind::AccessToken) => "access_token",
        (_, SecretKind::RefreshToken) => "refresh_token",
        (_, SecretKind::IdToken) => "id_token",
        (_, SecretKind::Extra) => "extra",
        (_, SecretKind::DeviceCode) => "device_code",
        (_, SecretKind::UserCode) => "user_code",
        (_, SecretKind::Callback) => "callback",
        (_, SecretKind::VerificationUriComplete) => "verification_uri_complete",
    };
    [owner_name, value_name]
}

/// The place to which a hash key is sealed while there may be rows without a MAC: in a database that no version with
/// MACs has opened yet.
pub(super) fn hash_key_without_macs() -> Vec<u8> {
    bound(["service_keys", "hash_key"], &[])
}

/// The places at which a value may be decrypted.
pub(super) fn places(owner: &SealedTo, kind: SecretKind) -> Vec<Vec<u8>> {
    let place = associated_data(owner, kind);
    match kind {
        SecretKind::HashKey => vec![place, hash_key_without_macs()],
        _ => vec![place],
    }
}

/// The names for the `state` that a browser carries. They never change.
pub(super) const STATE: [&str; 2] = ["state", "link_code"];

pub(super) fn associated_data(owner: &SealedTo, kind: SecretKind) -> Vec<u8> {
    let names = names(owner, kind);
    match owner {
        SealedTo::Service => bound(names, &[]),
        SealedTo::Account(key) => {
            let parts = [key.provider.as_str(), &key.account_id];
            bound(names, &parts.map(str::as_bytes))
        }
        SealedTo::Link(code) => bound(names, &[code.as_bytes()]),
        SealedTo::Revocation(reference) => bound(names, &[reference.as_bytes()]),
    }
}

/// Prefixes every part with its length, so that no two places give the same bytes.
pub(super) fn bound(names: [&str; 2], natural_key: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in names.map(str::as_bytes).iter().chain(natural_key) {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}
