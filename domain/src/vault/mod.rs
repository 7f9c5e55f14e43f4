//! Encrypts and decrypts the store's secrets, and computes keyed hashes. The associated data of each secret names its
//! owner.

mod place;
mod row_macs;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::grant::{AccountId, AccountKey, Extra};
use crate::hex::{hex, unhex};
use crate::link::{Link, LinkCode, Network, ReturnCode};
use crate::ports::{Cipher, CipherError, HashKey, SealedTo, SealedValue, SecretKind};
use crate::secret::{
    AccessKey, BrowserToken, CallbackQuery, KeyedHash, SealId, Sealed, WorkloadToken,
};
use crate::time::Timestamp;
use crate::workload::{ClaimList, WorkloadBinding};

pub use place::Sealable;
use place::{STATE, associated_data, bound, hash_key_without_macs, places};
pub use row_macs::{AlteredKey, RowMacs};

/// Encrypts and hashes the domain's secrets. Clones share the cipher and the hash key.
#[derive(Clone)]
pub struct Vault {
    cipher: Arc<dyn Cipher>,
    hash_key: Arc<HashKey>,
}

impl Vault {
    /// Seals a new hash key for the store. The associated data states that every row that needs a MAC has a MAC.
    ///
    /// # Errors
    /// See [`Cipher::seal`].
    pub fn seal_hash_key(cipher: &dyn Cipher, key: &HashKey) -> Result<Sealed, CipherError> {
        let place = associated_data(&SealedTo::Service, SecretKind::HashKey);
        cipher.seal(key.expose(), &place)
    }

    /// Decrypts the store's hash key. Success also proves that the right secret key is configured.
    ///
    /// # Errors
    /// See [`Cipher::open`].
    pub fn unlock(cipher: Arc<dyn Cipher>, sealed: &Sealed) -> Result<Self, CipherError> {
        let (plain, _) = open_hash_key(cipher.as_ref(), sealed)?;
        let key = <[u8; 32]>::try_from(plain.as_slice()).map_err(|_| CipherError::Corrupt)?;
        Ok(Self {
            cipher,
            hash_key: Arc::new(HashKey::new(key)),
        })
    }

    /// Checks that a sealed hash key from the store is the hash key of this vault.
    ///
    /// # Errors
    /// See [`Cipher::open`]. [`CipherError::UnknownKey`] if this vault has another hash key.
    pub fn verify(&self, sealed: &Sealed) -> Result<(), CipherError> {
        let (plain, _) = open_hash_key(self.cipher.as_ref(), sealed)?;
        if plain.as_slice() == self.hash_key.expose() {
            Ok(())
        } else {
            Err(CipherError::UnknownKey)
        }
    }

    /// Returns a [`RowMacs`], which computes the MACs of rows with this hash key.
    pub fn row_macs(&self) -> RowMacs {
        RowMacs(self.clone())
    }

    /// Reseals the store's hash key with the associated data which states that all rows have MACs. `None` if the hash
    /// key already has this associated data. Nobody without the secret key can reseal the hash key.
    ///
    /// # Errors
    /// See [`Cipher::open`] and [`Cipher::seal`].
    pub fn mark_rows_authenticated(&self, sealed: &Sealed) -> Result<Option<Sealed>, CipherError> {
        self.move_hash_key(
            sealed,
            &associated_data(&SealedTo::Service, SecretKind::HashKey),
        )
    }

    /// Reseals the store's hash key with the associated data from versions without MACs. `None` if the hash key already
    /// has this associated data.
    ///
    /// # Errors
    /// See [`Cipher::open`] and [`Cipher::seal`].
    pub fn unmark_rows_authenticated(
        &self,
        sealed: &Sealed,
    ) -> Result<Option<Sealed>, CipherError> {
        self.move_hash_key(sealed, &hash_key_without_macs())
    }

    /// Reseals a hash key with the associated data `to`. `None` if the hash key already has this associated data.
    fn move_hash_key(&self, sealed: &Sealed, to: &[u8]) -> Result<Option<Sealed>, CipherError> {
        let (plain, place) = open_hash_key(self.cipher.as_ref(), sealed)?;
        let moved = (place != to).then(|| self.cipher.seal(&plain, to));
        moved.transpose()
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

    /// Decrypts a secret that was sealed to this owner.
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

    /// Encrypts a secret that may be absent.
    ///
    /// # Errors
    /// As [`Self::seal`].
    pub fn seal_some<S: Sealable>(
        &self,
        secret: Option<&S>,
        owner: impl Into<SealedTo>,
    ) -> Result<Option<Sealed>, CipherError> {
        secret.map(|secret| self.seal(secret, owner)).transpose()
    }

    /// Decrypts a secret that may be absent.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_some<S: Sealable>(
        &self,
        sealed: Option<&Sealed>,
        owner: impl Into<SealedTo>,
    ) -> Result<Option<S>, CipherError> {
        sealed.map(|sealed| self.open(sealed, owner)).transpose()
    }

