use std::collections::{HashMap, HashSet};

use central_oauth_domain::grant::AccessKeyId;
use central_oauth_domain::ports::RowVersion;

use crate::database::FileState;

/// Cached rows that a query has confirmed since the last commit to a SQLite file. They need no further query until the
/// next commit. Always empty on PostgreSQL, which has no number that changes with each commit.
#[derive(Default)]
pub(crate) struct ConfirmedRows {
    state: Option<FileState>,
    rows: HashMap<AccessKeyId, RowVersion>,
}

impl ConfirmedRows {
    /// Maximum number of rows: as many as the token cache has. It is reached only if nobody writes for long.
    const MOST: usize = 20_000;

    /// Returns the rows in `seen` that may have changed since they were confirmed. `state` is the state of the file now,
    /// if it is known.
    pub(super) fn unconfirmed(
        &mut self,
        state: Option<FileState>,
        seen: &[(AccessKeyId, RowVersion)],
    ) -> Vec<(AccessKeyId, RowVersion)> {
        if state.is_none() || state != self.state || self.rows.len() > Self::MOST {
            self.rows.clear();
            self.state = state;
        }
        let unconfirmed = |(key, version): &&(_, _)| self.rows.get(key) != Some(version);
        seen.iter().filter(unconfirmed).cloned().collect()
    }

    /// Adds rows that a query has just read, except those that have `changed`. The query began after the state was read,
    /// so a commit in between changes the state before the next call.
    pub(super) fn add(&mut self, read: Vec<(AccessKeyId, RowVersion)>, changed: &[AccessKeyId]) {
        if self.state.is_some() {
            let changed: HashSet<_> = changed.iter().collect();
            let read = read.into_iter();
            self.rows
                .extend(read.filter(|(key, _)| !changed.contains(key)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: i64, version: &str) -> (AccessKeyId, RowVersion) {
        (AccessKeyId(key), RowVersion(version.into()))
    }

    #[test]
    fn rows_stay_confirmed_until_the_next_commit() {
        let (before, after) = (FileState::of_test(1), FileState::of_test(2));
        let mut confirmed = ConfirmedRows::default();
        let both = [row(1, "a"), row(2, "a")];
        assert_eq!(confirmed.unconfirmed(Some(before), &both), both);
        confirmed.add(both.to_vec(), &[AccessKeyId(2)]);
        assert_eq!(confirmed.unconfirmed(Some(before), &both), both[1..]);
        let newer = [row(1, "b")];
        assert_eq!(confirmed.unconfirmed(Some(before), &newer), newer);
        assert_eq!(confirmed.unconfirmed(Some(after), &both), both);
        confirmed.add(both.to_vec(), &[]);
        assert_eq!(confirmed.unconfirmed(None, &both), both);
        confirmed.add(both.to_vec(), &[]);
        assert_eq!(confirmed.unconfirmed(None, &both), both);
    }
}
