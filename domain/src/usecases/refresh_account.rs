//! Somebody wants an account refreshed now.

use std::time::Duration;

use super::refresher::{RefreshRequest, may_try};
use super::{Broker, Caller, Refusal};
use crate::fault::Fault;
use crate::grant::{Account, AccountId, AccountStatus, StoredTokens};
use crate::time::Timestamp;

/// Faults that are no word of the provider's.
const OURS: [&str; 2] = [Fault::UNAVAILABLE, Fault::NOT_CONFIGURED];

/// What an account gets that is well, for as long as its access token lasts.
const NOTHING_TO_REFRESH_WITH: &str = "the provider gave no refresh token, so there is nothing to refresh with; the access token serves as long as it lasts";

/// The longest that a caller waits for a refresh; with all else no answer takes more than 15 s.
const PATIENCE: Duration = Duration::from_secs(14);

impl Broker {
    /// Refreshes an account now, due or not: any for the admin, its own for the key that was handed out with a link
    /// code. The refresh token of a grant that was given up is tried once more; a success heals.
    ///
    /// # Errors
    /// [`Refusal`]: no or no good key, no such account, [`Refusal::RelinkRequired`], [`Refusal::ProviderUnavailable`]
    /// also while the pause after a failure lasts, [`Refusal::ProviderRefused`], [`Refusal::ProviderNotConfigured`],
    /// [`Refusal::Unprocessable`] without a refresh token.
    pub async fn refresh_account(
        &self,
        caller: &Caller,
        id: AccountId,
    ) -> Result<Account, Refusal> {
        self.owned_account(caller, id).await?;
        let before = self.stored_tokens(id).await?;
        let after = self.refreshed(before.clone()).await?;
        // A spare that took the place of a dead refresh token is no new token yet.
        if after.access_token == before.access_token {
            return Err(self.why_not(&after).await);
        }
        Ok(after.account)
    }

    /// The tokens after a refresh that was tried, if one could be.
    pub(super) async fn refreshed(&self, tokens: StoredTokens) -> Result<StoredTokens, Refusal> {
        if !may_try(&tokens, self.clock.now()) {
            return Ok(tokens);
        }
        let request = RefreshRequest::for_better_than(&tokens);
        self.refresher.refresh(request, PATIENCE).await;
        self.stored_tokens(tokens.account.id).await
    }

    pub(super) async fn stored_tokens(&self, id: AccountId) -> Result<StoredTokens, Refusal> {
        let gone = Refusal::NotFound("the account is gone");
        let mut tokens = self.store.tokens(id).await?.ok_or(gone)?;
        tokens.account = self.as_of_now(tokens.account).await?;
        Ok(tokens)
    }

    /// Why an account whose token no longer serves has no other.
    pub(super) async fn why_no_token(&self, tokens: &StoredTokens) -> Refusal {
        match self.store.test_write(None).await {
            Err(error) if !is_over(tokens) => error.into(),
            _ => no_token_now(tokens, self.clock.now()),
        }
    }

    /// Why there are no fresher tokens than these.
    async fn why_not(&self, tokens: &StoredTokens) -> Refusal {
        if tokens.refresh_token.is_none() && tokens.account.status == AccountStatus::Active {
            return Refusal::Unprocessable(NOTHING_TO_REFRESH_WITH.to_owned());
        }
        match &tokens.account.last_error {
            Some(fault) if !is_over(tokens) && !OURS.contains(&&*fault.code) => {
                Refusal::ProviderRefused(fault.detail.clone())
            }
            _ => self.why_no_token(tokens).await,
        }
    }
}

/// Why an account whose token no longer serves has no other, although its tokens can be stored.
fn no_token_now(tokens: &StoredTokens, now: Timestamp) -> Refusal {
    let fault = tokens.account.last_error.clone();
    if is_over(tokens) {
        let over = || {
            Fault::new(
                Fault::NO_REFRESH_TOKEN,
                "the provider gave no refresh token",
            )
        };
        return Refusal::RelinkRequired(fault.unwrap_or_else(over));
    }
    if let Some(fault) = fault
        .as_ref()
        .filter(|fault| fault.code == Fault::NOT_CONFIGURED)
    {
        return Refusal::ProviderNotConfigured(fault.detail.clone());
    }
    let next = tokens.account.next_refresh_at;
    let under_way = || "the token is being refreshed; ask again".to_owned();
    Refusal::ProviderUnavailable {
        detail: fault.map_or_else(under_way, |fault| fault.detail),
        retry_after: next.map_or(Duration::ZERO, |at| at.since(now)),
    }
}

/// Whether waiting helps nothing: somebody must consent, or change the configuration.
fn is_over(tokens: &StoredTokens) -> bool {
    let changed = |fault: &Fault| fault.code == Fault::CLIENT_CHANGED;
    tokens.refresh_token.is_none()
        || tokens.account.status == AccountStatus::RelinkRequired
        || tokens.account.last_error.as_ref().is_some_and(changed)
}
