//! Writes that wait to be written together.

use std::collections::VecDeque;
use std::sync::Mutex;

use central_oauth_domain::lock::lock;
use tracing::{Instrument as _, Span};

/// The writes that wait for the next group, in order.
pub(super) struct Group<M>(Mutex<Waiting<M>>);

struct Waiting<M> {
    members: VecDeque<M>,
    /// Whether a task is running [`Group::lead`].
    is_led: bool,
}

/// A write that waits.
pub(super) trait Member: Send {
    /// Whether the caller still waits.
    fn is_awaited(&self) -> bool;

    fn span(&self) -> Span;
}

impl<M> Default for Group<M> {
    fn default() -> Self {
        Self(Mutex::new(Waiting {
            members: VecDeque::new(),
            is_led: false,
        }))
    }
}

impl<M: Member> Group<M> {
    /// Adds a write. Returns whether the caller must start a task that runs [`Group::lead`].
    pub(super) fn join(&self, member: M) -> bool {
        let mut waiting = lock(&self.0);
        waiting.members.push_back(member);
        !std::mem::replace(&mut waiting.is_led, true)
    }

    /// Runs `write_group` until no write waits.
    pub(super) async fn lead<F>(&self, write_group: impl Fn() -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        // The statements of a group belong to the trace of its first member.
        while let Some(span) = self.goes_on() {
            // A separate task, so that a panic ends only one group.
            let group = tokio::spawn(write_group().instrument(span));
            if let Err(error) = group.await {
                tracing::error!(%error, "a group of database writes ended too early");
            }
        }
    }

    /// Returns the span of the first waiting write. If no write waits, returns `None`, and the next [`Group::join`]
    /// returns true.
    fn goes_on(&self) -> Option<Span> {
        let mut waiting = lock(&self.0);
        let span = waiting.members.front().map(Member::span);
        waiting.is_led = span.is_some();
        span
    }

    /// Removes the next write whose caller still waits. Returns it, and whether more writes wait.
    pub(super) fn next(&self) -> Option<(M, bool)> {
        let mut waiting = lock(&self.0);
        loop {
            let member = waiting.members.pop_front()?;
            if member.is_awaited() {
                return Some((member, !waiting.members.is_empty()));
            }
        }
    }

    pub(super) fn take_all(&self) -> Vec<M> {
        lock(&self.0).members.drain(..).collect()
    }
}
