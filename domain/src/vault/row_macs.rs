//! MACs of rows that contain no sealed value.

use super::Vault;
use super::place::bound;
use crate::grant::{Account, KeyBinding, KeyHolder};
use crate::link::{HeldGrant, Link, Owner};
use crate::secret::KeyedHash;
use crate::webhook::Receiver;

/// Computes the MACs of rows. A row that somebody without the secret key has created or changed has no valid MAC.
/// Clones share the key.
#[derive(Clone)]
pub struct RowMacs(pub(super) Vault);

/// The error if the MAC of a row is wrong or missing, because the row was changed from outside the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the row of an access key, or of its link, was changed in the database, but not by this service"
)]
pub struct AlteredKey;

/// The name in the MAC of an access key. The name must never change, because the MACs in existing databases contain it.
const ACCESS_KEY: [&str; 2] = ["access_keys", "mac"];
/// The name in the MAC of the owner of held tokens. It must never change either.
const OWNER: [&str; 2] = ["device_codes", "owner_mac"];
/// The name in the MAC of a webhook receiver. It must never change either.
const RECEIVER: [&str; 2] = ["webhook_receivers", "mac"];

impl RowMacs {
    /// Returns the MAC of a key. The MAC covers the number, hash, role, expiry, maker, limits and binding of the key.
    /// For a key with an account, the binding is the number and the person of the account. For other keys, it is the
    /// code of the link, whether the link requires a return code, and the account that is relinked, if any.
    pub fn of_key(&self, key: &KeyHolder) -> KeyedHash {
        let (id, expires_at) = (key.id.0.to_be_bytes(), key.expires_at);
        let expires_at = expires_at.map(|at| at.as_millis().to_be_bytes());
        let maker = key.maker.map(|maker| maker.to_string());
        let networks = key.limits.networks_text();
        let uses = key.limits.uses_per_minute.map(u32::to_be_bytes);
        let account = key.binding.account().map(|id| id.0.to_be_bytes());
        let relinked = match &key.binding {
            KeyBinding::Link(link) => link.relink_of.map(|id| id.0.to_be_bytes()),
            KeyBinding::Account { .. } => None,
        };
        let opens: [&[u8]; 3] = match &key.binding {
            KeyBinding::Account { person, .. } => [
                slice(account.as_ref()),
                person.provider.as_str().as_bytes(),
                person.account_id.as_bytes(),
            ],
            KeyBinding::Link(link) => [
                slice(relinked.as_ref()),
                return_code_word(link),
                link.code.as_bytes(),
            ],
        };
        let [number, provider, whose] = opens;
        let parts = [
            &id,
            key.hash.as_bytes().as_slice(),
            number,
            provider,
            whose,
            key.role.as_str().as_bytes(),
            slice(expires_at.as_ref()),
            maker.as_deref().unwrap_or_default().as_bytes(),
            networks.as_bytes(),
            slice(uses.as_ref()),
        ];
        self.mac(ACCESS_KEY, &parts)
    }

    fn mac(&self, row: [&str; 2], parts: &[&[u8]]) -> KeyedHash {
        self.0.keyed_hash(&bound(row, parts))
    }

    /// Whether the key has the right MAC.
    pub fn is_genuine(&self, key: &KeyHolder) -> bool {
        key.mac.is_some_and(|mac| mac.is_equal(&self.of_key(key)))
    }

    /// Returns the key with its MAC.
    #[must_use]
    pub fn authenticated(&self, key: KeyHolder) -> KeyHolder {
        let mac = Some(self.of_key(&key));
        KeyHolder { mac, ..key }
    }

