//! Secrets on their way to the store and back: each sealed to the one place it belongs to.

use std::sync::Arc;

use crate::grant::{AccountKey, Extra};
use crate::link::{LinkCode, Network};
use crate::ports::{Cipher, CipherError, HashKey, SealedTo, SealedValue, SecretKind};
use crate::secret::{
    AccessKey, AccessToken, BrowserToken, CallbackQuery, ConsentUri, DeviceCode, ExtraText,
    IdToken, KeyedHash, RefreshToken, SealId, Sealed, SpareRefreshToken, UserCode,
};

/// The cipher together with the hash key, in terms of the model. Clones share both.
#[derive(Clone)]
pub struct Vault {
    cipher: Arc<dyn Cipher>,
    hash_key: Arc<HashKey>,
}

/// A secret whose type says which of its owner's values it is.
pub trait Sealable {
    /// Which value it is.
    const KIND: SecretKind;
    /// Returns the secret itself.
    fn text(&self) -> &str;
    /// Wraps an opened secret.
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
    SpareRefreshToken: SpareRefreshToken,
    IdToken: IdToken,
    ExtraText: Extra,
    DeviceCode: DeviceCode,
    UserCode: UserCode,
    CallbackQuery: Callback,
    ConsentUri: VerificationUriComplete,
}

/// The names in the associated data of a value. They are frozen: every database holds values that open with these names
/// only.
const fn names(owner: &SealedTo, kind: SecretKind) -> [&'static str; 2] {
    let owner_name = match owner {
        SealedTo::Service => "service_keys",
        SealedTo::Account(_) => "tokens",
        SealedTo::Link(_) => "device_codes",
        SealedTo::Revocation(_) => "revocations",
    };
    let value_name = match (owner, kind) {
        (_, SecretKind::HashKey) => "hash_key",
        (_, SecretKind::AccessToken) => "access_token",
        // An account's spare becomes its refresh token without being sealed anew.
        (_, SecretKind::RefreshToken) | (SealedTo::Account(_), SecretKind::SpareRefreshToken) => {
            "refresh_token"
        }
        (_, SecretKind::SpareRefreshToken) => "spare_refresh_token",
        (_, SecretKind::IdToken) => "id_token",
        (_, SecretKind::Extra) => "extra",
        (_, SecretKind::DeviceCode) => "device_code",
        (_, SecretKind::UserCode) => "user_code",
        (_, SecretKind::Callback) => "callback",
        (_, SecretKind::VerificationUriComplete) => "verification_uri_complete",
    };
    [owner_name, value_name]
}

/// The frozen names of the `state` that a browser carries.
const STATE: [&str; 2] = ["state", "link_code"];

