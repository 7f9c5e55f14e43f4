//! Who shows a bearer.

use super::{Broker, Refusal};
use crate::grant::{AccountId, KeyBinding, KeyHolder};
use crate::link::LinkStatus;
use crate::secret::AccessKey;

/// Who is asking.
pub enum Caller {
    /// No bearer was shown.
    Nobody,
    /// The operator.
    Admin,
    /// A holder of the enrolment key.
    Enroller,
    /// A holder of an access key.
    Key(Box<KeyHolder>),
}

impl Broker {
    /// Recognises the caller by the bearer and notes that the key was used. A key whose link is not complete is recognised all the same.
    ///
    /// # Errors
    /// [`Refusal::Unauthorized`] for a bearer that is no key of this service, or an expired one.
    pub async fn authenticate(&self, bearer: Option<&AccessKey>) -> Result<Caller, Refusal> {
        let caller = self.recognise(bearer).await?;
        if let Caller::Key(key) = &caller {
            self.key_uses.note(key.id, self.clock.now());
        }
        Ok(caller)
    }

    /// The same without noting that the key was used: for a `HEAD`.
    ///
    /// # Errors
    /// As [`Broker::authenticate`].
    pub async fn recognise(&self, bearer: Option<&AccessKey>) -> Result<Caller, Refusal> {
        let Some(bearer) = bearer else {
            return Ok(Caller::Nobody);
        };
        if self.is_operator_key(bearer, self.settings.admin_key.as_ref()) {
            return Ok(Caller::Admin);
        }
        if self.is_operator_key(bearer, self.settings.enroll_key.as_ref()) {
            return Ok(Caller::Enroller);
        }
        let hash = self.vault.hash_access_key(bearer);
        match self.store.find_key(&hash).await? {
            Some(key) if key.expires_at.is_none_or(|at| at > self.clock.now()) => {
                Ok(Caller::Key(Box::new(key)))
            }
            Some(_) => Err(Refusal::Unauthorized("this access key has expired")),
            None => Err(UNKNOWN_KEY),
        }
    }

    fn is_operator_key(&self, shown: &AccessKey, configured: Option<&AccessKey>) -> bool {
        // Comparing hashes under a secret key tells nothing about how much of the key was right.
        configured.is_some_and(|key| {
            self.vault.hash_operator_key(key) == self.vault.hash_operator_key(shown)
        })
    }

    /// The account that a key opens.
    pub(super) fn account_of(&self, key: &KeyHolder) -> Result<AccountId, Refusal> {
        let link = match &key.binding {
            KeyBinding::Account(account) => return Ok(*account),
            KeyBinding::Link(link) => link,
        };
        match link.status(self.clock.now()) {
            // Completed between the two reads that found the key and its link.
            LinkStatus::Linked(account) => Ok(account),
            status if status.is_final() => Err(UNKNOWN_KEY),
            _ => Err(Refusal::LinkPending),
        }
    }
}

pub(super) const UNKNOWN_KEY: Refusal =
    Refusal::Unauthorized("the key is unknown, revoked or was never used");
pub(super) const KEY_NEEDED: Refusal = Refusal::Unauthorized("this needs a key as bearer");
