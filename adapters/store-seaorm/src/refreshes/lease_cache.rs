//! Caches tokens that were leased for a refresh, so that the result can be saved in one statement, without reading the
//! tokens again. This statement checks that the stored tokens are still the cached ones.

use std::collections::HashMap;
use std::sync::Mutex;

use central_oauth_domain::grant::{AccountId, StoredTokens};
use central_oauth_domain::lock::lock;

use crate::database::Database;

/// Maximum number of accounts. A full cache is emptied, which also drops leases that never get a result.
const MOST: usize = 1000;

/// The leased tokens, sealed, by account.
#[derive(Default)]
pub(crate) struct LeaseCache(Mutex<HashMap<AccountId, StoredTokens>>);

impl LeaseCache {
    /// Caches newly leased tokens, if the database can save a result in one statement.
    pub(super) fn remember(&self, database: &Database, claimed: &[StoredTokens]) {
        if !database.saves_at_once() {
            return;
        }
        let mut known = lock(&self.0);
        if known.len() + claimed.len() > MOST {
            known.clear();
        }
        known.extend(
            claimed
                .iter()
                .map(|tokens| (tokens.account.id, tokens.clone())),
        );
    }

    pub(super) fn take(&self, account: AccountId) -> Option<StoredTokens> {
        lock(&self.0).remove(&account)
    }
}
