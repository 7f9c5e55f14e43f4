use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::Waker;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::time::Instant;

use super::{IDLE, REQUEST};

/// The state of a connection, shared by its stream and the handlers of its requests.
#[derive(Debug)]
pub(crate) struct Connection {
    opened_at: Instant,
    /// The phase, and whether the connection is [evicted](EVICTED). Both are in one atomic value, because a connection
    /// must not be evicted while a request is being processed.
    state: AtomicU8,
    /// When the phase began, in milliseconds since the connection was opened.
    since: AtomicU64,
    task: AtomicWaker,
}

/// The bit of `Connection::state` that marks an evicted connection.
const EVICTED: u8 = 0b1000;

/// The phase of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// The client must send the first request, or the rest of a request.
    Request,
    Work,
    /// The client may send the next request.
    Idle,
}

impl Connection {
    pub(super) fn new() -> Self {
        Self {
            opened_at: Instant::now(),
            state: AtomicU8::new(Phase::Request as u8),
            since: AtomicU64::new(0),
            task: AtomicWaker::new(),
        }
    }

    pub(super) fn phase(&self) -> Phase {
        match self.state.load(Ordering::Acquire) & !EVICTED {
            phase if phase == Phase::Work as u8 => Phase::Work,
            phase if phase == Phase::Idle as u8 => Phase::Idle,
            _ => Phase::Request,
        }
    }

    /// Begins a phase. An evicted connection stays evicted, unless its request has just arrived. In that case, the
    /// eviction came too late.
    pub(super) fn enter(&self, phase: Phase) {
        let since = u64::try_from(self.opened_at.elapsed().as_millis());
        self.since
            .store(since.unwrap_or(u64::MAX), Ordering::Release);
        let mark = match phase {
            Phase::Work => 0,
            Phase::Request | Phase::Idle => EVICTED,
        };
        let next = |state: u8| Some(phase as u8 | state & mark);
        let _ = self
            .state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
    }

    pub(super) fn since(&self) -> Instant {
        self.opened_at + Duration::from_millis(self.since.load(Ordering::Acquire))
    }

    /// Returns the time at which the connection is closed unless the client sends something. `None` while a request is
    /// being processed.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.phase() {
            Phase::Request => Some(self.since() + REQUEST),
            Phase::Idle => Some(self.since() + IDLE),
            Phase::Work => None,
        }
    }

    /// Whether the connection waits for the client, and is not evicted yet.
    pub(super) fn is_waited_for(&self) -> bool {
        self.phase() != Phase::Work && !self.has_to_go()
    }

    /// Evicts the connection, unless the work on a request has begun.
    pub(super) fn evict(&self) {
        let next = |state: u8| (state != Phase::Work as u8).then_some(state | EVICTED);
        let _ = self
            .state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
        self.task.wake();
    }

    /// Whether the connection is evicted, and so must be closed.
    pub(super) fn has_to_go(&self) -> bool {
        self.state.load(Ordering::Acquire) & EVICTED != 0
    }

    /// Registers a task to be woken when the connection is evicted.
    pub(super) fn wake_on_eviction(&self, task: &Waker) {
        self.task.register(task);
    }
}

/// Marks that a request of a connection is being processed, until this value is dropped.
#[derive(Debug)]
pub(crate) struct Handling(Arc<Connection>);

impl Handling {
    pub(super) fn begin(connection: Arc<Connection>) -> Self {
        connection.enter(Phase::Work);
        Self(connection)
    }
}

impl Drop for Handling {
    fn drop(&mut self) {
        self.0.enter(Phase::Idle);
    }
}
