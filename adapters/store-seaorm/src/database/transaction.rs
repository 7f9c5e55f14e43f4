//! The only module that begins, commits and rolls back transactions.
//!
//! The driver counts the nesting of transactions on a connection. After a failed COMMIT or ROLLBACK, this count is
//! wrong: the driver would send the next BEGIN as a SAVEPOINT and the next COMMIT as a RELEASE, and nothing would be
//! committed any more. Therefore a connection is discarded if its transaction fails to begin or to end as expected.
//!
//! Begin, commit and rollback run in tasks of their own, because the future of a caller may be dropped at any moment. A
//! transaction holds its turn in the queue until it has ended.

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbBackend, DbErr};
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tracing::{Instrument as _, Span};

use super::health::WriteHealth;
use super::open_file::OpenFile;
use super::pool::ResponseTimeout;
use super::watched::{span, traced, with_timeout};
use crate::error::{
    is_about_the_connection, is_about_the_statement, is_locked, is_storage_failure,
};

/// Where the connection of a transaction comes from.
#[derive(Clone)]
pub(super) enum Origin {
    File(Arc<OpenFile>),
    Server(ResponseTimeout),
    /// A connection that is closed after this transaction.
    OneUse,
}

impl Origin {
    /// Makes later transactions use a new connection.
    fn discard(&self) {
        match self {
            Self::File(file) => file.discard_writer(),
            Self::Server(server) => server.pool.discard(server.generation),
            Self::OneUse => {}
        }
    }

    /// Fails after a commit to a file that is no longer at its path, because the next start of the service would not
    /// see the commit.
    fn confirm(&self) -> Result<(), DbErr> {
        match self {
            Self::File(file) => file.confirm_place(),
            Self::Server(server) => {
                server.pool.note_success();
                Ok(())
            }
            Self::OneUse => Ok(()),
        }
    }

    /// Returns the response timeout of a server, or `None` for a file.
    const fn response_timeout(&self) -> Option<&ResponseTimeout> {
        match self {
            Self::File(_) | Self::OneUse => None,
            Self::Server(response_timeout) => Some(response_timeout),
        }
    }
}

/// An open transaction, which is rolled back when it is dropped.
pub(crate) struct Transaction {
    /// `None` once the transaction is ending.
    open: Option<Box<Open>>,
    backend: DbBackend,
    has_failed: AtomicBool,
    /// The first error after which SQLite may have rolled back the whole transaction.
    storage_failure: OnceLock<DbErr>,
    is_suspect: AtomicBool,
}

struct Open {
    txn: DatabaseTransaction,
    origin: Origin,
    /// Records the results of writes; `None` for a transaction that only reads.
    health: Option<Arc<WriteHealth>>,
    /// The turn in the queue. The next transaction gets it when this one has ended.
    turn: Option<OwnedSemaphorePermit>,
}

impl Transaction {
    /// Begins a transaction on a connection of `origin`.
    pub(super) async fn begin(
        origin: Origin,
        health: Option<Arc<WriteHealth>>,
        begin: impl Future<Output = Result<DatabaseTransaction, DbErr>> + Send + 'static,
    ) -> Result<Self, DbErr> {
        in_a_task(Box::pin(async move {
            let begun = begin.await;
            if let Err(DbErr::Query(_)) = &begun
                && !begun.as_ref().is_err_and(is_locked)
            {
                origin.discard();
            }
            let open = Box::new(Open {
                txn: begun?,
                origin,
                health,
                turn: None,
            });
            Ok(Self {
                backend: open.txn.get_database_backend(),
                open: Some(open),
                has_failed: AtomicBool::new(false),
                storage_failure: OnceLock::new(),
                is_suspect: AtomicBool::new(false),
            })
        }))
        .await
    }

    /// Keeps this semaphore permit until the transaction has ended. Only then can the next waiting transaction begin.
    pub(super) fn with_turn(mut self, turn: Option<OwnedSemaphorePermit>) -> Self {
        if let Some(open) = &mut self.open {
            open.turn = turn;
        }
        self
    }

    /// Returns the SeaORM transaction.
    ///
    /// # Errors
    /// After a failed statement. SQLite may have rolled back the transaction, and would then commit each further
    /// statement on its own.
    pub(super) fn running(&self) -> Result<&DatabaseTransaction, DbErr> {
        match &self.open {
            Some(open) if !self.has_failed.load(Ordering::Relaxed) => Ok(&open.txn),
            _ => Err(rolled_back()),
        }
    }

