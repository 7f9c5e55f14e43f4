//! Caches the tokens that claims have returned, so that a result can be recorded without reading them again. Saving
//! checks that they are still the stored ones.

use std::collections::HashMap;
use std::sync::Mutex;

use central_oauth_domain::grant::{AccountId, StoredTokens};
use central_oauth_domain::lock::lock;

use crate::database::Database;

/// Maximum number of claims without a result. A claim whose result never comes is dropped when the cache is full.
const MOST: usize = 1000;

/// The tokens of claimed accounts, sealed.
#[derive(Default)]
pub(crate) struct Claimed(Mutex<HashMap<AccountId, StoredTokens>>);

impl Claimed {
    /// Caches the tokens that a claim has returned, if the database can save them in one statement.
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