fn associated_data(owner: &SealedTo, kind: SecretKind) -> Vec<u8> {
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

/// Every part with its length in front, so that no two places give the same bytes.
fn bound(names: [&str; 2], natural_key: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in names.map(str::as_bytes).iter().chain(natural_key) {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    rest.is_empty().then(|| pairs.iter().map(byte).collect())?
}

impl Vault {
    /// Seals a new hash key for the store.
    ///
    /// # Errors
    /// See [`Cipher::seal`].
    pub fn seal_hash_key(cipher: &dyn Cipher, key: &HashKey) -> Result<Sealed, CipherError> {
        cipher.seal(
            key.expose(),
            &associated_data(&SealedTo::Service, SecretKind::HashKey),
        )
    }

    /// Opens the store's hash key: also the check that the configured key is the right one.
    ///
    /// # Errors
    /// See [`Cipher::open`].
    pub fn unlock(cipher: Arc<dyn Cipher>, sealed: &Sealed) -> Result<Self, CipherError> {
        let plain = cipher.open(
            sealed,
            &associated_data(&SealedTo::Service, SecretKind::HashKey),
        )?;
        let key = <[u8; 32]>::try_from(plain.as_slice()).map_err(|_| CipherError::Corrupt)?;
        Ok(Self {
            cipher,
            hash_key: Arc::new(HashKey::new(key)),
        })
    }

    /// Whether this hash key of the store is the one in use.
    ///
    /// # Errors
    /// See [`Cipher::open`]; [`CipherError::UnknownKey`] when it is another one.
    pub fn verify(&self, sealed: &Sealed) -> Result<(), CipherError> {
        let plain = self.cipher.open(
            sealed,
            &associated_data(&SealedTo::Service, SecretKind::HashKey),
        )?;
        if plain.as_slice() == self.hash_key.expose() {
            Ok(())
        } else {
            Err(CipherError::UnknownKey)
        }
    }

    /// Seals a secret to its owner.
    ///
    /// # Errors
    /// See [`Cipher::seal`].
    pub fn seal<S: Sealable>(
        &self,
        secret: &S,
        owner: impl Into<SealedTo>,
    ) -> Result<Sealed, CipherError> {
        let place = associated_data(&owner.into(), S::KIND);
        self.cipher.seal(secret.text().as_bytes(), &place)
    }

    /// Opens a secret of its owner.
    ///
    /// # Errors
    /// See [`Cipher::open`].
    pub fn open<S: Sealable>(
        &self,
        sealed: &Sealed,
        owner: impl Into<SealedTo>,
    ) -> Result<S, CipherError> {
        let place = associated_data(&owner.into(), S::KIND);
        let plain = self.cipher.open(sealed, &place)?;
        let text = std::str::from_utf8(&plain).map_err(|_| CipherError::Corrupt)?;
        Ok(S::from_text(text))
    }

    /// The extra of an account's tokens, empty where there is none. What does not open is left out: it must not keep a client
    /// from its token, nor a new refresh token from being stored.
    #[must_use]
    pub fn read_extra(&self, sealed: Option<&Sealed>, owner: &AccountKey) -> Extra {
        let Some(sealed) = sealed else {
            return Extra::default();
        };
        let opened = self.open(sealed, owner);
        let read = opened.and_then(|text| Extra::from_text(&text).ok_or(CipherError::Corrupt));
        read.unwrap_or_else(|error| {
            let provider = &owner.provider;
            tracing::error!(%provider, %error, "the stored extra of an account cannot be opened; it is left out");
            Extra::default()
        })
    }

    /// The `state` with which a provider sends a browser back (RFC 6749 section 10.12): the code of its link, which only
    /// this service can have sealed for this browser.
    ///
    /// # Errors
    /// See [`Cipher::seal`].
    pub fn seal_state(&self, code: &LinkCode, browser: &KeyedHash) -> Result<String, CipherError> {
        let place = bound(STATE, &[browser.as_bytes()]);
        let sealed = self.cipher.seal(code.digits().as_bytes(), &place)?;
        Ok(hex(sealed.as_bytes()))
    }

    /// The link that a browser comes back to.
    ///
    /// # Errors
    /// [`CipherError::Corrupt`] for a state that was made for another browser, or by somebody else.
    pub fn open_state(&self, state: &str, browser: &KeyedHash) -> Result<LinkCode, CipherError> {
        let sealed = unhex(state).ok_or(CipherError::Corrupt)?;
        let place = bound(STATE, &[browser.as_bytes()]);
        let plain = self.cipher.open(&Sealed::from_bytes(sealed), &place)?;
        let text = std::str::from_utf8(&plain).map_err(|_| CipherError::Corrupt)?;
        LinkCode::parse(text).map_err(|_| CipherError::Corrupt)
    }

    /// What values sealed from now on start with.
    #[must_use]
    pub fn present(&self) -> SealId {
        self.cipher.present()
    }

    /// Whether a configured key opens values that start so.
    #[must_use]
    pub fn knows(&self, seal: SealId) -> bool {
        self.cipher.knows(seal)
    }

    /// Checks that a sealed value opens.
    ///
    /// # Errors
    /// See [`Cipher::open`].
    pub fn check(&self, owner: &SealedTo, value: &SealedValue) -> Result<(), CipherError> {
        let place = associated_data(owner, value.kind);
        self.cipher.open(&value.sealed, &place).map(drop)
    }

    /// Seals a sealed value anew with the present key.
    ///
    /// # Errors
    /// See [`Cipher::open`] and [`Cipher::seal`].
    pub fn reseal(&self, owner: &SealedTo, value: &SealedValue) -> Result<Sealed, CipherError> {
        let place = associated_data(owner, value.kind);
        let plain = self.cipher.open(&value.sealed, &place)?;
        self.cipher.seal(&plain, &place)
    }

    /// The hash that a link code is found by.
    #[must_use]
    pub fn hash_link_code(&self, code: &LinkCode) -> KeyedHash {
        self.hash("link_code", code.digits())
    }

    /// The hash that an access key is found by.
    #[must_use]
    pub fn hash_access_key(&self, key: &AccessKey) -> KeyedHash {
        self.hash("access_key", key.expose())
    }

    /// The hash that a network's wrong codes are counted by.
    #[must_use]
    pub fn hash_network(&self, network: Network) -> KeyedHash {
        self.hash("network", &network.to_string())
    }

    /// The hash that a browser is recognised by.
    #[must_use]
    pub fn hash_browser(&self, browser: &BrowserToken) -> KeyedHash {
        self.hash("browser", browser.expose())
    }

    /// The hash that a provider's answer is recognised by when it comes again.
    #[must_use]
    pub fn hash_callback(&self, answer: &CallbackQuery) -> KeyedHash {
        self.hash("callback", answer.expose())
    }

    /// The token that a browser's forms must carry: derived from its cookie, so another site cannot know it.
    #[must_use]
    pub fn csrf_token(&self, browser: &BrowserToken) -> KeyedHash {
        self.hash("csrf", browser.expose())
    }

    /// The hash of an operator's key, for comparing without telling how much of it was right.
    #[must_use]
    pub fn hash_operator_key(&self, key: &AccessKey) -> KeyedHash {
        self.hash("operator_key", key.expose())
    }

    /// The purpose in front keeps the hashes of different kinds of values apart; it contains no zero byte.
    fn hash(&self, purpose: &str, value: &str) -> KeyedHash {
        let input = zeroize::Zeroizing::new([purpose.as_bytes(), &[0], value.as_bytes()].concat());
        self.cipher.keyed_hash(&self.hash_key, &input)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::ProviderName;
    use crate::grant::revocation::RevocationReference;

    /// Shows the associated data in place of the ciphertext.
    struct Showing;

    impl Cipher for Showing {
        fn seal(&self, _: &[u8], associated_data: &[u8]) -> Result<Sealed, CipherError> {
            Ok(Sealed::from_bytes(associated_data.to_vec()))
        }

        fn open(
            &self,
            sealed: &Sealed,
            associated_data: &[u8],
        ) -> Result<zeroize::Zeroizing<Vec<u8>>, CipherError> {
            assert_eq!(sealed.as_bytes(), associated_data);
            Ok(zeroize::Zeroizing::new(vec![0; 32]))
        }

        fn present(&self) -> SealId {
            SealId([0; 5])
        }

        fn knows(&self, _: SealId) -> bool {
            true
        }

        fn keyed_hash(&self, _: &HashKey, _: &[u8]) -> KeyedHash {
            KeyedHash::from_bytes([0; 32])
        }
    }

    fn frozen(parts: &[&[u8]]) -> Sealed {
        let part = |part: &&[u8]| [&(part.len() as u64).to_be_bytes(), *part].concat();
        Sealed::from_bytes(parts.iter().flat_map(part).collect())
    }

    /// These bytes are in every database: a value that was sealed with others cannot be opened.
    #[test]
    fn the_associated_data_never_changes() {
        let hash_key = Vault::seal_hash_key(&Showing, &HashKey::new([0; 32])).unwrap();
        assert_eq!(hash_key, frozen(&[b"service_keys", b"hash_key"]));
        let literal = b"\0\0\0\0\0\0\0\x0cservice_keys\0\0\0\0\0\0\0\x08hash_key";
        assert_eq!(hash_key.as_bytes(), literal);
        let vault = Vault::unlock(Arc::new(Showing), &hash_key).unwrap();
        let (account, link) = (
            AccountKey {
                provider: ProviderName::new("github"),
                account_id: "ada".to_owned(),
            },
            KeyedHash::from_bytes([1; 32]),
        );
        let revocation = RevocationReference::from_bytes([2; 16]);
        let state = vault.seal_state(&LinkCode::parse("12345678").unwrap(), &link);
        let state = unhex(&state.unwrap()).unwrap();
        let expected = frozen(&[b"state", b"link_code", &[1; 32]]);
        assert_eq!(state, expected.as_bytes());

        let (access, refresh) = (AccessToken::new("a"), RefreshToken::new("r"));
        let (id, extra) = (IdToken::new("i"), ExtraText::new("e"));
        let (device, user) = (DeviceCode::new("d"), UserCode::new("u"));
        let (callback, uri) = (CallbackQuery::new("c"), ConsentUri::new("v"));
        let of_account = |column: &str| frozen(&[b"tokens", column.as_bytes(), b"github", b"ada"]);
        let of_link = |column: &str| frozen(&[b"device_codes", column.as_bytes(), &[1; 32]]);
        let of_revocation = |column: &str| frozen(&[b"revocations", column.as_bytes(), &[2; 16]]);
        for (sealed, expected) in [
            (vault.seal(&access, &account), of_account("access_token")),
            (vault.seal(&refresh, &account), of_account("refresh_token")),
            (vault.seal(&extra, &account), of_account("extra")),
            (vault.seal(&device, &link), of_link("device_code")),
            (vault.seal(&user, &link), of_link("user_code")),
            (vault.seal(&callback, &link), of_link("callback")),
            (
                vault.seal(&uri, &link),
                of_link("verification_uri_complete"),
            ),
            (vault.seal(&access, &link), of_link("access_token")),
            (vault.seal(&refresh, &link), of_link("refresh_token")),
            (vault.seal(&id, &link), of_link("id_token")),
            (vault.seal(&extra, &link), of_link("extra")),
            (
                vault.seal(&access, &revocation),
                of_revocation("access_token"),
            ),
            (
                vault.seal(&refresh, &revocation),
                of_revocation("refresh_token"),
            ),
            (
                vault.seal(&SpareRefreshToken::new("s"), &revocation),
                of_revocation("spare_refresh_token"),
            ),
            (vault.seal(&id, &revocation), of_revocation("id_token")),
        ] {
            assert_eq!(sealed.unwrap().as_bytes(), expected.as_bytes());
        }
        // The spare of an account becomes its refresh token as it is.
        for (owner, kind, expected) in [
            (SealedTo::Service, SecretKind::HashKey, hash_key),
            (
                SealedTo::Account(account.clone()),
                SecretKind::SpareRefreshToken,
                of_account("refresh_token"),
            ),
            (
                SealedTo::Account(account),
                SecretKind::Extra,
                of_account("extra"),
            ),
            (
                SealedTo::Link(link),
                SecretKind::VerificationUriComplete,
                of_link("verification_uri_complete"),
            ),
            (
                SealedTo::Revocation(revocation),
                SecretKind::SpareRefreshToken,
                of_revocation("spare_refresh_token"),
            ),
        ] {
            let value = SealedValue {
                kind,
                sealed: expected.clone(),
            };
            assert_eq!(vault.reseal(&owner, &value), Ok(expected));
        }
    }
}
