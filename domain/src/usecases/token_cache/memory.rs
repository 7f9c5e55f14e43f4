//! The cache entries, and when each was confirmed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::{KEPT_UNUSED, SERVED_FOR};
use crate::grant::{AccessKeyId, AccountId};
use crate::ports::{Clock, OpenedKey, RowVersion};
use crate::secret::{KeyedHash, Sealed};

const MOST_ENTRIES: usize = 20_000;
/// The maximum size of all entries, in bytes.
const MOST_BYTES: usize = 32 << 20;
/// The minimum time between two attempts to make room.
const MAKE_ROOM_EVERY: Duration = Duration::from_millis(250);

#[derive(Default)]
pub(super) struct Memory {
    entries: HashMap<KeyedHash, Entry>,
    keys: HashMap<AccountId, Vec<KeyedHash>>,
    bytes: usize,
    /// The reads in progress, each with the accounts that were invalidated since it began.
    reads: HashMap<ReadId, HashSet<AccountId>>,
    last_read: ReadId,
    made_room_at: Duration,
}

struct Entry {
    opened: Arc<OpenedKey>,
    account: AccountId,
    version: RowVersion,
    bytes: usize,
    /// When the latest read that confirmed the entry began.
    confirmed_at: Duration,
    used_at: Duration,
}

pub(super) struct Unconfirmed {
    pub(super) id: AccessKeyId,
    pub(super) version: RowVersion,
    key: KeyedHash,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct ReadId(u64);

impl Memory {
    /// Returns the key with this hash, if its entry may be served now.
    pub(super) fn get(&mut self, key: &KeyedHash, clock: &dyn Clock) -> Option<Arc<OpenedKey>> {
        let entry = self.entries.get_mut(key)?;
        let now = clock.uptime();
        entry.used_at = now;
        let is_confirmed = now.saturating_sub(entry.confirmed_at) <= SERVED_FOR;
        is_confirmed.then(|| Arc::clone(&entry.opened))
    }

    /// Returns the entries that somebody has requested recently, and removes the others.
    pub(super) fn in_use(&mut self, now: Duration) -> Vec<Unconfirmed> {
        self.remove_unused(now);
        let entries = self.entries.iter();
        let entries = entries.map(|(key, entry)| Unconfirmed {
            id: entry.opened.holder.id,
            version: entry.version.clone(),
            key: *key,
        });
        entries.collect()
    }

    /// Applies the result of a read that began at `began`. Removes the entries whose keys are in `changed`, and
    /// confirms the others in `entries`.
    pub(super) fn revalidate(
        &mut self,
        entries: &[Unconfirmed],
        changed: &[AccessKeyId],
        began: Duration,
    ) {
        let changed: HashSet<_> = changed.iter().collect();
        for asked in entries {
            let Some(entry) = self.entries.get_mut(&asked.key) else {
                continue;
            };
            // The key may have been read again meanwhile.
            if entry.version != asked.version {
                continue;
            }
            if changed.contains(&asked.id) {
                self.remove(&asked.key);
            } else {
                entry.confirmed_at = entry.confirmed_at.max(began);
            }
        }
    }

    pub(super) fn begin_read(&mut self) -> ReadId {
        self.last_read.0 += 1;
        self.reads.insert(self.last_read, HashSet::new());
        self.last_read
    }

    pub(super) fn end_read(&mut self, read: ReadId) {
        self.reads.remove(&read);
    }

    /// Caches the result of a read that began at `began`, if there is room. A key without tokens is not cached.
    pub(super) fn insert(
        &mut self,
        read: ReadId,
        key: KeyedHash,
        opened: Option<&Arc<OpenedKey>>,
        began: Duration,
    ) {
        let is_older = |entry: &Entry| entry.confirmed_at <= began;
        if !self.entries.get(&key).is_none_or(is_older) {
            return;
        }
        self.remove(&key);
        let Some((opened, grant)) =
            opened.and_then(|opened| Some((opened, opened.grant.as_ref()?)))
        else {
            return;
        };
        let account = grant.tokens.account.id;
        let was_invalidated = self
            .reads
            .get(&read)
            .is_none_or(|gone| gone.contains(&account));
        let bytes = size(opened);
        if was_invalidated || !self.has_room(bytes, began) {
            return;
        }
        let entry = Entry {
            opened: Arc::clone(opened),
            account,
            version: grant.version.clone(),
            bytes,
            confirmed_at: began,
            used_at: began,
        };
        self.bytes += bytes;
        self.keys.entry(account).or_default().push(key);
        self.entries.insert(key, entry);
    }

    fn has_room(&mut self, bytes: usize, now: Duration) -> bool {
        let is_full = |memory: &Self| {
            memory.entries.len() >= MOST_ENTRIES || memory.bytes + bytes > MOST_BYTES
        };
        if is_full(self) && now.saturating_sub(self.made_room_at) >= MAKE_ROOM_EVERY {
            self.made_room_at = now;
            self.remove_unused(now);
        }
        !is_full(self)
    }

    /// Removes the entries of an account, and prevents reads in progress from caching the account again.
    pub(super) fn invalidate(&mut self, account: AccountId) {
        for key in self.keys.remove(&account).unwrap_or_default() {
            self.remove(&key);
        }
        for invalidated in self.reads.values_mut() {
            invalidated.insert(account);
        }
    }

    pub(super) fn remove_unused(&mut self, now: Duration) {
        let is_unused = |entry: &Entry| now.saturating_sub(entry.used_at) > KEPT_UNUSED;
        let unused = self.entries.iter().filter(|(_, entry)| is_unused(entry));
        let unused: Vec<_> = unused.map(|(key, _)| *key).collect();
        unused.iter().for_each(|key| self.remove(key));
        if self.entries.is_empty() {
            self.entries.shrink_to_fit();
            self.keys.shrink_to_fit();
        }
    }

    fn remove(&mut self, key: &KeyedHash) {
        let Some(entry) = self.entries.remove(key) else {
            return;
        };
        self.bytes -= entry.bytes;
        if let Some(keys) = self.keys.get_mut(&entry.account) {
            keys.retain(|other| other != key);
            if keys.is_empty() {
                self.keys.remove(&entry.account);
            }
        }
    }
}

/// Returns the approximate size of an entry in bytes.
fn size(opened: &OpenedKey) -> usize {
    const STRUCTS: usize = 1024;
    let Some(grant) = &opened.grant else {
        return STRUCTS;
    };
    let (tokens, account) = (&grant.tokens, &grant.tokens.account);
    let sealed = [&tokens.refresh_token, &tokens.extra];
    let sealed = sealed.into_iter().flatten().chain([&tokens.access_token]);
    let fault = account.last_error.as_ref();
    STRUCTS
        + sealed
            .map(|sealed: &Sealed| sealed.as_bytes().len())
            .sum::<usize>()
        + account.scopes.iter().map(String::len).sum::<usize>()
        + account.display_name.len()
        + fault.map_or(0, |fault| fault.detail.len())
        + grant.version.0.len()
}
