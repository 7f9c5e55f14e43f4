//! The person's actions on the page: enter a code, confirm it, or cancel.

use std::net::IpAddr;

use super::Consents;
use crate::audit::{Actor, AuditEvent, AuditKind};
use crate::grant::Account;
use crate::link::{
    Confirmation, Ending, Link, LinkCode, LinkState, LinkStatus, Network, ReturnCode, SealedPrompt,
};
use crate::ports::{OAuthProvider, Prompt, ScopeWords, StoreError};
use crate::secret::BrowserToken;
use crate::time::Timestamp;
use crate::usecases::Refusal;
use crate::usecases::refusal::UNKNOWN_CODE;

/// The browser that uses the page.
pub struct Visitor<'a> {
    /// The value of the browser's cookie.
    pub browser: &'a BrowserToken,
    /// The address of the browser.
    pub address: IpAddr,
}

/// A link as the person sees it.
pub struct LinkView {
    /// The link.
    pub link: Link,
    /// The status at the time `now`.
    pub status: LinkStatus,
    /// The provider's display name.
    pub provider: String,
    /// The name under which the provider shows this service, if it is known.
    pub consent_name: Option<String>,
    /// The scopes that will be requested, each with an explanation of what it permits, if there is one. An empty scope
    /// stands for a request without scopes.
    pub scopes: Vec<(String, Option<ScopeWords>)>,
    /// What the person must do at the provider, once the provider's flow has started.
    pub prompt: Option<Prompt>,
    /// The return code that the person types into the program. Only for the browser that confirmed the link.
    pub return_code: Option<ReturnCode>,
    /// The linked account. Only for the browser that confirmed the link.
    pub account: Option<Account>,
    /// When the link was read.
    pub now: Timestamp,
}

impl Consents {
    /// Finds the link with the code that a person entered.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::RateLimited`], [`Refusal::CodeInUse`] when another browser has confirmed the
    /// link, [`Refusal::CodeFinished`] when another browser has confirmed the link and the link has ended.
    pub async fn look_up(&self, code: &str, visitor: &Visitor<'_>) -> Result<LinkView, Refusal> {
        let link = self.entered(code, visitor).await?;
        self.view(link, visitor.browser).await
    }

    /// Returns the link with this code if this browser has confirmed it. Does not count wrong codes.
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
        match self.find(&code).await? {
            Some(link) if link.belongs_to(&self.vault.hash_browser(browser)) => {
                self.view(link, browser).await.map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Assigns the link to the browser in which the person confirmed it. A link that this browser confirmed before is
    /// returned unchanged.
    ///
    /// # Errors
    /// As [`Consents::look_up`], and [`Refusal::TooManyConsents`].
    pub async fn confirm(&self, code: &str, visitor: &Visitor<'_>) -> Result<Link, Refusal> {
        let link = self.entered(code, visitor).await?;
        let now = self.clock.now();
        if link.status(now) != LinkStatus::Pending {
            return Ok(link);
        }
        let by = Confirmation {
            browser: self.vault.hash_browser(visitor.browser),
            network: self.vault.hash_network(Network::of(visitor.address)),
        };
        match self.links.reserve_link(&link, &by, now).await {
            Ok(Ok(link)) => {
                let confirmed = AuditEvent::of_link(AuditKind::LinkConfirmed, &link);
                let address = Some(visitor.address);
                self.audit.record(confirmed, Actor::Person, address);
                Ok(link)
            }
            Ok(Err(retry_after)) => {
                let address = visitor.address;
                tracing::warn!(link = link.id.0, %address, "not confirmed: too many consents are in progress");
                Err(Refusal::TooManyConsents(retry_after))
            }
            // Another request was faster: read the link again.
            Err(StoreError::Conflict) => self.entered(code, visitor).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Ends a link at the person's request.
    ///
    /// # Errors
    /// As [`Consents::look_up`].
    pub async fn cancel(&self, code: &str, visitor: &Visitor<'_>) -> Result<(), Refusal> {
        const TRIES: usize = 5;
        let mut link = self.entered(code, visitor).await?;
        for _ in 0..TRIES {
            let now = self.clock.now();
            if link.status(now).is_final() {
                return Ok(());
            }
            let (ending, address) = (Ending::Denied(None), Some(visitor.address));
            let ended = self.ender.end_by(Actor::Person, address, &link, ending);
            match ended.await {
                Ok(()) => return Ok(()),
                // A poll of the provider has changed the link meanwhile.
                Err(StoreError::Conflict) => {
                    link = self
                        .links
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
        let link = self.find(&LinkCode::parse(code)?).await?;
        let browser = self.vault.hash_browser(visitor.browser);
        match link {
            Some(link) if link.belongs_to(&browser) => Ok(link),
            other => {
                let link = self.guesses.admit(other, visitor.address).await?;
                if link.is_open_to(&browser) {
                    Ok(link)
                } else if link.status(self.clock.now()).is_final() {
                    Err(Refusal::CodeFinished)
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
        let is_own = link.belongs_to(&self.vault.hash_browser(browser));
        let return_code =
            (is_own && status == LinkStatus::Confirming).then(|| self.vault.return_code(&link));
        let account = match status {
            LinkStatus::Linked(id) if is_own => self.accounts.account(id).await?,
            _ => None,
        };
        Ok(LinkView {
            // Old links may name a provider that was removed from the configuration.
            provider: provider
                .map_or(link.provider.as_str(), |provider| provider.display_name())
                .to_owned(),
            consent_name: provider
                .and_then(|provider| provider.consent_name())
                .map(str::to_owned),
            scopes: provider
                .map(|provider| scopes_in_words(provider.as_ref()))
                .unwrap_or_default(),
            prompt: self.open_prompt(&link)?,
            return_code,
            status,
            account,
            now,
            link,
        })
    }

    fn open_prompt(&self, link: &Link) -> Result<Option<Prompt>, Refusal> {
        let consent = match &link.state {
            // After the redirect back there is nothing left to do for the person.
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
                user_code: vault.open(user_code, &link.code)?,
                verification_uri: verification_uri.clone(),
                verification_uri_complete: vault
                    .open_some(verification_uri_complete.as_ref(), &link.code)?,
            },
            SealedPrompt::Visit { uri } => Prompt::Visit {
                uri: vault.open(uri, &link.code)?,
            },
        }))
    }
}

fn scopes_in_words(provider: &dyn OAuthProvider) -> Vec<(String, Option<ScopeWords>)> {
    let scopes = provider.scopes().iter();
    let mut scopes: Vec<_> = scopes
        .map(|scope| (scope.clone(), provider.scope_words(scope)))
        .collect();
    if scopes.is_empty() {
        let words = provider.scope_words("");
        scopes.extend(words.map(|words| (String::new(), Some(words))));
    }
    scopes
}
