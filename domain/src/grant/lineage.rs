//! Which keys come from which.

use std::collections::BTreeSet;

use super::{AccessKeyId, KeyMaker, KeyRecord};

/// Returns those of an account's keys that come from `root`: it made them, or a key did that comes from it.
#[must_use]
pub fn descendants(root: AccessKeyId, keys: &[KeyRecord]) -> BTreeSet<AccessKeyId> {
    let mut found = BTreeSet::new();
    let mut makers = vec![root];
    while let Some(maker) = makers.pop() {
        let made = keys
            .iter()
            .filter(|key| key.maker == Some(KeyMaker::Key(maker)));
        // A key that is found twice would be looked at for ever, in a database that somebody has changed.
        makers.extend(made.map(|key| key.id).filter(|id| found.insert(*id)));
    }
    found.remove(&root);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::{KeyLimits, KeyRole};
    use crate::time::Timestamp;

    fn key(id: i64, maker: Option<KeyMaker>) -> KeyRecord {
        KeyRecord {
            id: AccessKeyId(id),
            role: KeyRole::Reader,
            name: None,
            maker,
            limits: KeyLimits::default(),
            created_at: Timestamp::from_millis(0),
            expires_at: None,
            last_used_at: None,
        }
    }

    fn by(id: i64) -> Option<KeyMaker> {
        Some(KeyMaker::Key(AccessKeyId(id)))
    }

    fn from(root: i64, keys: &[KeyRecord]) -> Vec<i64> {
        let found = descendants(AccessKeyId(root), keys);
        found.into_iter().map(|id| id.0).collect()
    }

    #[test]
    fn they_are_found_at_any_depth() {
        let keys = [
            key(1, Some(KeyMaker::Link)),
            key(2, by(1)),
            key(3, by(2)),
            key(4, Some(KeyMaker::Operator)),
            key(5, by(4)),
            key(6, None),
            key(7, by(1)),
        ];
        assert_eq!(from(1, &keys), [2, 3, 7]);
        assert_eq!(from(2, &keys), [3]);
        assert_eq!(from(4, &keys), [5]);
        assert_eq!(from(6, &keys), [0; 0]);
        // The maker itself may be gone.
        assert_eq!(from(1, &keys[1..]), [2, 3, 7]);
    }

    #[test]
    fn a_circle_ends() {
        let keys = [key(1, by(3)), key(2, by(1)), key(3, by(2))];
        assert_eq!(from(1, &keys), [2, 3]);
    }
}
