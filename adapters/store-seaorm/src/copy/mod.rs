//! Copies everything from one database to another.
//!
//! There are two passes over all tables. The first pass deletes rows of the destination that differ from the source,
//! and the second pass adds missing rows. An attempt can therefore continue from the rows of an interrupted attempt. On
//! a server, each batch of rows is a transaction. A file is written in one transaction, which is fast and leaves
//! nothing behind after an interruption.
//!
//! The guard is a transaction at the destination that stays open during the whole copy. The guard locks out other
//! copies and starting services, and writes the hash key at the end. If the connection of the guard breaks, the copy
//! fails.

mod error;
mod numbers;
mod progress;
mod rows;
mod source;
pub(crate) mod tables;
mod unreadable;
mod verify;

use std::collections::VecDeque;
use std::sync::Arc;

use central_oauth_domain::ports::{Cipher, StoreError};
use central_oauth_domain::secret::Sealed;
use central_oauth_domain::vault::Vault;
use sea_orm::{ConnectionTrait, DbBackend, DbErr};

pub use error::CopyError;
pub use progress::{CopyProgress, TableCount};
pub use source::CopySource;
pub use unreadable::rows as named_rows;

use crate::database::{OpenError, PoolSettings, Purpose, Session};
use crate::error::{failed, is_locked};
use crate::store::SeaOrmStore;
use crate::url::DatabaseUrl;
use crate::{hash_key, locks};
use rows::{add_missing, count, damaged, drop_unequal};
use tables::{Table, with_entity};

/// The result of a completed copy.
#[derive(Debug)]
pub struct CopyReport {
    /// The tables, each with equal numbers of rows at the source and the destination.
    pub tables: Vec<TableCount>,
    /// How many sealed values were decrypted at the destination.
    pub opened: u64,
}

/// Copies everything from one database into another, and checks that every sealed value can be decrypted there. Writes
/// the hash key last. No service starts without a hash key, so a copy can be interrupted and repeated at any time.
/// Before the first write, decrypts the hash key of the source, and checks that all secret keys of the source are
/// configured and that the destination has no hash key.
///
/// # Errors
/// When a database is in use or fails, a key is wrong or missing, or the copy differs from the source.
pub async fn copy(
    from: &DatabaseUrl,
    to: &DatabaseUrl,
    settings: PoolSettings,
    cipher: Arc<dyn Cipher>,
    progress: &mut (dyn FnMut(CopyProgress) + Send),
) -> Result<CopyReport, CopyError> {
    let source = CopySource::hold(from, settings).await?;
    let (hash_key, vault) = source.unlock(cipher).await?;
    let destination = SeaOrmStore::open_if(to, settings, |hash_key| match hash_key {
        None => Ok(()),
        Some(_) => Err(CopyError::DestinationIsComplete(to.to_string())),
    });
    let destination = destination.await?;
    destination.migrate_up().await?;
    let copied = async {
        let copy = SeaOrmCopy::begin(&source, &destination).await?;
        copy.run(&hash_key, &vault, progress).await
    };
    let copied = copied.await;
    let closed = destination.close().await;
    let released = source.release().await;
    let copied = copied?;
    closed?;
    released?;
    Ok(copied)
}

/// A copy in progress.
pub struct SeaOrmCopy<'a> {
    source: &'a CopySource,
    destination: &'a SeaOrmStore,
    guard: Session,
    /// The remaining passes, each over one table.
    rest: VecDeque<(Pass, Table)>,
    /// The id after which the first remaining pass continues.
    after: i64,
}

#[derive(Clone, Copy)]
enum Pass {
    Drop,
    Add,
}

impl<'a> SeaOrmCopy<'a> {
    /// Begins to copy into a database whose schema is up to date, or continues an interrupted attempt.
    ///
    /// # Errors
    /// When the destination is complete or in use.
    pub async fn begin(
        source: &'a CopySource,
        destination: &'a SeaOrmStore,
    ) -> Result<Self, CopyError> {
        let database = || destination.url().to_string();
        let at = OpenError::at(destination.url());
        // Uses a connection that is reserved for saves. The rows are copied over the general connections, and there may
        // be only one of these.
        let guard = match destination.database.begin(Purpose::Save).await {
            Err(error) if is_locked(&error) => {
                return Err(CopyError::DestinationInUse(database()));
            }
            guard => guard.map_err(&at)?,
        };
        let guard = guard.without_timeouts().await.map_err(&at)?;
        let is_alone = locks::copying(&guard).await.map_err(&at)?;
        let hash_key = hash_key::read(&guard).await.map_err(&at)?;
        match (hash_key, is_alone) {
            (Some(_), _) => Err(CopyError::DestinationIsComplete(database())),
            (None, false) => Err(CopyError::DestinationInUse(database())),
            (None, true) => Ok(Self {
                source,
                destination,
                guard,
                rest: [Pass::Drop, Pass::Add]
                    .into_iter()
                    .flat_map(|pass| Table::ALL.map(|table| (pass, table)))
                    .collect(),
                after: 0,
            }),
        }
    }

