//! The associated data of sealed values, called "place". It names the owner of a value and the kind of the value.

use crate::ports::{SealedTo, SecretKind};
use crate::secret::{
    AccessToken, CallbackQuery, ConsentUri, DeviceCode, ExtraText, IdToken, PendingCallback,
    RefreshToken, UserCode,
};

/// A type of secret that can be sealed.
pub trait Sealable {
    /// The kind of secrets of this type.
    const KIND: SecretKind;
    /// Returns the plain secret.
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

/// Returns the names in the associated data of a value. The names must never change, because values in existing
/// databases can be decrypted only with these names.
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

/// Returns the associated data of a hash key in a database that no version with MACs has opened yet. Such a database
/// may contain rows without a MAC.
pub(super) fn hash_key_without_macs() -> Vec<u8> {
    bound(["service_keys", "hash_key"], &[])
}

/// Returns each associated data with which a value may have been sealed.
pub(super) fn places(owner: &SealedTo, kind: SecretKind) -> Vec<Vec<u8>> {
    let place = associated_data(owner, kind);
    match kind {
        SecretKind::HashKey => vec![place, hash_key_without_macs()],
        _ => vec![place],
    }
}

/// The names in the associated data of a `state`. They must never change.
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
        SealedTo::Revocation(reference) => bound(names, &[&reference.0]),
    }
}

/// Joins the parts. Each part is prefixed with its length, so that different lists of parts never give the same bytes.
pub(super) fn bound(names: [&str; 2], natural_key: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in names.map(str::as_bytes).iter().chain(natural_key) {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}
