use std::net::IpAddr;

use super::poll::own_key;
use super::{LinkReport, Links};
use crate::audit::{Actor, AuditEvent, AuditKind};
use crate::grant::KeyHolder;
use crate::link::{Ending, HeldGrant, Link, LinkCode, LinkState, LinkStatus, ReturnCode};
use crate::ports::StoreError;
use crate::usecases::refusal::UNKNOWN_CODE;
use crate::usecases::{Caller, Refusal};

/// How often the link is read again when it changes concurrently. Only wrong return codes change it, and a link allows
/// few of them.
const TRIES: usize = 20;

impl Links {
    /// Completes a link after the person has consented, if the program sends the return code that the page shows.
    /// Repeating a successful request changes nothing. Counts a wrong code before the caller learns that it is wrong.
    /// The last allowed wrong code ends the link.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] unless the caller has the link's key, [`Refusal::LinkPending`] before the person has
    /// consented, [`Refusal::WrongReturnCode`], [`Refusal::LinkEnded`], [`Refusal::Unprocessable`] for an empty code,
    /// which is not counted.
    pub async fn confirm(
        &self,
        code: &str,
        caller: &Caller,
        return_code: &str,
        address: IpAddr,
    ) -> Result<LinkReport, Refusal> {
        let code = LinkCode::parse(code)?;
        let hash = self.vault.hash_link_code(&code);
        let mut fresh = None;
        for _ in 0..TRIES {
            let link = self.links.find_link(&hash).await?;
            // Other callers do not learn whether there is a link with this code.
            let (Some(key), Some(link)) = (own_key(link.as_ref(), caller), &link) else {
                return Err(UNKNOWN_CODE);
            };
            let key: &KeyHolder = fresh.as_ref().unwrap_or(key);
            let link = self.confirmed_by_key(link, key)?;
            match self.confirm_once(link, return_code, address).await {
                // Another request may have completed the link after the caller's key was read.
                Err(Refusal::Store(StoreError::Conflict)) => fresh = self.read_again(key).await?,
                Ok(()) => {
                    let link = self.links.find_link(&hash).await?;
                    return self.full_report(&link.ok_or(UNKNOWN_CODE)?).await;
                }
                Err(refusal) => return Err(refusal),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Reads the key again. Returns `None` if the key was deleted or its MAC is not valid.
    async fn read_again(&self, key: &KeyHolder) -> Result<Option<KeyHolder>, StoreError> {
        let stored = self.keys.find_key(&key.hash).await?;
        let macs = self.vault.row_macs();
        Ok(stored.filter(|stored| macs.is_genuine(stored)))
    }

    async fn confirm_once(
        &self,
        link: &Link,
        return_code: &str,
        address: IpAddr,
    ) -> Result<(), Refusal> {
        let held = match (link.status(self.clock.now()), &link.state) {
            (LinkStatus::Linked(_), _) => return Ok(()),
            (LinkStatus::Confirming, LinkState::Confirming(held)) => held,
            (status, _) if status.is_final() => return Err(Refusal::LinkEnded),
            _ => return Err(Refusal::LinkPending),
        };
        if return_code.trim().is_empty() {
            return Err(Refusal::Unprocessable(
                "the return code is empty".to_owned(),
            ));
        }
        self.observer.link_resumed(link.id);
        if self.vault.return_code(link).is_typed(return_code) {
            return self.complete(link, held, address).await;
        }
        let tries_left = self.count_wrong(link, address).await?;
        tracing::warn!(link = link.id.0, provider = %link.provider, tries_left, "wrong return code");
        let wrong = AuditEvent::of_link(AuditKind::LinkWrongReturnCode, link);
        let wrong = wrong.with("tries_left", tries_left);
        self.audit
            .record(wrong, Actor::Key(link.key), Some(address));
        Err(Refusal::WrongReturnCode(tries_left))
    }

    async fn complete(
        &self,
        link: &Link,
        held: &HeldGrant,
        address: IpAddr,
    ) -> Result<(), Refusal> {
        match self.complete_genuine(link, held, address).await {
            Err(Refusal::Store(error)) => {
                self.ender.end_refused(link, error).await?;
                Err(Refusal::LinkEnded)
            }
            completed => completed,
        }
    }

    async fn complete_genuine(
        &self,
        link: &Link,
        held: &HeldGrant,
        address: IpAddr,
    ) -> Result<(), Refusal> {
        let genuine = self.vault.row_macs().require_genuine_owner(link, held);
        genuine.map_err(StoreError::from)?;
        let owner = held.owner.clone();
        let grant = self.completer.seal_to(owner, link, &held.grant)?;
        let audit = self.audit.draft(Actor::Key(link.key), Some(address));
        self.completer.complete(link, grant, audit).await?;
        Ok(())
    }

    /// Counts a wrong code, or ends the link if this was the last allowed attempt. Returns how many attempts are left.
    async fn count_wrong(&self, link: &Link, address: IpAddr) -> Result<u32, StoreError> {
        if link.return_code_tries.is_some_and(|tries| tries > 1) {
            let now = self.clock.now();
            let counted = self.links.count_wrong_return_code(link, now).await?;
            return Ok(counted.return_code_tries.unwrap_or_default());
        }
        let ending = Ending::Failed(ReturnCode::not_confirmed());
        let (actor, address) = (Actor::Key(link.key), Some(address));
        self.ender.end_by(actor, address, link, ending).await?;
        Ok(0)
    }
}
