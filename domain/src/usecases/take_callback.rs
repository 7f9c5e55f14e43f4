//! A provider sends a person's browser back.

use super::{Broker, Refusal};
use crate::link::{Link, LinkCode, LinkState, PollSchedule, SealedPrompt};
use crate::ports::StoreError;
use crate::secret::{BrowserToken, CallbackQuery};

/// What a browser came back with.
pub struct Callback<'a> {
    /// The provider whose address it came to.
    pub provider: &'a str,
    /// The `state` in the query.
    pub state: &'a str,
    /// The whole query: what is in it is for the provider's adapter to read.
    pub query: CallbackQuery,
}

/// How often the link is looked at anew when it changes under the hand.
const TRIES: usize = 5;

impl Broker {
    /// Keeps what a browser came back with, for the coordinator to redeem: nothing is lost if the person closes the tab
    /// now, or the service ends. Returns the code of the link that it belongs to.
    ///
    /// # Errors
    /// [`Refusal::ForeignCallback`] when the state was made for another browser or another provider, or was used before,
    /// or when the link has ended.
    pub async fn take_callback(
        &self,
        callback: &Callback<'_>,
        browser: &BrowserToken,
    ) -> Result<LinkCode, Refusal> {
        let browser = self.vault.hash_browser(browser);
        let code = self.vault.open_state(callback.state, &browser);
        let code = code.map_err(|_| FOREIGN)?;
        let hash = self.vault.hash_link_code(&code);
        for _ in 0..TRIES {
            let link = self.store.find_link(&hash).await?;
            let link = link.filter(|link| {
                link.belongs_to(&browser) && link.provider.as_str() == callback.provider
            });
            let link = link.ok_or(FOREIGN)?;
            self.check_waiting(&link)?;
            let sealed = self.vault.seal_callback(&callback.query, &link.code)?;
            let poll = PollSchedule::at_once(self.clock.now());
            let kept = self
                .store
                .keep_callback(link.id, link.version, sealed, poll);
            match kept.await {
                Ok(link) => {
                    tracing::debug!(link = link.id.0, provider = %link.provider, "the person is back");
                    return Ok(code);
                }
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    fn check_waiting(&self, link: &Link) -> Result<(), Refusal> {
        match &link.state {
            LinkState::Authorizing(consent) => match (&consent.prompt, &consent.callback) {
                (SealedPrompt::Visit { .. }, None) if !link.is_past_deadline(self.clock.now()) => {
                    Ok(())
                }
                (SealedPrompt::Visit { .. }, None) => Err(OVER),
                (SealedPrompt::Visit { .. }, Some(_)) => Err(USED),
                (SealedPrompt::UserCode { .. }, _) => Err(FOREIGN),
            },
            LinkState::Redeemed(_) | LinkState::Linked { .. } => Err(USED),
            LinkState::Pending | LinkState::Ended { .. } => Err(OVER),
        }
    }
}

const FOREIGN: Refusal = Refusal::ForeignCallback(
    "this answer of a provider belongs to no consent that this browser has under way",
);
const USED: Refusal = Refusal::ForeignCallback("this answer of the provider was used before");
const OVER: Refusal = Refusal::ForeignCallback("the link of this answer has ended");
