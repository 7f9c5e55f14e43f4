//! What a person does at the page: enter a code, confirm it, see it through, or cancel.

use std::net::IpAddr;
use std::sync::Arc;

use super::refusal::UNKNOWN_CODE;
use super::{Broker, Refusal};
use crate::fault::Fault;
use crate::grant::Account;
use crate::link::pace::LONGEST_CONSENT;
use crate::link::{
    Ending, Link, LinkCode, LinkState, LinkStatus, PollSchedule, SealedConsent, SealedPrompt,
};
use crate::ports::{Consent, ConsentHandle, ConsentRequest, Prompt, ProviderError, StoreError};
use crate::secret::{BrowserToken, KeyedHash};
use crate::time::Timestamp;

/// The browser in front of the page.
pub struct Visitor<'a> {
    /// The value of its cookie.
    pub browser: &'a BrowserToken,
    /// Where it comes from.
    pub address: IpAddr,
}

/// A link as its person sees it.
pub struct LinkView {
    /// The link.
    pub link: Link,
    /// The status word.
    pub status: LinkStatus,
    /// What people call the provider.
    pub provider: String,
    /// What will be asked for.
    pub scopes: Vec<String>,
    /// What to do at the provider, once its flow has started.
    pub prompt: Option<Prompt>,
    /// The linked account, in the browser that confirmed.
    pub account: Option<Account>,
    /// The instant at which all this is true.
    pub now: Timestamp,
}

impl Broker {
    /// The token that the forms of this browser must carry.
    #[must_use]
    pub fn csrf_token(&self, browser: &BrowserToken) -> KeyedHash {
        self.vault.csrf_token(browser)
    }

    /// A fresh value for a browser's cookie.
    #[must_use]
    pub fn new_browser(&self) -> BrowserToken {
        BrowserToken::generate(&self.entropy)
    }

    /// Finds the link that a person entered the code of.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::RateLimited`], [`Refusal::CodeInUse`] when another browser has confirmed it.
    pub async fn look_up(&self, code: &str, visitor: &Visitor<'_>) -> Result<LinkView, Refusal> {
        let link = self.entered(code, visitor).await?;
        self.view(link, visitor.browser).await
    }

