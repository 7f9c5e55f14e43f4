//! A store in memory.

mod accounts;
mod admin_sessions;
mod audit;
mod census;
mod clock_steps;
mod grant_ends;
mod guesses;
mod keys;
mod links;
mod outages;
mod reads;
mod refreshes;
mod replicas;
mod revocations;
mod seals;
mod webhooks;
mod workloads;
mod write_tests;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use self::audit::Audit;
use self::keys::Key;
use super::FixedClock;
use crate::admin_session::AdminSession;
use crate::grant::refresh::Outage;
use crate::grant::revocation::RevocationLease;
use crate::grant::{AccessKeyId, AccountId, StoredTokens};
use crate::labels::Labels;
use crate::link::Link;
use crate::lock::lock;
use crate::ports::{SingleUse, StoreError, TokenStore};
use crate::replica::Replica;
use crate::secret::Sealed;
use crate::testing::WrongCode;
use crate::time::Timestamp;
use crate::webhook::{Receiver, ReceiverName};
use crate::workload::NewWorkload;

/// A [`TokenStore`] in memory. It fulfils the same contract as a database, but nothing is durable.
#[derive(Default)]
pub struct MemoryStore(Mutex<State>);

/// The stored rows by the numbers in their ids. All kinds of rows share one sequence of numbers, so that a test fails
/// if ids are mixed up.
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
    announced_ends: BTreeMap<AccountId, Timestamp>,
    receivers: BTreeMap<ReceiverName, Receiver>,
    recordings_to_refuse: u32,
    guesses_to_refuse: u32,
    deletions_to_refuse: u32,
    audit_reads_to_refuse: u32,
    is_silent: bool,
    is_full: bool,
    is_damaged: bool,
    has_failed: bool,
    is_away: bool,
    reads: u64,
    slow_read: Option<(FixedClock, Duration)>,
}

impl TokenStore for MemoryStore {}

impl MemoryStore {
    /// Fails the next `times` attempts to record refreshed tokens, a poll without a result, or the result of a
    /// revocation.
    pub fn refuse_recordings(&self, times: u32) {
        self.lock().recordings_to_refuse = times;
    }

    /// Fails the next `times` attempts to enter link codes.
    pub fn refuse_guesses(&self, times: u32) {
        self.lock().guesses_to_refuse = times;
    }

    /// Fails the next `times` attempts to delete an account.
    pub fn refuse_deletions(&self, times: u32) {
        self.lock().deletions_to_refuse = times;
    }

    /// Fails the next `times` attempts to read the ends of the audit log.
    pub fn refuse_audit_reads(&self, times: u32) {
        self.lock().audit_reads_to_refuse = times;
    }

    /// Stops or resumes answering the readiness check.
    pub fn be_silent(&self, is_silent: bool) {
        self.lock().is_silent = is_silent;
    }

    /// Makes the store reject rows of tokens, as on a full disk, or accept them again.
    pub fn be_full(&self, is_full: bool) {
        self.lock().is_full = is_full;
    }

    /// Makes recording refreshed tokens fail, as if all rows of tokens were damaged, or work again.
    pub fn be_damaged(&self, is_damaged: bool) {
        self.lock().is_damaged = is_damaged;
    }

    /// Fails reads of keys and sessions, or stops failing them.
    pub fn be_away(&self, is_away: bool) {
        self.lock().is_away = is_away;
    }

    /// Returns how often keys, sessions or row versions were read.
    pub fn reads(&self) -> u64 {
        self.lock().reads
    }

    /// Advances `clock` by `by` during the next read of an account's tokens. The read returns the state before the
    /// advance.
    pub fn answer_late(&self, clock: &FixedClock, by: Duration) {
        self.lock().slow_read = Some((clock.clone(), by));
    }

    /// Deletes the MACs of all keys, as if an earlier version had written them.
    pub fn forget_macs(&self) {
        self.lock().keys.values_mut().for_each(|key| key.mac = None);
    }

    /// Makes a key point to another account. An attacker with access to the database could do this without the secret
    /// key.
    pub fn point_key_to(&self, key: AccessKeyId, account: AccountId) {
        if let Some(key) = self.lock().keys.get_mut(&key.0) {
            key.account = Some(account);
        }
    }

    /// Swaps the people and the tokens of two accounts. An attacker with access to the database could do this without
    /// the secret key.
    pub fn swap_people(&self, one: AccountId, other: AccountId) {
        let accounts = &mut self.lock().accounts;
        let both = [one, other].map(|id| accounts.get(&id.0).cloned());
        if let [Some(first), Some(second)] = both {
            for (id, mut tokens) in [(one, second), (other, first)] {
                tokens.account.id = id;
                accounts.insert(id.0, tokens);
            }
        }
    }

    /// Marks the person of an account as not identified by the provider. An attacker with access to the database could
    /// do this without the secret key.
    pub fn forget_identity(&self, account: AccountId) {
        if let Some(tokens) = self.lock().accounts.get_mut(&account.0) {
            tokens.account.identified = false;
        }
    }

    /// Replaces a link. An attacker with access to the database could do this without the secret key.
    pub fn replace_link(&self, link: Link) {
        self.lock().links.insert(link.id.0, link);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }
}

/// Fails and decrements `times`. Succeeds once `times` is zero.
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
