//! A client asks for its account's access token.

use std::time::Duration;

use super::authenticate::KEY_NEEDED;
use super::{Broker, Caller, Refusal};
use crate::fault::Fault;
use crate::grant::{Account, StoredTokens};
use crate::secret::AccessToken;
use crate::time::Timestamp;

/// A token on its way to the client.
pub struct HandedToken {
    /// The access token.
    pub access_token: AccessToken,
    /// When it expires, if it does.
    pub expires_at: Option<Timestamp>,
    /// How long it still lasts, if it expires.
    pub expires_in: Option<Duration>,
    /// The account, with what was granted.
    pub account: Account,
    /// What the client should know although it has a token.
    pub warning: Option<Fault>,
}

impl Broker {
    /// Hands out the stored access token while it is valid.
    ///
    /// # Errors
    /// [`Refusal`]: no or no good key, [`Refusal::Forbidden`] for operators, [`Refusal::LinkPending`],
    /// [`Refusal::RelinkRequired`] once the token has expired.
    pub async fn hand_out_token(
        &self,
        caller: &Caller,
        min_ttl: Duration,
    ) -> Result<HandedToken, Refusal> {
        let key = match caller {
            Caller::Key(key) => key,
            Caller::Nobody => return Err(KEY_NEEDED),
            Caller::Admin | Caller::Enroller => {
                let detail = "only an access key opens a token; operators' keys do not";
                return Err(Refusal::Forbidden(detail));
            }
        };
        let account = self.account_of(key)?;
        let gone = Refusal::Unauthorized("the account of this key is gone");
        let tokens = self.store.tokens(account).await?.ok_or(gone)?;
        self.hand_out(tokens, min_ttl)
    }

    fn hand_out(&self, tokens: StoredTokens, min_ttl: Duration) -> Result<HandedToken, Refusal> {
        let expires_at = tokens.account.access_token_expires_at;
        let expires_in = expires_at.map(|at| at.since(self.clock.now()));
        if expires_in.is_some_and(|left| left.is_zero()) {
            let expired = "the access token has expired; link the account again";
            let fault = Fault::new("access_token_expired", expired);
            return Err(Refusal::RelinkRequired(fault));
        }
        Ok(HandedToken {
            access_token: self
                .vault
                .open_access_token(&tokens.access_token, &tokens.account.key)?,
            expires_at,
            expires_in,
            warning: warning(&tokens.account, expires_in, min_ttl),
            account: tokens.account,
        })
    }
}

fn warning(account: &Account, expires_in: Option<Duration>, min_ttl: Duration) -> Option<Fault> {
    let short = expires_in.is_some_and(|left| left < min_ttl);
    account.last_error.clone().or_else(|| {
        short.then(|| {
            Fault::new(
                "min_ttl_unmet",
                "the token expires sooner than was asked for",
            )
        })
    })
}
