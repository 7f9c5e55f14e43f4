//! Marks accounts after a backup was restored. Providers may have rotated refresh tokens since the backup, and the
//! service cannot know which.

use std::time::Duration;

use crate::entropy::Entropy;
use crate::fault::{Fault, FaultCode};
use crate::grant::refresh::SuspectGrant;
use crate::ports::{Clock, StoreError, TokenStore};

/// Accounts read at a time.
const BATCH: u64 = 100;
/// The period over which the refreshes that are overdue after a restore are spread.
const SPREAD_OVER: Duration = Duration::from_secs(600);

/// Marks every grant whose refresh token may be outdated. The access token is served until it expires. The refresh
/// token is tried when the access token has expired, or at the next scheduled refresh. Until a refresh succeeds, the
/// account's error says that the refresh token may be outdated. Returns how many grants were marked. The call can be
/// interrupted and repeated.
///
/// # Errors
/// When the store fails.
pub async fn after_restore(
    store: &dyn TokenStore,
    clock: &dyn Clock,
    entropy: &Entropy,
) -> Result<u64, StoreError> {
    let words = "the database was restored from a backup, so the refresh token may be outdated; it is tried once the \
        access token expires";
    let fault = Fault::new(FaultCode::RestoredFromBackup, words);
    let (mut marked, mut last) = (0, None);
    loop {
        let accounts = store.accounts(last, BATCH).await?;
        let Some(account) = accounts.last() else {
            return Ok(marked);
        };
        last = Some(account.id);
        let now = clock.now();
        let suspects = accounts.iter().filter_map(|account| {
            let earliest = now + SPREAD_OVER.mul_f64(entropy.fraction());
            Some(SuspectGrant {
                account: account.id,
                next_refresh_at: account.next_refresh_at?.max(earliest),
            })
        });
        let suspects: Vec<_> = suspects.collect();
        marked += store.mark_suspect(&suspects, &fault).await?;
    }
}
