//! Handles the redirect from a provider.

use super::Consents;
use crate::grant::ProviderName;
use crate::link::{Link, LinkCode, LinkState, PollSchedule, SealedPrompt};
use crate::ports::StoreError;
use crate::secret::{BrowserToken, CallbackQuery, KeyedHash};
use crate::usecases::Refusal;

/// A redirect from a provider, as the browser sends it.
pub struct Callback<'a> {
    /// The provider whose redirect URI was used.
    pub provider: &'a str,
    /// The `state` in the query.
    pub state: &'a str,
    /// The parameters of the provider's response: `code` or `error`, and `iss`. Two callbacks with the same `state` and
    /// these same parameters count as one, because browsers repeat requests (reload, back, prefetch).
    pub answer: CallbackQuery,
    /// The whole query, for the provider's adapter.
    pub query: CallbackQuery,
}

/// How often the link is read again when it changes concurrently.
const TRIES: usize = 5;

impl Consents {
    /// Stores a callback for the redeemer, so that nothing is lost if the person closes the tab or the service stops.
    /// Returns the code of its link. Only the first callback of a link is stored. Later callbacks change nothing and
    /// return the same code, as long as the link is stored: some browsers open the provider's page several times and
    /// return several responses.
    ///
    /// # Errors
    /// [`Refusal::ForeignCallback`] when the state was made for another browser or another provider.
    pub async fn take_callback(
        &self,
        callback: &Callback<'_>,
        browser: &BrowserToken,
    ) -> Result<LinkCode, Refusal> {
        let answer = self.vault.hash_callback(&callback.answer);
        for _ in 0..TRIES {
            let (code, link) = self.link_of(callback, browser).await?;
            if !self.awaits(&link, &answer) {
                return Ok(code);
            }
            let sealed = self.vault.seal(&callback.query, &link.code)?;
            let poll = PollSchedule::at_once(self.clock.now());
            let kept = self.links.store_callback(&link, sealed, answer, poll);
            match kept.await {
                Ok(link) => {
                    tracing::debug!(link = link.id.0, provider = %link.provider, "the person came back from the provider");
                    return Ok(code);
                }
                // The same callback may have arrived twice at the same time.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Returns the configured provider with this name, if there is one.
    pub fn provider(&self, name: &str) -> Option<&ProviderName> {
        let provider = self.providers.get(&ProviderName::new(name));
        provider.ok().map(|provider| provider.name())
    }

    /// Returns the text of an error after which the person can try again at the provider. Storing such a response would
    /// end the link.
    pub fn passing_error(&self, callback: &Callback<'_>) -> Option<String> {
        let provider = self.providers.get(&ProviderName::new(callback.provider));
        provider.ok()?.passing_error(&callback.query)
    }

    /// Returns what [`Consents::take_callback`] would return, and changes nothing: for a `HEAD`, and for a response
    /// after which the person may go to the provider again.
    ///
    /// # Errors
    /// As [`Consents::take_callback`].
    pub async fn inspect_callback(
        &self,
        callback: &Callback<'_>,
        browser: &BrowserToken,
    ) -> Result<LinkCode, Refusal> {
        self.link_of(callback, browser).await.map(|(code, _)| code)
    }

    async fn link_of(
        &self,
        callback: &Callback<'_>,
        browser: &BrowserToken,
    ) -> Result<(LinkCode, Link), Refusal> {
        let browser = self.vault.hash_browser(browser);
        let code = self.vault.open_state(callback.state, &browser);
        let code = code.map_err(|_| FOREIGN)?;
        let link = self.find(&code).await?;
        let is_own =
            |link: &Link| link.belongs_to(&browser) && link.provider.as_str() == callback.provider;
        Ok((code, link.filter(is_own).ok_or(FOREIGN)?))
    }

    /// Whether the link waits for a callback.
    fn awaits(&self, link: &Link, answer: &KeyedHash) -> bool {
        if let LinkState::Authorizing(consent) = &link.state
            && matches!(consent.prompt, SealedPrompt::Visit { .. })
            && consent.callback.is_none()
            && !link.is_past_deadline(self.clock.now())
        {
            return true;
        }
        if link.callback.as_ref() != Some(answer) {
            tracing::debug!(
                link = link.id.0,
                "another response of the provider was ignored: the link has one, or has ended"
            );
        }
        false
    }
}

const FOREIGN: Refusal = Refusal::ForeignCallback(
    "this response of a provider matches no consent in progress in this browser",
);
