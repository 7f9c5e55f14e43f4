use std::net::IpAddr;
use std::time::Duration;

use super::Tokens;
use crate::audit::{Actor, AuditKind};
use crate::clock_step::OBTAINED_AHEAD;
use crate::fault::{Fault, FaultCode};
use crate::grant::refresh::FASTEST;
use crate::grant::{
    AccessKeyId, Account, AccountId, AccountStatus, Extra, KeyBinding, KeyHolder, StoredTokens,
};
use crate::secret::AccessToken;
use crate::time::Timestamp;
use crate::usecases::caller::{ALTERED_KEY, KEY_NEEDED, UNKNOWN_KEY, account_of};
use crate::usecases::{Caller, PresentedKey, Refusal};

/// An access token for the client.
pub struct HandedToken {
    /// The access token.
    pub access_token: AccessToken,
    /// When it expires, if it does.
    pub expires_at: Option<Timestamp>,
    /// The remaining lifetime, if it expires.
    pub expires_in: Option<Duration>,
    /// Additional parameters of the provider's token response that belong to the access token.
    pub extra: Extra,
    /// The account, with its scopes.
    pub account: Account,
    /// A warning for the client, although the token is valid.
    pub warning: Option<Fault>,
}

impl Tokens {
    /// Returns the stored access token if it is valid for `min_ttl` at least; otherwise refreshes it first. A valid
    /// token is returned even if the refresh fails.
    ///
    /// # Errors
    /// [`Refusal::Unauthorized`] without a valid key, [`Refusal::Forbidden`] for operators, [`Refusal::LinkPending`]
    /// before the link is complete. Once the token has expired, [`Refusal::RelinkRequired`] or
    /// [`Refusal::ProviderUnavailable`].
    pub async fn hand_out(
        &self,
        caller: &Caller,
        min_ttl: Duration,
        address: IpAddr,
    ) -> Result<HandedToken, Refusal> {
        let key = token_key(caller)?;
        let account = account_of(key, self.clock.now())?;
        let handed = self.hand_out_to(key, account, min_ttl).await?;
        self.count_hand_out(key, account, address);
        Ok(handed)
    }

    pub(super) fn count_hand_out(&self, key: &PresentedKey, account: AccountId, address: IpAddr) {
        let about = Some((account, key.id));
        let kind = AuditKind::TokenHandedOut;
        self.audit.count(kind, about, Actor::Key(key.id), address);
    }

    /// Does what [`Tokens::hand_out`] does, without an audit entry.
    pub(super) async fn hand_out_to(
        &self,
        key: &PresentedKey,
        account: AccountId,
        min_ttl: Duration,
    ) -> Result<HandedToken, Refusal> {
        if let Some(tokens) = key.tokens()
            && self.serves(tokens, min_ttl)
        {
            let accounts = &self.renewal.accounts;
            let account = accounts.as_of_now(tokens.account.clone()).await?;
            // Reading outages may have taken long.
            if self.serves(tokens, min_ttl) {
                return self.opened(tokens, account, min_ttl);
            }
        }
        let mut tokens = self.renewal.stored(account).await.map_err(gone)?;
        require_same_person(key, &tokens)?;
        if wants_refresh(&tokens, min_ttl, self.clock.now()) {
            tokens = self.renewal.refreshed(tokens).await.map_err(gone)?;
            require_same_person(key, &tokens)?;
            self.still_opens(key.id, account).await?;
        }
        self.open(tokens, min_ttl).await
    }

    /// Returns the stored access token as it is, without refreshing it: for a `HEAD`.
    ///
    /// # Errors
    /// As [`Tokens::hand_out`]. [`Refusal::ProviderUnavailable`] for an expired token that a refresh could replace.
    pub async fn inspect(
        &self,
        caller: &Caller,
        min_ttl: Duration,
    ) -> Result<HandedToken, Refusal> {
        let account = account_of(token_key(caller)?, self.clock.now())?;
        let tokens = self.renewal.stored(account).await.map_err(gone)?;
        self.open(tokens, min_ttl).await
    }

    /// Fails if the key was deleted or has expired during the refresh.
    async fn still_opens(&self, key: AccessKeyId, account: AccountId) -> Result<(), Refusal> {
        let before = AccessKeyId(key.0 - 1);
        let found = self.keys.keys(account, Some(before), 1).await?;
        let found = found.into_iter().find(|found| found.id == key);
        let opens = found.is_some_and(|key| key.expires_at.is_none_or(|at| at > self.clock.now()));
        if opens { Ok(()) } else { Err(UNKNOWN_KEY) }
    }

    async fn open(&self, tokens: StoredTokens, min_ttl: Duration) -> Result<HandedToken, Refusal> {
        if !is_valid(&tokens, self.clock.now()) {
            return Err(self.renewal.why_no_token(&tokens).await);
        }
        self.opened(&tokens, tokens.account.clone(), min_ttl)
    }

