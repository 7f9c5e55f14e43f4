//! The state of one connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::Waker;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::time::Instant;

use super::{IDLE, REQUEST};

/// Shared by the stream, which moves bytes, and by the handlers of requests.
#[derive(Debug)]
pub(super) struct Connection {
    opened_at: Instant,
    phase: AtomicU8,
    /// When the phase began, in milliseconds since the connection was opened.
    since: AtomicU64,
    is_evicted: AtomicBool,
    task: AtomicWaker,
}

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// The first request, or the rest of one.
    Request,
    /// The work on a request.
    Work,
    /// The next request.
    Idle,
}

impl Connection {
    pub(super) fn new() -> Self {
        Self {
            opened_at: Instant::now(),
            phase: AtomicU8::new(Phase::Request as u8),
            since: AtomicU64::new(0),
            is_evicted: AtomicBool::new(false),
            task: AtomicWaker::new(),
        }
    }

    pub(super) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            phase if phase == Phase::Work as u8 => Phase::Work,
            phase if phase == Phase::Idle as u8 => Phase::Idle,
            _ => Phase::Request,
        }
    }

    pub(super) fn enter(&self, phase: Phase) {
        let since = u64::try_from(self.opened_at.elapsed().as_millis());
        self.since
            .store(since.unwrap_or(u64::MAX), Ordering::Release);
        self.phase.store(phase as u8, Ordering::Release);
    }

    /// When the phase began.
    pub(super) fn since(&self) -> Instant {
        self.opened_at + Duration::from_millis(self.since.load(Ordering::Acquire))
    }

    /// When it is closed unless the client acts; `None` while it is not the client's turn.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.phase() {
            Phase::Request => Some(self.since() + REQUEST),
            Phase::Idle => Some(self.since() + IDLE),
            Phase::Work => None,
        }
    }

    /// Whether it is the client's turn, and it is not being evicted.
    pub(super) fn is_waited_for(&self) -> bool {
        self.phase() != Phase::Work && !self.is_evicted()
    }

    pub(super) fn evict(&self) {
        self.is_evicted.store(true, Ordering::Release);
        self.task.wake();
    }

    fn is_evicted(&self) -> bool {
        self.is_evicted.load(Ordering::Acquire)
    }

    /// Whether it is evicted, and waits for the client.
    pub(super) fn has_to_go(&self) -> bool {
        self.is_evicted() && self.phase() != Phase::Work
    }

    /// Registers a task to be woken when the connection is to be closed.
    pub(super) fn wake_on_eviction(&self, task: &Waker) {
        self.task.register(task);
    }
}

/// Marks that a request of a connection is being processed, until it is dropped.
#[derive(Debug)]
pub(crate) struct Handling(Arc<Connection>);

impl Handling {
    pub(super) fn begin(connection: Arc<Connection>) -> Self {
        connection.enter(Phase::Work);
        // It was chosen a moment too late: its request has arrived.
        connection.is_evicted.store(false, Ordering::Release);
        Self(connection)
    }
}

impl Drop for Handling {
    fn drop(&mut self) {
        self.0.enter(Phase::Idle);
    }
}
