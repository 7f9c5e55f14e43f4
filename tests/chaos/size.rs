//! The size of a run.

use std::time::Duration;

/// The size of a run.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(super) accounts: usize,
    pub(super) clients: usize,
    pub(super) kills: usize,
    /// Maximum lifetime of a process after it responds.
    pub(super) lives: Duration,
    /// Maximum duration of a run.
    pub(super) limit: Duration,
}

impl Size {
    pub(crate) const SHORT: Self = Self {
        accounts: 20,
        clients: 4,
        kills: 10,
        lives: Duration::from_millis(1500),
        limit: Duration::from_secs(480),
    };
    /// Each kind of trouble once or more.
    pub(crate) const SHORT_REPLICAS: Self = Self {
        kills: 11,
        ..Self::SHORT
    };
    pub(crate) const SHORT_DISK: Self = Self {
        kills: 6,
        ..Self::SHORT
    };
    pub(crate) const LONG_DISK: Self = Self {
        accounts: 50,
        clients: 12,
        kills: 60,
        ..Self::LONG
    };
    /// Replicas, their database, the provider and all clients share two cores here.
    pub(crate) const LONG_REPLICAS: Self = Self {
        clients: 12,
        ..Self::LONG
    };
    pub(crate) const LONG: Self = Self {
        accounts: 200,
        clients: 32,
        kills: 100,
        lives: Duration::MAX,
        limit: Duration::from_secs(3600),
    };
}