    /// Whether cached tokens can be handed out without a refresh. Otherwise the caller reads the store.
    fn serves(&self, tokens: &StoredTokens, min_ttl: Duration) -> bool {
        let now = self.clock.now();
        is_valid(tokens, now) && !wants_refresh(tokens, min_ttl, now)
    }

    /// Decrypts a valid token; `account` is its account with its current health.
    fn opened(
        &self,
        tokens: &StoredTokens,
        account: Account,
        min_ttl: Duration,
    ) -> Result<HandedToken, Refusal> {
        let now = self.clock.now();
        let expires_at = account.access_token_expires_at;
        Ok(HandedToken {
            access_token: self.vault.open(&tokens.access_token, &account.key)?,
            expires_at,
            expires_in: expires_at.map(|at| at.since(now)),
            warning: warning(tokens, account.last_error.as_ref(), now, min_ttl),
            extra: self.vault.read_extra(tokens.extra.as_ref(), &account.key),
            account,
        })
    }
}

/// The refusal for an operator's key.
pub const NOT_FOR_OPERATORS: Refusal =
    Refusal::Forbidden("only an access key can read a token; operators' keys cannot");

pub(super) fn token_key(caller: &Caller) -> Result<&PresentedKey, Refusal> {
    match caller {
        Caller::Key(key) => Ok(key),
        Caller::Nobody => Err(KEY_NEEDED),
        Caller::Admin(_) | Caller::Auditor(_) | Caller::Enroller(_) => Err(NOT_FOR_OPERATORS),
    }
}

/// Fails if the account with this number belongs to another person than the one to whom the key is bound.
fn require_same_person(key: &KeyHolder, tokens: &StoredTokens) -> Result<(), Refusal> {
    match &key.binding {
        KeyBinding::Account { person, .. } if *person == tokens.account.key => Ok(()),
        KeyBinding::Account { .. } | KeyBinding::Link(_) => Err(ALTERED_KEY),
    }
}

/// Returns [`Refusal::Unauthorized`] instead of [`Refusal::NotFound`], for a key whose account is gone.
fn gone(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::NotFound(_) => Refusal::Unauthorized("the account of this key is gone"),
        other => other,
    }
}

/// Whether to refresh before handing out the token. A valid token of a grant that was given up is handed out without a
/// refresh. A caller that wants a longer lifetime than a refresh can give causes a refresh only in the second half of
/// the token's lifetime, not with every request. Right after a refresh, callers do not cause another refresh.
fn wants_refresh(tokens: &StoredTokens, min_ttl: Duration, now: Timestamp) -> bool {
    let Some(end) = tokens.access_token_expiry().expected_expiry() else {
        return false;
    };
    let left = end.since(now);
    let lifetime = end.since(tokens.obtained_at);
    if tokens.account.status == AccountStatus::RelinkRequired {
        return false;
    }
    if wants_refresh_since_clock_step(tokens, now) {
        return true;
    }
    if was_just_refreshed(tokens, now) {
        return false;
    }
    let within_reach = min_ttl <= lifetime - lifetime / 20;
    left.is_zero() || left < min_ttl && (within_reach || left < lifetime / 2)
}

/// Whether the access token was issued before the clock was set back, and a refresh can replace it. Its remaining
/// lifetime is unknown, so it is not served as valid.
fn wants_refresh_since_clock_step(tokens: &StoredTokens, now: Timestamp) -> bool {
    tokens.obtained_at > now + OBTAINED_AHEAD
        && tokens.refresh_token.is_some()
        && tokens.account.status != AccountStatus::RelinkRequired
        && tokens.access_token_expiry().expected_expiry().is_some()
}

/// Whether an access token may be handed out.
fn is_valid(tokens: &StoredTokens, now: Timestamp) -> bool {
    let end = tokens.account.access_token_expires_at;
    end.is_none_or(|end| end > now) && !wants_refresh_since_clock_step(tokens, now)
}

fn was_just_refreshed(tokens: &StoredTokens, now: Timestamp) -> bool {
    let is_just_now = |at| at <= now && now.since(at) < FASTEST;
    tokens.account.last_refreshed_at.is_some_and(is_just_now)
}

fn warning(
    tokens: &StoredTokens,
    last_error: Option<&Fault>,
    now: Timestamp,
    min_ttl: Duration,
) -> Option<Fault> {
    let end = tokens.access_token_expiry().expected_expiry();
    let left = end.map(|end| end.since(now));
    let hint = || {
        let words =
            "the token has expired according to its `exp`, and the provider issues no other one";
        Fault::new(FaultCode::TokenMayHaveExpired, words)
    };
    let short = || {
        let words = "the token expires sooner than requested";
        Fault::new(FaultCode::MinTtlUnmet, words)
    };
    last_error
        .cloned()
        .or_else(|| left.is_some_and(|left| left.is_zero()).then(hint))
        .or_else(|| left.is_some_and(|left| left < min_ttl).then(short))
}
