//! Secrets on their way to the store and back: each sealed to the one place it belongs to.

use std::sync::Arc;

use crate::grant::revocation::RevocationReference;
use crate::grant::{AccountKey, Extra};
use crate::link::{LinkCode, Network};
use crate::ports::{Cipher, CipherError, HashKey, SealedColumn, SealedTo, SealedValue};
use crate::secret::{
    AccessKey, AccessToken, BrowserToken, CallbackQuery, ConsentUri, DeviceCode, ExtraText,
    IdToken, KeyedHash, PendingCallback, RefreshToken, SealId, Sealed, UserCode,
};

/// The cipher together with the hash key, in terms of the model. Clones share both.
#[derive(Clone)]
pub struct Vault {
    cipher: Arc<dyn Cipher>,
    hash_key: Arc<HashKey>,
}

/// The place a value is sealed for: table, column and the row's natural key.
struct Place<'a> {
    table: &'static str,
    column: &'static str,
    natural_key: &'a [&'a [u8]],
}

impl Place<'_> {
    /// Every part with its length in front, so that no two places give the same bytes.
    fn associated_data(&self) -> Vec<u8> {
        let names = [self.table.as_bytes(), self.column.as_bytes()];
        let mut bytes = Vec::new();
        for part in names.iter().chain(self.natural_key) {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }
}

const HASH_KEY: Place<'static> = Place {
    table: "service_keys",
    column: "hash_key",
    natural_key: &[],
};

fn state_of(browser: &KeyedHash) -> Vec<u8> {
    let place = Place {
        table: "state",
        column: "link_code",
        natural_key: &[browser.as_bytes()],
    };
    place.associated_data()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    rest.is_empty().then(|| pairs.iter().map(byte).collect())?
}

fn place_of(owner: &SealedTo, column: SealedColumn) -> (&'static str, &'static str) {
    let table = match owner {
        SealedTo::Service => "service_keys",
        SealedTo::Account(_) => "tokens",
        SealedTo::Link(_) => "device_codes",
        SealedTo::Revocation(_) => "revocations",
    };
    let column = match (owner, column) {
        // It becomes the refresh token as it is.
        (SealedTo::Account(_), SealedColumn::SpareRefreshToken) => "refresh_token",
        (_, SealedColumn::SpareRefreshToken) => "spare_refresh_token",
        (_, SealedColumn::HashKey) => "hash_key",
        (_, SealedColumn::AccessToken) => "access_token",
        (_, SealedColumn::RefreshToken) => "refresh_token",
        (_, SealedColumn::IdToken) => "id_token",
        (_, SealedColumn::Extra) => "extra",
        (_, SealedColumn::DeviceCode) => "device_code",
        (_, SealedColumn::UserCode) => "user_code",
        (_, SealedColumn::Callback) => "callback",
        (_, SealedColumn::VerificationUriComplete) => "verification_uri_complete",
    };
    (table, column)
}

fn natural_key(owner: &SealedTo) -> Vec<&[u8]> {
    match owner {
        SealedTo::Service => vec![],
        SealedTo::Account(key) => vec![key.provider.as_str().as_bytes(), key.account_id.as_bytes()],
        SealedTo::Link(code) => vec![code.as_bytes()],
        SealedTo::Revocation(reference) => vec![reference.as_bytes()],
    }
}

fn where_it_stands(owner: &SealedTo, column: SealedColumn) -> Vec<u8> {
    let (table, column) = place_of(owner, column);
    let natural_key = &natural_key(owner);
    let place = Place {
        table,
        column,
        natural_key,
    };
    place.associated_data()
}

macro_rules! sealed_to {
    ($table:literal, $owner:ident: $owner_type:ty, $key:expr;
     $($column:literal $seal:ident $open:ident $secret:ident),+ $(,)?) => {$(
        #[doc = concat!("Seals a value for `", $table, ".", $column, "`.")]
        ///
        /// # Errors
        /// See [`Cipher::seal`].
        pub fn $seal(&self, secret: &$secret, $owner: &$owner_type) -> Result<Sealed, CipherError> {
            let place = Place { table: $table, column: $column, natural_key: $key };
            self.cipher.seal(secret.expose().as_bytes(), &place.associated_data())
        }

        #[doc = concat!("Opens a value of `", $table, ".", $column, "`.")]
        ///
        /// # Errors
        /// See [`Cipher::open`].
        pub fn $open(&self, sealed: &Sealed, $owner: &$owner_type) -> Result<$secret, CipherError> {
            let place = Place { table: $table, column: $column, natural_key: $key };
            let plain = self.cipher.open(sealed, &place.associated_data())?;
            let text = std::str::from_utf8(&plain).map_err(|_| CipherError::Corrupt)?;
            Ok($secret::new(text))
        }
    )+};
}

