//! Token exchange (RFC 8693): a subject token is exchanged for the access token of its account.

use std::net::IpAddr;
use std::time::Duration;

use super::Tokens;
use super::hand_out::token_key;
use crate::usecases::caller::account_of;
use crate::usecases::{Caller, Coded, HandedToken, Refusal};

/// Why a token was not exchanged.
#[derive(Debug, thiserror::Error)]
pub enum TokenExchangeError {
    /// The subject token gives no access to this account. The error does not reveal whether the account exists.
    #[error("the subject token opens no such account; audience is the id of an account")]
    Target,
    /// The account has not been granted all these scopes.
    #[error("the account has not been granted all requested scopes; granted are: {0}")]
    Scope(String),
    /// The subject token is rejected, or there is no token at the moment.
    #[error(transparent)]
    Refused(Refusal),
}

impl From<Refusal> for TokenExchangeError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound(_) => Self::Target,
            other => Self::Refused(other),
        }
    }
}

impl Coded for TokenExchangeError {
    fn code(&self) -> &'static str {
        match self {
            Self::Target => "invalid_target",
            Self::Scope(_) => "invalid_scope",
            Self::Refused(refusal) => refusal.code(),
        }
    }
}

impl Tokens {
    /// Returns the access token of the caller's account. `audience`, if given, must be the id of that account. All of
    /// `scopes` must have been granted to the account; they do not narrow the token.
    ///
    /// # Errors
    /// [`TokenExchangeError`], with the refusals of [`Tokens::hand_out`].
    pub async fn exchange(
        &self,
        caller: &Caller,
        audience: Option<&str>,
        scopes: &[&str],
        address: IpAddr,
    ) -> Result<HandedToken, TokenExchangeError> {
        let key = token_key(caller)?;
        let own = account_of(key, self.clock.now());
        if let (Ok(own), Some(named)) = (&own, audience)
            && own.to_string() != named
        {
            return Err(TokenExchangeError::Target);
        }
        let own = own?;
        let token = self.hand_out_to(key, own, Duration::ZERO).await?;
        let granted = &token.account.scopes;
        let is_granted = |scope: &&str| granted.iter().any(|granted| granted == scope);
        if !scopes.iter().all(is_granted) {
            return Err(TokenExchangeError::Scope(granted.join(" ")));
        }
        self.count_hand_out(key, own, address);
        Ok(token)
    }
}
