//! Applies transitions of the domain to stored tokens.

use central_oauth_domain::audit::{AuditDraft, AuditEvent};
use central_oauth_domain::grant::{AccountId, StoredTokens};
use central_oauth_domain::ports::StoreError;

use crate::accounts::locked::{lock, save};
use crate::audit;
use crate::database::Purpose;
use crate::store::SeaOrmStore;

/// Applies a transition to the tokens of an account and saves the result, with an audit entry if the account changes.
/// Returns the second value of the transition, or `None` if there is no account.
pub(crate) async fn change<T: Send + 'static>(
    store: &SeaOrmStore,
    purpose: Purpose,
    account: AccountId,
    audit: Option<AuditDraft>,
    transition: impl FnOnce(&StoredTokens) -> Result<(StoredTokens, T), StoreError> + Send + 'static,
) -> Result<Option<T>, StoreError> {
    store.lease_cache.take(account);
    let changed = store.database.write(purpose, move |db| {
        Box::pin(async move {
            let Some(stored) = lock(db, account).await? else {
                return Ok(None);
            };
            let (next, told) = transition(&stored)?;
            save(db, &stored, &next).await?;
            let event = AuditEvent::of_refresh(&stored.account, &next.account);
            if let Some((draft, event)) = audit.zip(event) {
                audit::store(db, &[draft.entry(event)]).await?;
            }
            Ok(Some(told))
        })
    });
    changed.await
}
