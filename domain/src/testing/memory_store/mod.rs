//! A store that forgets everything at the end.

mod accounts;
mod admin_sessions;
mod audit;
mod census;
mod clock_steps;
mod guesses;
mod keys;
mod links;
mod outages;
mod reads;
mod refreshes;
mod replicas;
mod revocations;
mod seals;
mod workloads;
mod write_tests;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use self::audit::Audit;
use self::keys::Key;
use super::FixedClock;
use crate::admin_session::AdminSession;
use crate::grant::refresh::Outage;
use crate::grant::revocation::RevocationLease;
use crate::grant::{AccessKeyId, AccountId, StoredTokens};
use crate::labels::Labels;
use crate::link::{Link, WrongCode};
use crate::ports::{SingleUse, StoreError};
use crate::replica::Replica;
use crate::secret::Sealed;
use crate::workload::NewWorkload;

/// A [`TokenStore`] in memory. It keeps the same contract as a database does, save that nothing is durable.
///
/// [`TokenStore`]: crate::ports::TokenStore
#[derive(Default)]
pub struct MemoryStore(Mutex<State>);

/// Keyed by the numbers inside the ids; one sequence of numbers serves all, so mixing them up shows.
#[derive(Default)]
struct State {
    hash_key: Option<Sealed>,
    last_number: i64,
    links: BTreeMap<i64, Link>,
    keys: BTreeMap<i64, Key>,
    accounts: BTreeMap<i64, StoredTokens>,
    labels: BTreeMap<AccountId, Labels>,
    revocations: BTreeMap<i64, RevocationLease>,
    replicas: Vec<Replica>,
    wrong_codes: Vec<WrongCode>,
    outages: Vec<Outage>,
    workloads: BTreeMap<i64, NewWorkload>,
    used_tokens: Vec<SingleUse>,
    audit: Audit,
    sessions: Vec<AdminSession>,
    recordings_to_refuse: u32,
    guesses_to_refuse: u32,
    is_silent: bool,
    is_full: bool,
    has_failed: bool,
    is_away: bool,
    reads: u64,
    slow_read: Option<(FixedClock, Duration)>,
}

impl MemoryStore {
    /// Is away for the next so many attempts to record refreshed tokens, a poll that brought nothing yet, or an attempt to
    /// revoke.
    pub fn refuse_recordings(&self, times: u32) {
        self.lock().recordings_to_refuse = times;
    }

    /// Is away for the next so many tries of link codes.
    pub fn refuse_guesses(&self, times: u32) {
        self.lock().guesses_to_refuse = times;
    }

    /// Does not answer any more, or again, what readiness is told by.
    pub fn be_silent(&self, is_silent: bool) {
        self.lock().is_silent = is_silent;
    }

    /// Has room for small rows only, or for tokens again.
    pub fn be_full(&self, is_full: bool) {
        self.lock().is_full = is_full;
    }

    /// Does not tell any more, or again, what keys open.
    pub fn be_away(&self, is_away: bool) {
        self.lock().is_away = is_away;
    }

    /// Returns how often it was asked what keys open, or whether they still do.
    pub fn reads(&self) -> u64 {
        self.lock().reads
    }

    /// Takes so long by this clock over the next question for an account's tokens: its answer is of then, and comes late.
    pub fn answer_late(&self, clock: &FixedClock, by: Duration) {
        self.lock().slow_read = Some((clock.clone(), by));
    }

    /// Forgets the MACs of all keys, as if an earlier version had written them.
    pub fn forget_macs(&self) {
        self.lock().keys.values_mut().for_each(|key| key.mac = None);
    }

    /// Makes a key point to an account, as somebody does who can write to the database and has no secret key.
    pub fn point_key_to(&self, key: AccessKeyId, account: AccountId) {
        if let Some(key) = self.lock().keys.get_mut(&key.0) {
            key.account = Some(account);
        }
    }

    /// Replaces a link by another one, as somebody does who can write to the database and has no secret key.
    pub fn replace_link(&self, link: Link) {
        self.lock().links.insert(link.id.0, link);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Fails the next so many times.
fn refuse(times: &mut u32) -> Result<(), StoreError> {
    match times.checked_sub(1) {
        Some(left) => {
            *times = left;
            Err(StoreError::Unavailable("away, as the test wants it".into()))
        }
        None => Ok(()),
    }
}

impl State {
    fn is_empty(&self) -> bool {
        self.links.is_empty()
            && self.keys.is_empty()
            && self.accounts.is_empty()
            && self.revocations.is_empty()
    }

    fn next_number(&mut self) -> i64 {
        self.last_number += 1;
        self.last_number
    }
}
