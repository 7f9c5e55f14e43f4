//! Recognises callers by their bearer.

use super::Keys;
use crate::secret::AccessKey;
use crate::usecases::caller::UNKNOWN_KEY;
use crate::usecases::{Caller, Refusal};

impl Keys {
    /// Recognises the caller by the bearer and notes that the key was used. A key whose link is not complete is recognised all the same.
    ///
    /// # Errors
    /// [`Refusal::Unauthorized`] for a bearer that is no key of this service, or an expired one.
    pub async fn authenticate(&self, bearer: Option<&AccessKey>) -> Result<Caller, Refusal> {
        let caller = self.recognise(bearer).await?;
        if let Caller::Key(key) = &caller {
            self.uses.note(key.id, self.clock.now());
        }
        Ok(caller)
    }

    /// Recognises the caller without noting that the key was used: for a `HEAD`.
    ///
    /// # Errors
    /// As [`Keys::authenticate`].
    pub async fn recognise(&self, bearer: Option<&AccessKey>) -> Result<Caller, Refusal> {
        let Some(bearer) = bearer else {
            return Ok(Caller::Nobody);
        };
        if self.is_operator_key(bearer, self.admin_key.as_ref()) {
            return Ok(Caller::Admin);
        }
        if self.is_operator_key(bearer, self.enroll_key.as_ref()) {
            return Ok(Caller::Enroller);
        }
        let hash = self.vault.hash_access_key(bearer);
        match self.keys.find_key(&hash).await? {
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
}