    /// Returns the MAC of the person whose tokens a link holds. The MAC proves the identity of this person when the
    /// link is completed later, without another request to the provider.
    pub fn of_owner(&self, link: &Link, owner: &Owner) -> KeyedHash {
        let relinked = link.relink_of.map(|id| id.0.to_be_bytes());
        let identified: &[u8] = if owner.identified { b"identified" } else { b"" };
        let parts = [
            link.code.as_bytes().as_slice(),
            slice(relinked.as_ref()),
            owner.key.provider.as_str().as_bytes(),
            owner.key.account_id.as_bytes(),
            identified,
            owner.display_name.as_bytes(),
        ];
        self.mac(OWNER, &parts)
    }

    /// Checks the MAC of the person whose tokens a link holds.
    ///
    /// # Errors
    /// [`AlteredKey`] if the MAC is wrong or missing.
    pub fn require_genuine_owner(&self, link: &Link, held: &HeldGrant) -> Result<(), AlteredKey> {
        let mac = self.of_owner(link, &held.owner);
        let is_genuine = held.owner_mac.is_some_and(|stored| stored.is_equal(&mac));
        is_genuine.then_some(()).ok_or(AlteredKey)
    }

    /// Returns the MAC of a webhook receiver. The MAC covers the whole row.
    pub fn of_receiver(&self, receiver: &Receiver) -> KeyedHash {
        let times = [
            receiver.lease_until,
            receiver.next_attempt_at,
            receiver.failing_since,
            receiver.delivered_at,
        ];
        let times = times.map(|at| at.map(|at| at.as_millis().to_be_bytes()));
        let numbers = [receiver.version, receiver.position.0].map(i64::to_be_bytes);
        let error = receiver.last_error.as_ref();
        let error = error.map_or(["", ""], |error| [&*error.code, &*error.detail]);
        let counts = (
            receiver.failures.to_be_bytes(),
            receiver.dropped.to_be_bytes(),
        );
        let mut parts = vec![receiver.name.as_str().as_bytes(), &counts.0, &counts.1];
        parts.extend(numbers.iter().map(<[u8; 8]>::as_slice));
        parts.extend(times.iter().map(|at| slice(at.as_ref())));
        parts.extend(error.map(str::as_bytes));
        self.mac(RECEIVER, &parts)
    }

    /// Whether the receiver has the right MAC.
    pub fn is_genuine_receiver(&self, receiver: &Receiver) -> bool {
        let mac = receiver.mac;
        mac.is_some_and(|mac| mac.is_equal(&self.of_receiver(receiver)))
    }

    /// Returns the receiver with its MAC.
    pub fn authenticated_receiver(&self, receiver: &Receiver) -> Receiver {
        Receiver {
            mac: Some(self.of_receiver(receiver)),
            ..receiver.clone()
        }
    }

    /// Returns the link's key with access to `account`. `key` is the stored row of this key. `None` for a relink,
    /// because its key already has access.
    ///
    /// # Errors
    /// [`AlteredKey`] if the key's row was altered, or if the key does not belong to this link or account.
    pub fn completed(
        &self,
        key: &KeyHolder,
        link: &Link,
        account: &Account,
    ) -> Result<Option<KeyHolder>, AlteredKey> {
        if !self.is_genuine(key) {
            return Err(AlteredKey);
        }
        match &key.binding {
            KeyBinding::Account { id, .. } if *id == account.id => Ok(None),
            KeyBinding::Link(own) if own.code == link.code => {
                let binding = KeyBinding::Account {
                    id: account.id,
                    person: account.key.clone(),
                };
                let bound = KeyHolder {
                    binding,
                    ..key.clone()
                };
                Ok(Some(self.authenticated(bound)))
            }
            KeyBinding::Account { .. } | KeyBinding::Link(_) => Err(AlteredKey),
        }
    }
}

/// Returns the word for a link's return code in its MAC. Without a return code, the word is empty, as in MACs from
/// before return codes existed.
const fn return_code_word(link: &Link) -> &[u8] {
    match link.return_code_tries {
        Some(_) => b"return_code",
        None => b"",
    }
}

fn slice<const N: usize>(bytes: Option<&[u8; N]>) -> &[u8] {
    bytes.map_or(&[], |bytes| bytes)
}