    /// Copies all rows, checks that the sealed values can be decrypted, and completes the destination.
    async fn run(
        mut self,
        hash_key: &Sealed,
        vault: &Vault,
        progress: &mut (dyn FnMut(CopyProgress) + Send),
    ) -> Result<CopyReport, CopyError> {
        let all = self.counts().await?.iter().map(|of| of.source).sum();
        progress(CopyProgress::Begun(all));
        loop {
            match self.step().await {
                Ok(Some(step)) => progress(step),
                Ok(None) => break,
                Err(error @ StoreError::Corrupt(_)) => return Err(self.damage(error).await?),
                Err(error) => return Err(error.into()),
            }
        }
        let tables = self.counts().await?;
        if let Some(differs) = tables.iter().find(|of| of.source != of.destination) {
            return Err(CopyError::Differs(*differs));
        }
        let holding = tables.iter().filter(|of| of.may_be_sealed);
        progress(CopyProgress::Opening(holding.map(|of| of.source).sum()));
        let opened = verify::open_all(&self.guard, vault, progress).await?;
        self.finish(hash_key).await?;
        Ok(CopyReport { tables, opened })
    }

    /// Returns an error that names all unreadable rows of the source. Returns `error` itself if every row can be read.
    async fn damage(&self, error: StoreError) -> Result<CopyError, StoreError> {
        let (source, mut found) = (self.source.session(), Vec::new());
        for table in Table::ALL {
            let damaged = with_entity!(table, damaged(source))?;
            found.extend(damaged.into_iter().map(|row| (table.name(), row)));
        }
        Ok(match found.is_empty() {
            true => error.into(),
            false => CopyError::Damaged(found),
        })
    }

    /// Begins a transaction for the next rows on a server. Returns `None` for a file, whose rows are written in the
    /// transaction of the guard.
    async fn begin_batch(&self) -> Result<Option<Session>, StoreError> {
        // Checks that the guard's connection works, and that no other process has completed the destination.
        let hash_key = hash_key::read(&self.guard).await;
        if hash_key.map_err(failed)?.is_some() {
            return Err(StoreError::Conflict);
        }
        match self.guard.get_database_backend() {
            DbBackend::Postgres => self.destination.write().await.map(Some),
            _ => Ok(None),
        }
    }

    /// Updates the statistics of a server. Without them, a service that starts right after the copy would get slow
    /// query plans.
    async fn analyze(&self) -> Result<(), StoreError> {
        if let Some(own) = self.begin_batch().await? {
            let own = own.without_timeouts().await.map_err(failed)?;
            let tables = Table::ALL.map(Table::name).join(", ");
            let analyze = format!("ANALYZE {tables}");
            let analyzed = own.execute_unprepared(&analyze).await;
            analyzed.map_err(failed)?;
            own.commit().await?;
        }
        Ok(())
    }

    /// Runs a pass over the next rows of a table. Returns `None` at the end of the table.
    async fn batch(&self, pass: Pass, table: Table) -> Result<Option<rows::Batch>, StoreError> {
        let own = self.begin_batch().await?;
        let there = own.as_ref().unwrap_or(&self.guard);
        let (source, after) = (self.source.session(), self.after);
        let done = match pass {
            Pass::Drop => with_entity!(table, drop_unequal(source, there, after)),
            Pass::Add => with_entity!(table, add_missing(source, there, after)),
        };
        let done = done.map_err(batch_error)?;
        if let Some(own) = own {
            own.commit().await?;
        }
        Ok(done)
    }

    /// Counts the rows of each table on both sides.
    ///
    /// # Errors
    /// When a database fails.
    pub async fn counts(&self) -> Result<Vec<TableCount>, StoreError> {
        let (source, destination) = (self.source.session(), &self.guard);
        let mut counts = Vec::new();
        for table in Table::ALL {
            let name = table.name();
            counts.push(TableCount {
                table: name,
                may_be_sealed: table.may_be_sealed(),
                source: with_entity!(table, count(source)).map_err(failed)?,
                destination: with_entity!(table, count(destination)).map_err(failed)?,
            });
        }
        Ok(counts)
    }

    /// Copies the next rows. Returns `None` when every row has been copied.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the destination has a hash key, [`StoreError::Corrupt`] when the destination
    /// rejects a row of the source.
    pub async fn step(&mut self) -> Result<Option<CopyProgress>, StoreError> {
        while let Some((pass, table)) = self.rest.front().copied() {
            if let Some(done) = self.batch(pass, table).await? {
                self.after = done.last;
                return Ok(Some(match pass {
                    Pass::Drop => CopyProgress::Compared(done.rows),
                    Pass::Add => CopyProgress::Copied(done.rows),
                }));
            }
            self.rest.pop_front();
            self.after = 0;
        }
        self.analyze().await?;
        Ok(None)
    }

    /// Stores the hash key at the destination, which completes the copy.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the destination already has another hash key.
    pub async fn finish(self, hash_key: &Sealed) -> Result<(), StoreError> {
        let numbers = numbers::go_on(self.source.session(), &self.guard).await;
        numbers.map_err(failed)?;
        let kept = hash_key::init(&self.guard, hash_key).await?;
        if kept != *hash_key {
            return Err(StoreError::Conflict);
        }
        self.guard.commit().await
    }
}

/// Converts the error of a batch. A violated constraint means that the source row is invalid, because nobody else
/// writes to either database during the copy.
fn batch_error(error: DbErr) -> StoreError {
    if error.sql_err().is_some() {
        StoreError::Corrupt(Box::new(error))
    } else {
        failed(error)
    }
}
