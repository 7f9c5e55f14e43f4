//! Handles the redirect from a provider.

use super::Consents;
use crate::link::{Link, LinkCode, LinkState, PollSchedule, SealedPrompt};
use crate::ports::StoreError;
use crate::secret::{BrowserToken, CallbackQuery, KeyedHash};
use crate::usecases::Refusal;

/// The callback that a browser brings.
pub struct Callback<'a> {
    /// The provider whose redirect URI was used.
    pub provider: &'a str,
    /// The `state` in the query.
    pub state: &'a str,
    /// The parameters of the provider's response: `code` or `error`, and `iss`. Browsers repeat callbacks (reload,
    /// back, prefetch); two with the same state and the same parameters are the same callback.
    pub answer: CallbackQuery,
    /// The whole query, for the provider's adapter.
    pub query: CallbackQuery,
}

/// Whether the link waits for this callback, or has received it already.
enum CallbackState {
    /// The link waits for it.
    Awaited,
    /// The link has taken this very callback before.
    Repeated,
}

/// How often the link is read again when it changes concurrently.
const TRIES: usize = 5;

impl Consents {
    /// Stores a callback for the redeemer, so that nothing is lost if the person closes the tab or the service stops.
    /// Returns the code of its link. Repeating the callback changes nothing and returns the same code, as long as the
    /// link is stored.
    ///
    /// # Errors
    /// [`Refusal::ForeignCallback`] when the state was made for another browser or another provider, when the link has
    /// received another response, or when it ended without one.
    pub async fn take_callback(
        &self,
        callback: &Callback<'_>,
        browser: &BrowserToken,
    ) -> Result<LinkCode, Refusal> {
        let answer = self.vault.hash_callback(&callback.answer);
        for _ in 0..TRIES {
            let (code, link) = self.link_of(callback, browser).await?;
            if let CallbackState::Repeated = self.callback_state(&link, &answer)? {
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

    /// Returns what [`Consents::take_callback`] would return, and changes nothing: for a `HEAD`.
    ///
    /// # Errors
    /// As [`Consents::take_callback`].
    pub async fn inspect_callback(
        &self,
        callback: &Callback<'_>,
        browser: &BrowserToken,
    ) -> Result<LinkCode, Refusal> {
        let answer = self.vault.hash_callback(&callback.answer);
        let (code, link) = self.link_of(callback, browser).await?;
        self.callback_state(&link, &answer).map(|_| code)
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

    fn callback_state(&self, link: &Link, answer: &KeyedHash) -> Result<CallbackState, Refusal> {
        match &link.callback {
            Some(taken) if taken == answer => return Ok(CallbackState::Repeated),
            Some(_) => return Err(OTHER),
            None => {}
        }
        match &link.state {
            LinkState::Authorizing(consent) => match (&consent.prompt, &consent.callback) {
                (SealedPrompt::UserCode { .. }, _) => Err(FOREIGN),
                // An older version, which stores no hash, has received it.
                (SealedPrompt::Visit { .. }, Some(_)) => Err(OTHER),
                (SealedPrompt::Visit { .. }, None) if link.is_past_deadline(self.clock.now()) => {
                    Err(OVER)
                }
                (SealedPrompt::Visit { .. }, None) => Ok(CallbackState::Awaited),
            },
            LinkState::Redeemed(_) | LinkState::Confirming(_) | LinkState::Linked { .. } => {
                Err(OTHER)
            }
            LinkState::Pending | LinkState::Ended { .. } => Err(OVER),
        }
    }
}

const FOREIGN: Refusal = Refusal::ForeignCallback(
    "this response of a provider matches no consent in progress in this browser",
);
const OTHER: Refusal =
    Refusal::ForeignCallback("the link has already received another response of the provider");
const OVER: Refusal = Refusal::ForeignCallback("the link of this response has ended");