    /// The link with this code if this very browser has confirmed it: no guess, so nothing is counted.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn confirmed_by(
        &self,
        code: &str,
        browser: &BrowserToken,
    ) -> Result<Option<LinkView>, Refusal> {
        let Ok(code) = LinkCode::parse(code) else {
            return Ok(None);
        };
        let link = self
            .store
            .find_link(&self.vault.hash_link_code(&code))
            .await?;
        match link {
            Some(link) if link.belongs_to(&self.vault.hash_browser(browser)) => {
                self.view(link, browser).await.map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Gives the link to the browser in which the person confirmed it. A link that this browser confirmed before is
    /// returned as it stands.
    ///
    /// # Errors
    /// As [`Broker::look_up`].
    pub async fn confirm(&self, code: &str, visitor: &Visitor<'_>) -> Result<Link, Refusal> {
        let link = self.entered(code, visitor).await?;
        let now = self.clock.now();
        if link.status(now) != LinkStatus::Pending {
            return Ok(link);
        }
        let browser = self.vault.hash_browser(visitor.browser);
        match self.store.reserve_link(&link, browser, now).await {
            Ok(link) => Ok(link),
            // Somebody was faster: look again and say what is true now.
            Err(StoreError::Conflict) => self.entered(code, visitor).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Starts the provider's flow for a link that was just confirmed by its code; does nothing when it has started
    /// already, or nobody has confirmed it.
    ///
    /// # Errors
    /// [`Refusal::ProviderUnavailable`] leaves the link pending, to be tried again. [`Refusal::ProviderRefused`] has
    /// ended it.
    pub async fn start_consent(&self, code: &LinkCode, link: &Link) -> Result<(), Refusal> {
        let Some(browser) = &link.browser else {
            return Ok(());
        };
        if link.status(self.clock.now()) != LinkStatus::Pending {
            return Ok(());
        }
        self.observer.link_resumed(link.id);
        let provider = Arc::clone(self.providers.get(&link.provider)?);
        let request = ConsentRequest {
            state: self.vault.seal_state(code, browser)?,
            redirect_uri: self.settings.callback_uri(&link.provider),
        };
        match provider.begin_consent(&request).await {
            Ok(consent) => self.keep_consent(link, &consent).await,
            Err(error) => self.consent_refused(link, error).await,
        }
    }

    async fn keep_consent(&self, link: &Link, consent: &Consent) -> Result<(), Refusal> {
        let now = self.clock.now();
        let sealed = self.seal_consent(link, consent)?;
        // Only a flow with a code to type is polled; a redirect comes back by itself.
        let poll = match consent.prompt {
            Prompt::UserCode { .. } => Some(PollSchedule::start(consent.interval, now)),
            Prompt::Visit { .. } => None,
        };
        let expires_at = now + consent.expires_in.min(LONGEST_CONSENT);
        let started = self
            .store
            .begin_consent(link, sealed, poll, expires_at, now)
            .await;
        match started {
            Ok(_) => {
                tracing::info!(link = link.id.0, provider = %link.provider, "consent started");
                self.observer.link_confirmed(link.id, &link.provider);
                Ok(())
            }
            // The same person pressed twice, or too late: what is stored stands, and the provider forgets this flow.
            Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn consent_refused(&self, link: &Link, error: ProviderError) -> Result<(), Refusal> {
        tracing::warn!(link = link.id.0, provider = %link.provider, %error, "consent could not start");
        if !error.is_passing() {
            self.fail(link, &error).await?;
        }
        Err(error.into())
    }

    /// Ends a link at which the provider refuses this service. A flow that another press of the button has started
    /// meanwhile goes on.
    async fn fail(&self, link: &Link, error: &ProviderError) -> Result<(), Refusal> {
        let ending = Ending::Failed(Fault::new("provider_error", error.to_string()));
        match self.end(link, ending).await {
            Ok(()) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends a link because the person says so.
    ///
    /// # Errors
    /// As [`Broker::look_up`].
    pub async fn cancel(&self, code: &str, visitor: &Visitor<'_>) -> Result<(), Refusal> {
        let link = self.entered(code, visitor).await?;
        self.deny(link).await
    }

    async fn deny(&self, mut link: Link) -> Result<(), Refusal> {
        const TRIES: usize = 5;
        for _ in 0..TRIES {
            let now = self.clock.now();
            if link.status(now).is_final() {
                return Ok(());
            }
            match self.end(&link, Ending::Denied(None)).await {
                Ok(()) => return Ok(()),
                // A poll of the provider moved it on in between.
                Err(StoreError::Conflict) => {
                    link = self
                        .store
                        .find_link(&link.code)
                        .await?
                        .ok_or(UNKNOWN_CODE)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    async fn entered(&self, code: &str, visitor: &Visitor<'_>) -> Result<Link, Refusal> {
        let code = LinkCode::parse(code)?;
        let link = self
            .store
            .find_link(&self.vault.hash_link_code(&code))
            .await?;
        let browser = self.vault.hash_browser(visitor.browser);
        match link {
            Some(link) if link.belongs_to(&browser) => Ok(link),
            other => {
                let link = self.admit_guess(other, visitor.address).await?;
                if link.is_open_to(&browser) {
                    Ok(link)
                } else {
                    Err(Refusal::CodeInUse)
                }
            }
        }
    }

    async fn view(&self, link: Link, browser: &BrowserToken) -> Result<LinkView, Refusal> {
        let now = self.clock.now();
        let status = link.status(now);
        let provider = self.providers.get(&link.provider).ok();
        let account = match status {
            LinkStatus::Linked(id) if link.belongs_to(&self.vault.hash_browser(browser)) => {
                self.store.account(id).await?
            }
            _ => None,
        };
        Ok(LinkView {
            // A provider that was taken out of the configuration still stands in the history of its links.
            provider: provider
                .map_or(link.provider.as_str(), |provider| provider.display_name())
                .to_owned(),
            scopes: provider
                .map(|provider| provider.scopes().to_vec())
                .unwrap_or_default(),
            prompt: self.open_prompt(&link)?,
            status,
            account,
            now,
            link,
        })
    }

    fn seal_consent(&self, link: &Link, consent: &Consent) -> Result<SealedConsent, Refusal> {
        let vault = &self.vault;
        let prompt = match &consent.prompt {
            Prompt::UserCode {
                user_code,
                verification_uri,
                verification_uri_complete,
            } => SealedPrompt::UserCode {
                user_code: vault.seal_user_code(user_code, &link.code)?,
                verification_uri: verification_uri.clone(),
                verification_uri_complete: verification_uri_complete
                    .as_ref()
                    .map(|uri| vault.seal_consent_uri(uri, &link.code))
                    .transpose()?,
            },
            Prompt::Visit { uri } => SealedPrompt::Visit {
                uri: vault.seal_consent_uri(uri, &link.code)?,
            },
        };
        Ok(SealedConsent {
            handle: match &consent.handle {
                ConsentHandle::DeviceCode(code) => vault.seal_device_code(code, &link.code)?,
                ConsentHandle::PendingCallback(pending) => {
                    vault.seal_pending_callback(pending, &link.code)?
                }
            },
            prompt,
            callback: None,
        })
    }

    fn open_prompt(&self, link: &Link) -> Result<Option<Prompt>, Refusal> {
        let consent = match &link.state {
            // Once the person is back there is nothing more to do for them.
            LinkState::Authorizing(consent) if consent.callback.is_none() => consent,
            _ => return Ok(None),
        };
        let vault = &self.vault;
        Ok(Some(match &consent.prompt {
            SealedPrompt::UserCode {
                user_code,
                verification_uri,
                verification_uri_complete,
            } => Prompt::UserCode {
                user_code: vault.open_user_code(user_code, &link.code)?,
                verification_uri: verification_uri.clone(),
                verification_uri_complete: verification_uri_complete
                    .as_ref()
                    .map(|uri| vault.open_consent_uri(uri, &link.code))
                    .transpose()?,
            },
            SealedPrompt::Visit { uri } => Prompt::Visit {
                uri: vault.open_consent_uri(uri, &link.code)?,
            },
        }))
    }
}
