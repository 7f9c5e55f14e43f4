//! Moving everything from one store to another: in which order, and when it may count as done.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::UnlockError;
use super::rekey::require_known;
use crate::ports::{
    Cipher, CipherError, CopyStep, SealedColumn, SealedRow, SealedTable, SealedTo, StoreCopy,
    StoreError, TableCount,
};
use crate::secret::{SealId, Sealed};
use crate::vault::Vault;

/// Rows whose values are opened at a time.
const BATCH: u64 = 200;
/// More of them say nothing new.
const MOST_NAMED: usize = 10;

/// A copy that has come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The tables, with as many rows on both sides.
    pub tables: Vec<TableCount>,
    /// Sealed values that were opened at the destination.
    pub opened: u64,
}

/// How far a copy has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyProgress {
    /// So many rows are to be copied in all.
    Begun(u64),
    /// A step was made.
    Moved(CopyStep),
    /// All of them have been; the sealed values of so many, at the most, are to be opened.
    Opening(u64),
    /// The sealed values of so many more rows have been opened.
    Opened(u64),
}

/// Why a copy has not come to its end. What has been copied stays; running it again goes on.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// No service has ever run on the source, or it is the unfinished destination of another copy.
    #[error(
        "the source has no hash key: no service has run on it yet, or it is an unfinished copy"
    )]
    NoHashKey,
    /// The keys do not open the source.
    #[error(transparent)]
    Unlock(#[from] UnlockError),
    /// The sides differ after all.
    #[error("{} has {} rows at the source and {} at the destination", .0.table, .0.source, .0.destination)]
    Differs(TableCount),
    /// Values do not open.
    #[error("these values do not open, at the source neither: {}", named(.0))]
    Unreadable(Vec<UnreadableValue>),
    /// The destination has become complete meanwhile, and not by this copy.
    #[error("the destination has been completed by somebody else meanwhile")]
    Overtaken,
    /// A store failed.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for CopyError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => Self::Overtaken,
            error => Self::Store(error),
        }
    }
}

/// A value that does not open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableValue {
    table: SealedTable,
    row: i64,
    owner: SealedTo,
    column: SealedColumn,
    cause: CipherError,
}

fn named(values: &[UnreadableValue]) -> String {
    let names = values.iter().take(MOST_NAMED).map(|value| {
        let UnreadableValue {
            table, row, column, ..
        } = value;
        let whose = match &value.owner {
            SealedTo::Account(key) => format!(
                ", of account {} at {}",
                key.account_id,
                key.provider.as_str()
            ),
            _ => String::new(),
        };
        format!(
            "{column:?} of row {row} of {table:?}{whose} ({})",
            value.cause
        )
    });
    let names = names.collect::<Vec<_>>().join(", ");
    match values.len().saturating_sub(MOST_NAMED) {
        0 => names,
        more => format!("{names}, and {more} more"),
    }
}

/// What opens the values of a source, from its hash key and the keys that it needs. Nothing has been written when it is
/// refused.
///
/// # Errors
/// [`CopyError::NoHashKey`], and [`CopyError::Unlock`] when a key is wrong or missing.
pub fn unlock_source(
    hash_key: Option<&Sealed>,
    in_use: BTreeSet<SealId>,
    cipher: Arc<dyn Cipher>,
) -> Result<Vault, CopyError> {
    let hash_key = hash_key.ok_or(CopyError::NoHashKey)?;
    let vault = Vault::unlock(cipher, hash_key).map_err(UnlockError::WrongKey)?;
    require_known(in_use, &vault)?;
    Ok(vault)
}

/// Copies all rows and makes sure that every sealed value opens where it stands now. Only then does the destination get
/// the hash key, and with it become a store that a service starts on. May be killed and started again at any time.
///
/// # Errors
/// When the copy is not what the source is, or a store fails.
pub async fn copy(
    mut copy: Box<dyn StoreCopy + '_>,
    hash_key: &Sealed,
    vault: &Vault,
    progress: &mut (dyn FnMut(CopyProgress) + Send),
) -> Result<Copied, CopyError> {
    vault.verify(hash_key).map_err(UnlockError::WrongKey)?;
    let all = copy.counts().await?.iter().map(|count| count.source).sum();
    progress(CopyProgress::Begun(all));
    while let Some(step) = copy.step().await? {
        progress(CopyProgress::Moved(step));
    }
    let tables = copy.counts().await?;
    if let Some(differs) = tables.iter().find(|of| of.source != of.destination) {
        return Err(CopyError::Differs(*differs));
    }
    let holding = tables.iter().filter(|of| of.may_be_sealed);
    progress(CopyProgress::Opening(holding.map(|of| of.source).sum()));
    let opened = open_all(copy.as_ref(), vault, progress).await?;
    copy.finish(hash_key).await?;
    Ok(Copied { tables, opened })
}

async fn open_all(
    copy: &(dyn StoreCopy + '_),
    vault: &Vault,
    progress: &mut (dyn FnMut(CopyProgress) + Send),
) -> Result<u64, CopyError> {
    let (mut opened, mut unreadable) = (0, Vec::new());
    for table in SealedTable::ALL {
        let mut after = 0;
        loop {
            let rows = copy.sealed_rows(table, after, BATCH).await?;
            let Some(last) = rows.last() else { break };
            after = last.id;
            for row in &rows {
                unreadable.extend(check(vault, table, row));
                opened += row.values.len() as u64;
            }
            progress(CopyProgress::Opened(rows.len() as u64));
        }
    }
    if unreadable.is_empty() {
        Ok(opened)
    } else {
        Err(CopyError::Unreadable(unreadable))
    }
}

fn check<'a>(
    vault: &'a Vault,
    table: SealedTable,
    row: &'a SealedRow,
) -> impl Iterator<Item = UnreadableValue> + 'a {
    let checked = row.values.iter().map(move |value| {
        let checked = vault.check(&row.owner, value);
        checked.map_err(|cause| UnreadableValue {
            table,
            row: row.id,
            owner: row.owner.clone(),
            column: value.column,
            cause,
        })
    });
    checked.filter_map(Result::err)
}