impl Vault {
    /// Seals a new hash key for the store.
    ///
    /// # Errors
    /// See [`Cipher::seal`].
    pub fn seal_hash_key(cipher: &dyn Cipher, key: &HashKey) -> Result<Sealed, CipherError> {
        cipher.seal(key.expose(), &HASH_KEY.associated_data())
    }

    /// Opens the store's hash key: also the check that the configured key is the right one.
    ///
    /// # Errors
    /// See [`Cipher::open`].
    pub fn unlock(cipher: Arc<dyn Cipher>, sealed: &Sealed) -> Result<Self, CipherError> {
        let plain = cipher.open(sealed, &HASH_KEY.associated_data())?;
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
        let plain = self.cipher.open(sealed, &HASH_KEY.associated_data())?;
        if plain.as_slice() == self.hash_key.expose() {
            Ok(())
        } else {
            Err(CipherError::UnknownKey)
        }
    }

    sealed_to! {
        "tokens", owner: AccountKey, &[owner.provider.as_str().as_bytes(), owner.account_id.as_bytes()];
        "access_token" seal_access_token open_access_token AccessToken,
        "refresh_token" seal_refresh_token open_refresh_token RefreshToken,
        "extra" seal_extra open_extra ExtraText,
    }

    sealed_to! {
        "device_codes", link: KeyedHash, &[link.as_bytes()];
        "device_code" seal_device_code open_device_code DeviceCode,
        "device_code" seal_pending_callback open_pending_callback PendingCallback,
        "user_code" seal_user_code open_user_code UserCode,
        "callback" seal_callback open_callback CallbackQuery,
        "verification_uri_complete" seal_consent_uri open_consent_uri ConsentUri,
        "access_token" seal_new_access_token open_new_access_token AccessToken,
        "refresh_token" seal_new_refresh_token open_new_refresh_token RefreshToken,
        "id_token" seal_new_id_token open_new_id_token IdToken,
        "extra" seal_new_extra open_new_extra ExtraText,
    }

    sealed_to! {
        "revocations", to: RevocationReference, &[to.as_bytes()];
        "access_token" seal_revocable_access_token open_revocable_access_token AccessToken,
        "refresh_token" seal_revocable_refresh_token open_revocable_refresh_token RefreshToken,
        "spare_refresh_token" seal_revocable_spare open_revocable_spare RefreshToken,
        "id_token" seal_revocable_id_token open_revocable_id_token IdToken,
    }

    /// The extra of an account's tokens, empty where there is none. What does not open is left out: it must not keep a client
    /// from its token, nor a new refresh token from being stored.
    #[must_use]
    pub fn read_extra(&self, sealed: Option<&Sealed>, owner: &AccountKey) -> Extra {
        let Some(sealed) = sealed else {
            return Extra::default();
        };
        let opened = self.open_extra(sealed, owner);
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
        let place = state_of(browser);
        let sealed = self.cipher.seal(code.digits().as_bytes(), &place)?;
        Ok(hex(sealed.as_bytes()))
    }

    /// The link that a browser comes back to.
    ///
    /// # Errors
    /// [`CipherError::Corrupt`] for a state that was made for another browser, or by somebody else.
    pub fn open_state(&self, state: &str, browser: &KeyedHash) -> Result<LinkCode, CipherError> {
        let sealed = unhex(state).ok_or(CipherError::Corrupt)?;
        let place = state_of(browser);
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

    /// Opens a value of a row at the place where it stands, only to see that it opens.
    ///
    /// # Errors
    /// See [`Cipher::open`].
    pub fn check(&self, owner: &SealedTo, value: &SealedValue) -> Result<(), CipherError> {
        let place = where_it_stands(owner, value.column);
        self.cipher.open(&value.sealed, &place).map(drop)
    }

    /// Seals a value of a row with the present key, at the place where it stands.
    ///
    /// # Errors
    /// See [`Cipher::open`] and [`Cipher::seal`].
    pub fn reseal(&self, owner: &SealedTo, value: &SealedValue) -> Result<Sealed, CipherError> {
        let place = where_it_stands(owner, value.column);
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
