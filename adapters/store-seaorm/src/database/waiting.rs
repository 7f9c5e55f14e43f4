//! The writes that wait for a group commit.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Mutex;

use central_oauth_domain::lock::lock;

use async_trait::async_trait;
use sea_orm::DbErr;
use tracing::Span;

use super::session::Session;

/// The future of a write that runs in a transaction.
pub(super) type Writing<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The writes that wait for a group commit, in order.
#[derive(Default)]
pub(super) struct Group(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    members: VecDeque<Box<dyn Member>>,
    /// Whether a task is committing `members`.
    is_led: bool,
}

impl Group {
    /// Adds a write. Returns whether the caller must start the task that commits.
    pub(super) fn join(&self, member: Box<dyn Member>) -> bool {
        let mut waiting = lock(&self.0);
        waiting.members.push_back(member);
        !std::mem::replace(&mut waiting.is_led, true)
    }

    /// Returns the span of the first waiting write. If no write waits, returns `None`, and the next [`Group::join`]
    /// returns true.
    pub(super) fn goes_on(&self) -> Option<Span> {
        let mut waiting = lock(&self.0);
        let span = waiting.members.front().map(|member| member.span());
        waiting.is_led = span.is_some();
        span
    }

    /// Removes the next write whose caller still waits. Returns it, and whether more writes wait.
    pub(super) fn next(&self) -> Option<(Box<dyn Member>, bool)> {
        let mut waiting = lock(&self.0);
        loop {
            let member = waiting.members.pop_front()?;
            if member.is_awaited() {
                return Some((member, !waiting.members.is_empty()));
            }
        }
    }

    pub(super) fn take_all(&self) -> Vec<Box<dyn Member>> {
        lock(&self.0).members.drain(..).collect()
    }
}

/// A write with any type of result.
#[async_trait]
pub(super) trait Member: Send {
    /// Whether the caller still waits.
    fn is_awaited(&self) -> bool;

    fn span(&self) -> Span;

    /// Runs the write. Returns whether it has succeeded.
    async fn run(&mut self, session: &Session) -> bool;

    /// Sends the caller the result, or the failure of the whole group.
    fn answer(self: Box<Self>, committed: Result<(), DbErr>);
}
