//! Token exchange (RFC 8693): the access token of the account that a subject token opens.

use std::net::IpAddr;
use std::time::Duration;

use super::Tokens;
use super::hand_out::token_key;
use crate::usecases::caller::account_of;
use crate::usecases::{Caller, HandedToken, Refusal};

/// Why a token was not exchanged.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The subject token opens no account of this name. Whether there is one does not matter.
    #[error("the subject token opens no such account; audience is the id of an account")]
    Target,
    /// The account has not been granted all these scopes.
    #[error("the account has not been granted all requested scopes; granted are: {0}")]
    Scope(String),
    /// The subject token is refused, or there is no token for now.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl Tokens {
    /// Hands out the access token of the caller's account. `audience`, if given, must be that account's id. `scopes` are
    /// only compared: the provider has decided about scopes already.
    ///
    /// # Errors
    /// [`ExchangeError`]; as [`Tokens::hand_out`].
    pub async fn exchange(
        &self,
        caller: &Caller,
        audience: Option<&str>,
        scopes: &[&str],
        address: IpAddr,
    ) -> Result<HandedToken, ExchangeError> {
        let own = account_of(token_key(caller)?, self.clock.now());
        if let (Ok(own), Some(named)) = (&own, audience)
            && own.to_string() != named
        {
            return Err(ExchangeError::Target);
        }
        let token = self.hand_out(caller, Duration::ZERO, address).await?;
        let granted = &token.account.scopes;
        let is_granted = |scope: &&str| granted.iter().any(|granted| granted == scope);
        if scopes.iter().all(is_granted) {
            Ok(token)
        } else {
            Err(ExchangeError::Scope(granted.join(" ")))
        }
    }
}
