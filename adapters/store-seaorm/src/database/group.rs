//! Group commit: small writes that wait for SQLite's writer at the same time are committed together, because every
//! commit waits for the disk.
//!
//! - The task that gets the writer runs the writes that are waiting, up to a limit. It does not wait for more writes. A
//!   single write is an ordinary transaction.
//! - Each write of a group has a savepoint. A failed write is rolled back to its savepoint, without affecting others.
//! - Callers get their results after the commit. Errors are returned after the commit too, because data of another
//!   write in the group may have caused the error.
//! - If the transaction fails, all writes fail as unavailable. The transaction fails after a failed BEGIN or COMMIT,
//!   after a storage failure, and if SQLite has rolled back by itself, which removes the savepoint. The connection is
//!   discarded, see `transaction`.
//! - A write is skipped if its caller disconnects before the write begins. A write that has begun is committed with the
//!   others.
//! - A group queues for the writer like any transaction, so other transactions wait for one group and not for all
//!   groups.

use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use central_oauth_domain::ports::StoreError;
use sea_orm::{ConnectionTrait as _, DbErr};
use tokio::sync::oneshot;
use tracing::{Instrument as _, Span};

use super::session::Session;
use super::sqlite::Sqlite;
use super::waiting::{self, Member};
use crate::error::unavailable;

/// Maximum number of writes per group: enough to share the cost of a commit, and few enough that other transactions
/// wait only milliseconds.
const MOST: usize = 64;

/// The future of a write that runs in a transaction.
pub(super) type Writing<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The writes that wait for a group commit.
pub(super) type Group = waiting::Group<Box<dyn Write>>;

/// A write with any type of result.
#[async_trait]
pub(super) trait Write: Member {
    /// Runs the write. Returns whether it has succeeded.
    async fn run(&mut self, session: &Session) -> bool;

    /// Sends the caller the result, or the failure of the whole group.
    fn answer(self: Box<Self>, committed: Result<(), DbErr>);
}

impl Member for Box<dyn Write> {
    fn is_awaited(&self) -> bool {
        (**self).is_awaited()
    }

    fn span(&self) -> Span {
        (**self).span()
    }
}

/// Runs `writing` in a group. If `writing` returns an error, its changes are rolled back.
pub(super) async fn write<T, E, W>(file: &Arc<Sqlite>, writing: W) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
    W: for<'a> FnOnce(&'a Session) -> Writing<'a, Result<T, E>> + Send + 'static,
{
    let (caller, answer) = oneshot::channel();
    let job = Job {
        writing: Some(writing),
        result: None,
        caller,
        span: Span::current(),
    };
    if file.group().join(Box::new(job)) {
        let file = Arc::clone(file);
        tokio::spawn(async move {
            let commit = || {
                let file = Arc::clone(&file);
                async move { commit_group(&file).await }
            };
            file.group().lead(commit).await;
        });
    }
    answer.await.unwrap_or_else(|_| Err(ended_early().into()))
}

async fn commit_group(file: &Sqlite) {
    let session = match file.begin().await {
        Ok(session) => session,
        Err(error) => {
            file.health().failed();
            return answer(file.group().take_all(), &Err(error));
        }
    };
    let mut members = Vec::new();
    let committed = match run(&session, file.group(), &mut members).await {
        Ok(true) => session.commit_raw().await,
        Ok(false) => Ok(()),
        Err(error) => Err(error),
    };
    answer(members, &committed);
}

/// Runs the waiting writes, and moves them to `members`. Returns whether there is anything to commit.
async fn run(
    session: &Session,
    group: &Group,
    members: &mut Vec<Box<dyn Write>>,
) -> Result<bool, DbErr> {
    let mut savepoint = "SAVEPOINT member";
    while let Some((mut member, has_others)) = group.next() {
        if members.is_empty() && !has_others {
            let has_succeeded = member.run(session).await;
            members.push(member);
            return Ok(has_succeeded);
        }
        let marked = session.execute_unprepared(savepoint).await;
        let has_succeeded = marked.is_ok() && member.run(session).await;
        members.push(member);
        marked?;
        if !has_succeeded {
            session.roll_back_to("member").await?;
        }
        if members.len() >= MOST {
            break;
        }
        savepoint = "RELEASE member; SAVEPOINT member";
    }
    Ok(!members.is_empty())
}

fn answer(members: Vec<Box<dyn Write>>, committed: &Result<(), DbErr>) {
    for member in members {
        member.answer(committed.clone());
    }
}

struct Job<T, E, W> {
    writing: Option<W>,
    result: Option<Result<T, E>>,
    caller: oneshot::Sender<Result<T, E>>,
    span: Span,
}

impl<T, E, W> Member for Job<T, E, W>
where
    T: Send,
    E: Send,
    W: Send,
{
    fn is_awaited(&self) -> bool {
        !self.caller.is_closed()
    }

    fn span(&self) -> Span {
        self.span.clone()
    }
}

#[async_trait]
impl<T, E, W> Write for Job<T, E, W>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
    W: for<'a> FnOnce(&'a Session) -> Writing<'a, Result<T, E>> + Send + 'static,
{
    async fn run(&mut self, session: &Session) -> bool {
        if let Some(writing) = self.writing.take() {
            let span = self.span.clone();
            self.result = Some(writing(session).instrument(span).await);
        }
        matches!(self.result, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, committed: Result<(), DbErr>) {
        let result = match committed {
            Ok(()) => self.result.unwrap_or_else(|| Err(ended_early().into())),
            Err(error) => Err(unavailable(error).into()),
        };
        // The send fails only if the caller is gone.
        drop(self.caller.send(result));
    }
}

fn ended_early() -> StoreError {
    StoreError::Unavailable("a group of database writes ended too early".into())
}