    /// Returns the extra members of an account's tokens, or no members if they cannot be decrypted. An error would
    /// prevent clients from getting a token, and the service from storing a new refresh token.
    pub fn read_extra(&self, sealed: Option<&Sealed>, owner: &AccountKey) -> Extra {
        let Some(sealed) = sealed else {
            return Extra::default();
        };
        let opened = self.open(sealed, owner);
        let read = opened.and_then(|text| Extra::from_text(&text).ok_or(CipherError::Corrupt));
        read.unwrap_or_else(|error| {
            let provider = &owner.provider;
            tracing::error!(%provider, %error, "the extra members of an account cannot be decrypted; they are left out");
            Extra::default()
        })
    }

    /// Seals the extra members of a token response, if there are any.
    pub(crate) fn seal_extra(
        &self,
        extra: &Extra,
        owner: impl Into<SealedTo>,
    ) -> Result<Option<Sealed>, CipherError> {
        let text = (!extra.is_empty()).then(|| extra.to_text());
        self.seal_some(text.as_ref(), owner)
    }

    /// Returns the `state` of a redirect (RFC 6749 section 10.12): the link code, sealed for this browser. Only this
    /// service can create such a value.
    ///
    /// # Errors
    /// See [`Cipher::seal`].
    pub fn seal_state(&self, code: &LinkCode, browser: &KeyedHash) -> Result<String, CipherError> {
        let place = bound(STATE, &[browser.as_bytes()]);
        let sealed = self.cipher.seal(code.digits().as_bytes(), &place)?;
        Ok(hex(sealed.as_bytes()))
    }

    /// Returns the link code in the `state` of a browser's callback.
    ///
    /// # Errors
    /// [`CipherError::Corrupt`] for a state that was created for another browser, or not by this service.
    pub fn open_state(&self, state: &str, browser: &KeyedHash) -> Result<LinkCode, CipherError> {
        let sealed = unhex(state).ok_or(CipherError::Corrupt)?;
        let place = bound(STATE, &[browser.as_bytes()]);
        let plain = self.cipher.open(&Sealed::from_bytes(sealed), &place)?;
        let text = std::str::from_utf8(&plain).map_err(|_| CipherError::Corrupt)?;
        LinkCode::parse(text).map_err(|_| CipherError::Corrupt)
    }

    /// Returns the header of values that are sealed with the current key.
    pub fn current_seal_id(&self) -> SealId {
        self.cipher.current_seal_id()
    }

    /// Whether a configured key can decrypt values with this header.
    pub fn knows(&self, seal: SealId) -> bool {
        self.cipher.known_seal_ids().contains(&seal)
    }

    /// Whether a sealed value needs a key that is not configured. Returns `false` if only the header is damaged. This
    /// is the case if the version is unknown, or if the value can be decrypted with the header of a configured key.
    #[must_use]
    pub fn lacks_key(&self, owner: &SealedTo, value: &SealedValue) -> bool {
        let Some((header, rest)) = value.sealed.as_bytes().split_first_chunk() else {
            return false;
        };
        let opens_with = |known: SealId| {
            let sealed = Sealed::from_bytes([&known.0, rest].concat());
            self.check(owner, &SealedValue { sealed, ..*value }).is_ok()
        };
        let known = self.cipher.known_seal_ids();
        let has_version = header[0] == self.current_seal_id().0[0];
        has_version && !known.contains(&SealId(*header)) && !known.into_iter().any(opens_with)
    }

    /// Checks that a sealed value can be decrypted.
    ///
    /// # Errors
    /// See [`Cipher::open`].
    pub fn check(&self, owner: &SealedTo, value: &SealedValue) -> Result<(), CipherError> {
        open_at(
            self.cipher.as_ref(),
            &value.sealed,
            places(owner, value.kind),
        )
        .map(drop)
    }

    /// Re-encrypts a sealed value with the current key and the same associated data.
    ///
    /// # Errors
    /// See [`Cipher::open`] and [`Cipher::seal`].
    pub fn reseal(&self, owner: &SealedTo, value: &SealedValue) -> Result<Sealed, CipherError> {
        let cipher = self.cipher.as_ref();
        let (plain, place) = open_at(cipher, &value.sealed, places(owner, value.kind))?;
        cipher.seal(&plain, &place)
    }

    /// Returns the hash by which a link code is looked up.
    pub fn hash_link_code(&self, code: &LinkCode) -> KeyedHash {
        self.hash("link_code", code.digits())
    }

    /// Returns the return code of a link. The code is derived with the hash key, so it need not be stored.
    pub fn return_code(&self, link: &Link) -> ReturnCode {
        let place = format!("{} {}", link.id.0, link.created_at.as_millis());
        let code = hex(link.code.as_bytes());
        let hash = self.hash("return_code", &format!("{place} {code}"));
        let mut start = [0; 16];
        start.copy_from_slice(&hash.as_bytes()[..16]);
        ReturnCode::from_random(start)
    }

    /// Returns the hash by which an access key is looked up.
    pub fn hash_access_key(&self, key: &AccessKey) -> KeyedHash {
        self.hash("access_key", key.expose())
    }

