//! Ends links that were not completed, and revokes the tokens that they hold.

use std::net::IpAddr;
use std::sync::Arc;

use crate::audit::{Actor, AuditEvent};
use crate::fault::{Fault, FaultCode};
use crate::grant::{AccessKeyId, AccountId};
use crate::link::{Ending, Link, LinkState, SealedGrant};
use crate::observe::{LinkEnd, Observer};
use crate::ports::{Clock, LinkStore, StoreError};
use crate::usecases::{AuditLog, Ports, Refusal, Revoker};
use crate::vault::AlteredKey;

#[derive(Clone)]
pub(crate) struct LinkEnder {
    links: Arc<dyn LinkStore>,
    revoker: Arc<Revoker>,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    audit: Arc<AuditLog>,
}

impl LinkEnder {
    pub(crate) fn new(ports: &Ports, revoker: &Arc<Revoker>) -> Self {
        Self {
            links: ports.store.clone(),
            revoker: Arc::clone(revoker),
            clock: Arc::clone(&ports.clock),
            observer: Arc::clone(&ports.observer),
            audit: Arc::clone(&ports.audit),
        }
    }

    /// Ends a link because the person has declined at the provider, the provider has failed, or the link has expired.
    /// Revokes the tokens that the link holds.
    pub(crate) async fn end(&self, link: &Link, ending: Ending) -> Result<(), StoreError> {
        let actor = match ending {
            Ending::Denied(_) => Actor::Person,
            Ending::Expired | Ending::Failed(_) => Actor::Service,
        };
        self.end_by(actor, None, link, ending).await
    }

    /// Ends a link on behalf of an actor. Revokes the tokens that the link holds.
    pub(crate) async fn end_by(
        &self,
        actor: Actor,
        address: Option<IpAddr>,
        link: &Link,
        ending: Ending,
    ) -> Result<(), StoreError> {
        let stray = link.held().map(|grant| self.revoker.of_link(link, grant));
        let now = self.clock.now();
        let ended = self.links.end_link(link, ending.clone(), stray, now);
        ended.await?;
        self.report_end(actor, address, link, &ending);
        Ok(())
    }

    /// Ends a link that has just received tokens, and revokes these tokens.
    pub(crate) async fn end_with(
        &self,
        link: &Link,
        grant: &SealedGrant,
        ending: Ending,
    ) -> Result<(), StoreError> {
        match self.end(&holding(link, grant), ending).await {
            Err(StoreError::Conflict) if self.has_stored(link, grant).await? => Ok(()),
            Err(StoreError::Conflict) => self.revoke(link, grant).await,
            ended => ended,
        }
    }

    /// Ends a link that could not be completed because its key was altered, or because its account belongs to another
    /// server. Returns any other `error` to the caller.
    pub(crate) async fn end_refused(
        &self,
        link: &Link,
        error: StoreError,
    ) -> Result<(), StoreError> {
        let fault = match error {
            StoreError::Altered(altered) => self.tampered(link, altered),
            StoreError::OtherServer(other) => {
                tracing::warn!(link = link.id.0, provider = %link.provider, error = %other, "link refused");
                Fault::new(FaultCode::ClientChanged, other.to_string())
            }
            error => return Err(error),
        };
        let ending = Ending::Failed(fault);
        // The row may name a wrong owner of the tokens, so the revocation leaves out the owner.
        let unowned = link.held().map(|grant| holding(link, grant));
        self.end(unowned.as_ref().unwrap_or(link), ending).await
    }

    fn tampered(&self, link: &Link, altered: AlteredKey) -> Fault {
        self.observer.key_altered();
        tracing::error!(link = link.id.0, key = link.key.0, error = %altered, "link refused: it would open an account to a key that does not belong to it");
        let detail = "the stored key of this link is not the one that was handed out with it, or the stored link was changed";
        Fault::new(FaultCode::KeyAltered, detail)
    }

    /// Whether the tokens that a link has just received are already stored. A link has only one consent, so stored
    /// tokens mean that an attempt to store them has succeeded although it seemed to fail. If the link held tokens
    /// before, the new ones come from a refresh, and the refresh tokens are compared.
    async fn has_stored(&self, link: &Link, grant: &SealedGrant) -> Result<bool, StoreError> {
        let Some(current) = self.links.find_link(&link.code).await? else {
            return Ok(false);
        };
        Ok(match current.held() {
            Some(held) => link.held().is_none() || held.refresh_token == grant.refresh_token,
            None => matches!(current.state, LinkState::Linked { .. }),
        })
    }

    /// Revokes tokens that arrived after their link had ended.
    pub(crate) async fn revoke(&self, link: &Link, grant: &SealedGrant) -> Result<(), StoreError> {
        let stray = self.revoker.of_link(link, grant);
        self.revoker.store_stray(stray).await
    }

    /// Ends the open relinks of an account. If `by` is given, ends only those that these keys have started; otherwise
    /// the account is about to be deleted.
    pub(crate) async fn end_relinks(
        &self,
        account: AccountId,
        by: Option<&[AccessKeyId]>,
        actor: Actor,
        address: IpAddr,
    ) -> Result<(), Refusal> {
        const TRIES: usize = 20;
        for _ in 0..TRIES {
            let mut open = self.links.open_relinks(account).await?;
            open.retain(|link| by.is_none_or(|keys| keys.contains(&link.key)));
            if open.is_empty() {
                return Ok(());
            }
            for link in open {
                // A revocation that names the owner of the tokens is not stored while the owner has an account.
                let unowned = link.held().filter(|_| by.is_none());
                let link = unowned.map_or_else(|| link.clone(), |grant| holding(&link, grant));
                let ending = Ending::Denied(None);
                match self.end_by(actor, Some(address), &link, ending).await {
                    // A link that has changed is read again.
                    Ok(()) | Err(StoreError::Conflict) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Whether the person may still say "This was not me" about a link of this key. Returns `true` if a link cannot be
    /// read.
    pub(crate) async fn can_be_disowned(&self, key: AccessKeyId) -> Result<bool, StoreError> {
        let now = self.clock.now();
        match self.links.links_of_key(key).await {
            Err(StoreError::Corrupt(_)) => Ok(true),
            links => Ok(links?.iter().any(|link| link.disownable(now).is_some())),
        }
    }

    fn report_end(&self, actor: Actor, address: Option<IpAddr>, link: &Link, ending: &Ending) {
        let (outcome, fault) = match ending {
            Ending::Denied(why) => (LinkEnd::Denied, why.as_ref()),
            Ending::Expired => (LinkEnd::Expired, None),
            Ending::Failed(fault) => (LinkEnd::Failed, Some(fault)),
        };
        let (id, provider, outcome_word) = (link.id, &link.provider, outcome.as_str());
        let code = fault.map(|fault| &*fault.code);
        let detail = fault.map(|fault| &*fault.detail);
        tracing::info!(link = id.0, %provider, outcome = outcome_word, code, detail, "link ended");
        let event = AuditEvent::link_ended(link, outcome, code);
        self.audit.record(event, actor, address);
        self.observer.link_ended(id, provider, outcome);
    }
}

/// Returns a copy of the link in the state in which it holds these tokens and their owner is not known yet.
fn holding(link: &Link, grant: &SealedGrant) -> Link {
    Link {
        state: LinkState::Redeemed(grant.clone()),
        ..link.clone()
    }
}
