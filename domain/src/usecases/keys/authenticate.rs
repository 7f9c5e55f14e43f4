//! Recognises callers by their bearer.

use std::net::IpAddr;

use super::Keys;
use crate::audit::{Actor, AuditKind};
use crate::secret::AccessKey;
use crate::usecases::caller::{ShownKey, UNKNOWN_KEY};
use crate::usecases::{Caller, Refusal};

impl Keys {
    /// Recognises the caller by the bearer and notes that the key was used. A key whose link is not complete is recognised all the same.
    ///
    /// # Errors
    /// [`Refusal::Unauthorized`] for a bearer that is no key of this service, or an expired one.
    pub async fn authenticate(&self, bearer: Option<&AccessKey>) -> Result<Caller, Refusal> {
        let caller = self.recognise(bearer).await?;
        self.note_use(&caller);
        Ok(caller)
    }

    /// Recognises a caller who asks for a token. The key and its tokens were read together, at most half a second ago.
    ///
    /// # Errors
    /// As [`Keys::authenticate`].
    pub async fn authenticate_for_token(
        &self,
        bearer: Option<&AccessKey>,
    ) -> Result<Caller, Refusal> {
        let caller = match self.operator_or_key(bearer) {
            Shown::Other(caller) => caller,
            Shown::Key(key) => {
                let hash = self.vault.hash_access_key(key);
                self.unexpired(self.cache.open_key(&hash).await?)?
            }
        };
        self.note_use(&caller);
        Ok(caller)
    }

    /// Recognises the caller without noting that the key was used: for a `HEAD`.
    ///
    /// # Errors
    /// As [`Keys::authenticate`].
    pub async fn recognise(&self, bearer: Option<&AccessKey>) -> Result<Caller, Refusal> {
        match self.operator_or_key(bearer) {
            Shown::Other(caller) => Ok(caller),
            Shown::Key(key) => {
                let hash = self.vault.hash_access_key(key);
                self.unexpired(self.keys.find_key(&hash).await?)
            }
        }
    }

    /// Counts a request with an operator's key for the audit log.
    pub fn count_operator(&self, caller: &Caller, address: IpAddr) {
        if matches!(caller, Caller::Admin | Caller::Enroller) {
            let actor = Actor::from(caller);
            self.audit
                .count(AuditKind::OperatorUsed, None, actor, address);
        }
    }

    fn operator_or_key<'a>(&self, bearer: Option<&'a AccessKey>) -> Shown<'a> {
        let Some(bearer) = bearer else {
            return Shown::Other(Caller::Nobody);
        };
        if self.is_operator_key(bearer, self.admin_key.as_ref()) {
            return Shown::Other(Caller::Admin);
        }
        if self.is_operator_key(bearer, self.enroll_key.as_ref()) {
            return Shown::Other(Caller::Enroller);
        }
        Shown::Key(bearer)
    }

    fn unexpired(&self, found: Option<impl Into<ShownKey>>) -> Result<Caller, Refusal> {
        let key: ShownKey = found.ok_or(UNKNOWN_KEY)?.into();
        if key.expires_at.is_some_and(|at| at <= self.clock.now()) {
            return Err(Refusal::Unauthorized("this access key has expired"));
        }
        Ok(Caller::Key(key))
    }

    fn note_use(&self, caller: &Caller) {
        if let Caller::Key(key) = caller {
            self.uses.note(key.id, self.clock.now());
        }
    }

    fn is_operator_key(&self, shown: &AccessKey, configured: Option<&AccessKey>) -> bool {
        // Comparing hashes under a secret key tells nothing about how much of the key was right.
        configured.is_some_and(|key| {
            self.vault.hash_operator_key(key) == self.vault.hash_operator_key(shown)
        })
    }
}

/// What a bearer may be.
enum Shown<'a> {
    /// Nobody's, or an operator's key.
    Other(Caller),
    /// Perhaps an access key.
    Key(&'a AccessKey),
}
