//! What claims have returned, so that a result can be recorded without reading the tokens again. Whoever saves makes sure that
//! they are still the stored ones.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use central_oauth_domain::grant::{AccountId, StoredTokens};

use crate::database::Database;

/// Claims without a result. A claim whose result never comes keeps its place for no longer than it takes to fill all of them.
const MOST: usize = 1000;

/// The tokens of claimed accounts, sealed.
#[derive(Default)]
pub(crate) struct Claimed(Mutex<HashMap<AccountId, StoredTokens>>);

impl Claimed {
    /// Remembers the tokens that a claim has returned, where the database can save them at once.
    pub(super) fn remember(&self, database: &Database, claimed: &[StoredTokens]) {
        if !database.saves_at_once() {
            return;
        }
        let mut known = self.lock();
        if known.len() + claimed.len() > MOST {
            known.clear();
        }
        known.extend(
            claimed
                .iter()
                .map(|tokens| (tokens.account.id, tokens.clone())),
        );
    }

    /// Takes out the tokens of an account.
    pub(super) fn take(&self, account: AccountId) -> Option<StoredTokens> {
        self.lock().remove(&account)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AccountId, StoredTokens>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
