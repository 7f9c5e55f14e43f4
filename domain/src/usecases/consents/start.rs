//! Starts the provider's flow for a confirmed link.

use std::sync::Arc;

use super::Consents;
use crate::fault::{Fault, FaultCode};
use crate::link::polling::LONGEST_CONSENT;
use crate::link::{Ending, Link, LinkCode, LinkStatus, PollSchedule, SealedConsent, SealedPrompt};
use crate::ports::{Consent, ConsentHandle, ConsentRequest, Prompt, StoreError};
use crate::usecases::Refusal;
use crate::usecases::refusal::NO_RETURN_CODE;

impl Consents {
    /// Starts the provider's flow for a link that was just confirmed. Does nothing if the flow has started already, or
    /// if nobody has confirmed the link.
    ///
    /// # Errors
    /// [`Refusal::ProviderUnavailable`]: the link is still pending, so that the person can retry.
    /// [`Refusal::ProviderRefused`]: the link has ended.
    pub async fn start(&self, code: &LinkCode, link: &Link) -> Result<(), Refusal> {
        let Some(browser) = &link.browser else {
            return Ok(());
        };
        if link.status(self.clock.now()) != LinkStatus::Pending {
            return Ok(());
        }
        self.observer.link_resumed(link.id);
        let provider = Arc::clone(self.providers.get(&link.provider)?);
        // The operator has changed the provider's flow since the link was requested.
        if link.return_code_tries.is_some() && !provider.uses_redirects() {
            return self.fail(link, NO_RETURN_CODE).await;
        }
        let request = ConsentRequest {
            state: self.vault.seal_state(code, browser)?,
            redirect_uri: format!("{}/callback/{}", self.public_url, link.provider),
        };
        match provider.begin_consent(&request).await {
            Ok(consent) => {
                let sealed = self.seal_consent(link, &consent, provider.client_id())?;
                self.store_consent(link, &consent, sealed).await
            }
            Err(error) => {
                tracing::warn!(link = link.id.0, provider = %link.provider, %error, "consent could not start");
                if !error.is_temporary() {
                    self.fail(link, &error.to_string()).await?;
                }
                Err(error.into())
            }
        }
    }

    async fn store_consent(
        &self,
        link: &Link,
        consent: &Consent,
        sealed: SealedConsent,
    ) -> Result<(), Refusal> {
        let now = self.clock.now();
        let lifetime = consent.expires_in.min(LONGEST_CONSENT);
        // Only the device flow is polled. In the redirect flow, the browser comes back.
        let poll = match consent.prompt {
            Prompt::UserCode { .. } => Some(PollSchedule::within(lifetime, consent.interval, now)),
            Prompt::Visit { .. } => None,
        };
        let expires_at = now + lifetime;
        let started = self
            .links
            .begin_consent(link, sealed, poll, expires_at, now)
            .await;
        match started {
            Ok(_) => {
                tracing::info!(link = link.id.0, provider = %link.provider, "consent started");
                self.observer.link_confirmed(link.id, &link.provider);
                Ok(())
            }
            // The person pressed the button twice, or too late. The stored link stays as it is, and the new flow
            // expires unused at the provider.
            Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends a link as failed. If a second press of the button has started a flow meanwhile, leaves the link unchanged.
    async fn fail(&self, link: &Link, words: &str) -> Result<(), Refusal> {
        let ending = Ending::Failed(Fault::new(FaultCode::ProviderError, words));
        match self.ender.end(link, ending).await {
            Ok(()) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn seal_consent(
        &self,
        link: &Link,
        consent: &Consent,
        client_id: String,
    ) -> Result<SealedConsent, Refusal> {
        let vault = &self.vault;
        let prompt = match &consent.prompt {
            Prompt::UserCode {
                user_code,
                verification_uri,
                verification_uri_complete,
            } => SealedPrompt::UserCode {
                user_code: vault.seal(user_code, &link.code)?,
                verification_uri: verification_uri.clone(),
                verification_uri_complete: vault
                    .seal_some(verification_uri_complete.as_ref(), &link.code)?,
            },
            Prompt::Visit { uri } => SealedPrompt::Visit {
                uri: vault.seal(uri, &link.code)?,
            },
        };
        Ok(SealedConsent {
            handle: match &consent.handle {
                ConsentHandle::DeviceCode(code) => vault.seal(code, &link.code)?,
                ConsentHandle::PendingCallback(pending) => vault.seal(pending, &link.code)?,
            },
            prompt,
            callback: None,
            client_id: Some(client_id),
        })
    }
}