    /// Returns the hash that identifies a network in limits.
    pub fn hash_network(&self, network: Network) -> KeyedHash {
        self.hash("network", &network.to_string())
    }

    /// Returns the hash that identifies the relinks of an account in limits.
    pub fn hash_relinked(&self, account: AccountId) -> KeyedHash {
        self.hash("relinked", &account.to_string())
    }

    /// Returns the hash that identifies a browser.
    pub fn hash_browser(&self, browser: &BrowserToken) -> KeyedHash {
        self.hash("browser", browser.expose())
    }

    /// Returns the hash that identifies a callback, to detect a repeated callback.
    pub fn hash_callback(&self, answer: &CallbackQuery) -> KeyedHash {
        self.hash("callback", answer.expose())
    }

    /// Returns the CSRF token of a browser's forms. The token is derived from the browser's cookie, so another site
    /// cannot know it.
    pub fn csrf_token(&self, browser: &BrowserToken) -> KeyedHash {
        self.hash("csrf", browser.expose())
    }

    /// Returns the hash by which the session of an operator is looked up.
    pub fn hash_session(&self, token: &BrowserToken) -> KeyedHash {
        self.hash("admin_session", token.expose())
    }

    /// Returns the MAC of an operator's session. The MAC covers the session's token, its start and the operator's key.
    pub fn session_mac(
        &self,
        token: &KeyedHash,
        created_at: Timestamp,
        operator: &KeyedHash,
    ) -> KeyedHash {
        let created_at = created_at.as_millis().to_be_bytes();
        let parts: [&[u8]; 3] = [token.as_bytes(), &created_at, operator.as_bytes()];
        self.mac("admin_session_mac", &parts.concat())
    }

    /// Returns the MAC over the fields of a relink URL.
    pub(crate) fn relink_mac(&self, fields: &str) -> KeyedHash {
        self.hash("relink_url", fields)
    }

    /// Returns the hash of an operator's key. Hashes are compared in constant time.
    pub fn hash_operator_key(&self, key: &AccessKey) -> KeyedHash {
        self.hash("operator_key", key.expose())
    }

    /// Returns the hash by which a workload is looked up.
    pub fn hash_workload(&self, issuer: &str, claims: &ClaimList) -> KeyedHash {
        self.hash("workload", &format!("{issuer}\n{}", claims.to_text()))
    }

    /// Returns the MAC that binds a workload to its key, so that a changed or moved row is detected.
    pub fn workload_mac(&self, key: &KeyedHash, binding: &WorkloadBinding) -> KeyedHash {
        let (key, claims) = (hex(key.as_bytes()), binding.claims.to_text());
        let text = format!("{key}\n{}\n{}\n{claims}", binding.workload, binding.issuer);
        self.mac("workload_mac", text.as_bytes())
    }

    /// Returns the hash that detects a second use of a workload's token. Hashes the `jti`, or else the header and the
    /// payload. The signature is left out, because it can be encoded in several ways.
    pub fn hash_workload_token(
        &self,
        token: &WorkloadToken,
        issuer: &str,
        jti: Option<&str>,
    ) -> KeyedHash {
        match jti {
            Some(jti) => self.hash("workload_jti", &format!("{issuer}\n{jti}")),
            None => {
                let signed = token.expose().rsplit_once('.');
                self.hash("workload_token", signed.map_or("", |(signed, _)| signed))
            }
        }
    }

    /// Returns the keyed hash of a text, as [`Self::mac`] does.
    fn hash(&self, purpose: &str, value: &str) -> KeyedHash {
        self.mac(purpose, value.as_bytes())
    }

    /// Returns the MAC of a value. The purpose is a prefix, so that different kinds of values have different MACs. It
    /// must not contain a zero byte.
    pub(crate) fn mac(&self, purpose: &str, value: &[u8]) -> KeyedHash {
        let input = zeroize::Zeroizing::new([purpose.as_bytes(), &[0], value].concat());
        self.keyed_hash(&input)
    }

    fn keyed_hash(&self, value: &[u8]) -> KeyedHash {
        self.cipher.keyed_hash(&self.hash_key, value)
    }
}

/// Decrypts a hash key. Returns the plain key and its associated data.
fn open_hash_key(
    cipher: &dyn Cipher,
    sealed: &Sealed,
) -> Result<(Zeroizing<Vec<u8>>, Vec<u8>), CipherError> {
    let places = places(&SealedTo::Service, SecretKind::HashKey);
    open_at(cipher, sealed, places)
}

/// Decrypts a value. Tries each associated data in `places` until one matches. Returns the plain value and the matching
/// associated data.
fn open_at(
    cipher: &dyn Cipher,
    sealed: &Sealed,
    places: Vec<Vec<u8>>,
) -> Result<(Zeroizing<Vec<u8>>, Vec<u8>), CipherError> {
    let mut refused = CipherError::Corrupt;
    for place in places {
        match cipher.open(sealed, &place) {
            Ok(plain) => return Ok((plain, place)),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}