    /// Returns the SeaORM transaction even after a failed statement, for migrations, which roll back after the first
    /// failure.
    pub(super) const fn unwatched(&self) -> Option<&DatabaseTransaction> {
        match &self.open {
            Some(open) => Some(&open.txn),
            None => None,
        }
    }

    pub(super) const fn backend(&self) -> DbBackend {
        self.backend
    }

    /// Records that a statement has failed. After that, the transaction can only be rolled back.
    pub(super) fn statement_failed(&self, error: &DbErr) {
        self.has_failed.store(true, Ordering::Relaxed);
        if !is_about_the_statement(error) {
            self.storage_failure.get_or_init(|| error.clone());
        }
        if is_storage_failure(error) {
            let is_suspect = is_about_the_connection(error);
            self.is_suspect.fetch_or(is_suspect, Ordering::Relaxed);
            self.tell_failure();
        }
    }

    /// Rolls back to a savepoint. The transaction continues, even if a statement has failed since.
    ///
    /// # Errors
    /// After a storage failure, and if SQLite has rolled back by itself, which removes the savepoint.
    pub(super) async fn roll_back_to(&self, savepoint: &str) -> Result<(), DbErr> {
        if let Some(error) = self.storage_failure.get() {
            return Err(error.clone());
        }
        let open = self.open.as_ref().ok_or_else(rolled_back)?;
        let sql = format!("ROLLBACK TO {savepoint}");
        let rolled_back = open.txn.execute_unprepared(&sql).await;
        match &rolled_back {
            Ok(_) => self.has_failed.store(false, Ordering::Relaxed),
            Err(error) => self.statement_failed(error),
        }
        rolled_back.map(drop)
    }

    fn tell_failure(&self) {
        if let Some(health) = self.open.as_ref().and_then(|open| open.health.as_ref()) {
            health.failed();
        }
    }

    /// Rolls back, and returns when the locks are released. After a failed statement, returns at once and rolls back in
    /// the background, because the connection may be dead.
    pub(super) async fn roll_back(mut self) {
        if self.has_failed.load(Ordering::Relaxed) {
            return;
        }
        if let Some(open) = self.open.take() {
            let rolling_back = async {
                open.roll_back(false).await;
                Ok(())
            };
            // This fails only if the task panics, and the transaction is over then too.
            let _ = in_a_task(Box::pin(rolling_back)).await;
        }
    }

    /// Commits. After an error, the commit may or may not be durable.
    pub(super) async fn commit(
        mut self,
        response_timeout: Option<ResponseTimeout>,
    ) -> Result<(), DbErr> {
        self.running()?;
        let span = span(self.backend, "COMMIT");
        match self.open.take() {
            Some(open) => in_a_task(Box::pin(open.commit(response_timeout, span))).await,
            None => Err(rolled_back()),
        }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let is_suspect = *self.is_suspect.get_mut();
        // Without a runtime the process is ending, and the database rolls back by itself.
        if let (Some(open), Ok(runtime)) = (self.open.take(), Handle::try_current()) {
            runtime.spawn(open.roll_back(is_suspect));
        }
    }
}

impl Open {
    async fn commit(
        self,
        response_timeout: Option<ResponseTimeout>,
        span: Span,
    ) -> Result<(), DbErr> {
        let committed = with_timeout(response_timeout.as_ref(), self.txn.commit());
        let committed = traced(span, committed).await;
        if committed.is_err() {
            self.origin.discard();
        }
        let committed = committed.and_then(|()| self.origin.confirm());
        if let Some(health) = &self.health {
            match &committed {
                Ok(()) => health.committed(),
                Err(_) => health.failed(),
            }
        }
        drop(self.turn);
        committed
    }

    async fn roll_back(self, is_suspect: bool) {
        let rolled_back = with_timeout(self.origin.response_timeout(), self.txn.rollback()).await;
        if is_suspect || rolled_back.is_err() {
            self.origin.discard();
        }
        drop(self.turn);
    }
}

/// Runs to completion even if the caller is dropped.
pub(super) async fn in_a_task<T: Send + 'static>(
    work: impl Future<Output = Result<T, DbErr>> + Send + 'static,
) -> Result<T, DbErr> {
    let done = tokio::spawn(work.in_current_span()).await;
    done.map_err(|error| DbErr::Custom(error.to_string()))?
}

fn rolled_back() -> DbErr {
    DbErr::Custom("a statement of the transaction has failed".to_owned())
}
