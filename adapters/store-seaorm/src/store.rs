//! The store, and how it writes.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::refresh::RefreshFailure;
use central_oauth_domain::grant::{
    Account, AccountId, KeyHolder, NewGrant, ProviderName, RefreshedTokens, StoredTokens,
};
use central_oauth_domain::link::{Ending, Link, LinkId, PollSchedule, SealedConsent, SealedGrant};
use central_oauth_domain::ports::{LinkCreation, NewLink, Recorded, StoreError, TokenStore};
use central_oauth_domain::secret::{KeyedHash, Sealed};
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use tokio::sync::{Mutex, MutexGuard};

use crate::error::failed;
use crate::open::{self, OpenError};
use crate::url::DatabaseUrl;
use crate::{accounts, complete, hash_key, keys, links, peek, polls, purge, refreshed, refreshes};

/// Links, accounts, tokens and keys in an SQLite database.
pub struct SeaOrmStore {
    pub(crate) db: DatabaseConnection,
    path: PathBuf,
    /// Whose turn it is to write. SQLite lets one connection write at a time and has the others poll for their turn;
    /// here they queue, fairly and without holding a connection that a reader could use.
    turn: Mutex<()>,
}

/// An open transaction that may write; dropping it takes everything back.
pub(crate) struct Write<'a> {
    pub(crate) txn: DatabaseTransaction,
    _turn: MutexGuard<'a, ()>,
}

impl SeaOrmStore {
    /// Opens the database, and creates the file if need be, readable by its owner alone. The schema is left as it is:
    /// see [`SeaOrmStore::migrate_up`].
    ///
    /// # Errors
    /// When the file cannot be used, or has been migrated by a newer version.
    pub async fn open(url: &DatabaseUrl) -> Result<Self, OpenError> {
        peek::refuse_newer(url.path()).await?;
        Ok(Self {
            db: open::read_write(url.path()).await?,
            path: url.path().to_owned(),
            turn: Mutex::default(),
        })
    }

    /// Finishes what is under way and closes the file. Whoever asks the store afterwards is told that it is
    /// unavailable.
    ///
    /// # Errors
    /// When the database reports trouble on closing.
    pub async fn close(&self) -> Result<(), OpenError> {
        let closed = self.db.close_by_ref().await;
        closed.map_err(OpenError::at(&self.path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Begins to write. The lock is taken at the start: a transaction that begins by reading and is refused the lock
    /// later fails at once, without any waiting.
    pub(crate) async fn begin(&self) -> Result<Write<'_>, DbErr> {
        let turn = self.turn.lock().await;
        let immediate = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let txn = self.db.begin_with_options(immediate).await?;
        Ok(Write { txn, _turn: turn })
    }

    pub(crate) async fn write(&self) -> Result<Write<'_>, StoreError> {
        self.begin().await.map_err(failed)
    }
}

impl Write<'_> {
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        self.txn.commit().await.map_err(failed)
    }
}

#[async_trait]
impl TokenStore for SeaOrmStore {
    async fn hash_key(&self) -> Result<Option<Sealed>, StoreError> {
        hash_key::read(&self.db).await.map_err(failed)
    }

    async fn init_hash_key(&self, candidate: Sealed) -> Result<Sealed, StoreError> {
        hash_key::init(self, candidate).await
    }

    async fn create_link(&self, link: NewLink, most_open: u64) -> Result<LinkCreation, StoreError> {
        links::create(self, link, most_open).await
    }

    async fn find_link(&self, code: &KeyedHash) -> Result<Option<Link>, StoreError> {
        links::find(self, code).await
    }

    async fn reserve_link(
        &self,
        link: LinkId,
        browser: KeyedHash,
        now: Timestamp,
    ) -> Result<Link, StoreError> {
        links::reserve(self, link, browser, now).await
    }

    async fn begin_consent(
        &self,
        link: LinkId,
        version: i64,
        consent: SealedConsent,
        poll: Option<PollSchedule>,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Link, StoreError> {
        let authorizing = links::authorizing(&consent, poll, expires_at);
        links::begin_consent(self, link, version, authorizing, now).await
    }

    async fn claim_due_polls(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u64,
        busy: &[ProviderName],
    ) -> Result<Vec<Link>, StoreError> {
        polls::claim_due(self, now, lease_until, limit, busy).await
    }

    async fn next_poll_at(&self, busy: &[ProviderName]) -> Result<Option<Timestamp>, StoreError> {
        polls::next_at(self, busy).await
    }

    async fn postpone_poll(
        &self,
        link: LinkId,
        version: i64,
        poll: PollSchedule,
    ) -> Result<(), StoreError> {
        polls::postpone(self, link, version, poll).await
    }

    async fn keep_redeemed(
        &self,
        link: LinkId,
        version: i64,
        grant: SealedGrant,
        poll: PollSchedule,
        expires_at: Timestamp,
    ) -> Result<Link, StoreError> {
        polls::keep_redeemed(self, link, version, grant, poll, expires_at).await
    }

    async fn complete_link(
        &self,
        link: LinkId,
        version: i64,
        grant: NewGrant,
        now: Timestamp,
    ) -> Result<Account, StoreError> {
        complete::link(self, link, version, grant, now).await
    }

    async fn end_link(
        &self,
        link: LinkId,
        version: i64,
        ending: Ending,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        links::end(self, link, version, ending, now).await
    }

    async fn find_key(&self, key: &KeyedHash) -> Result<Option<KeyHolder>, StoreError> {
        keys::find(self, key).await
    }

    async fn account(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        accounts::find(&self.db, id).await
    }

    async fn accounts(
        &self,
        after: Option<AccountId>,
        limit: u64,
    ) -> Result<Vec<Account>, StoreError> {
        accounts::list(self, after, limit).await
    }

    async fn tokens(&self, id: AccountId) -> Result<Option<StoredTokens>, StoreError> {
        accounts::tokens(self, id).await
    }

    async fn claim_due_refreshes(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u64,
        busy: &[ProviderName],
    ) -> Result<Vec<StoredTokens>, StoreError> {
        refreshes::claim_due(self, now, lease_until, limit, busy).await
    }

    async fn claim_refresh(
        &self,
        account: AccountId,
        lease_version: i64,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<StoredTokens, StoreError> {
        refreshes::claim(self, account, lease_version, now, lease_until).await
    }

    async fn next_refresh_at(
        &self,
        busy: &[ProviderName],
    ) -> Result<Option<Timestamp>, StoreError> {
        refreshes::next_at(self, busy).await
    }

    async fn release_refresh(
        &self,
        account: AccountId,
        lease_version: i64,
    ) -> Result<(), StoreError> {
        refreshes::release(self, account, lease_version).await
    }

    async fn record_refresh(
        &self,
        account: AccountId,
        generation: i64,
        tokens: RefreshedTokens,
        now: Timestamp,
    ) -> Result<Recorded, StoreError> {
        refreshed::record(self, account, generation, &tokens, now).await
    }

    async fn record_refresh_failure(
        &self,
        account: AccountId,
        generation: i64,
        lease_version: i64,
        failure: RefreshFailure,
    ) -> Result<bool, StoreError> {
        refreshed::record_failure(self, account, generation, lease_version, failure).await
    }

    async fn promote_spare(
        &self,
        account: AccountId,
        generation: i64,
        lease_version: i64,
    ) -> Result<Option<StoredTokens>, StoreError> {
        refreshed::promote_spare(self, account, generation, lease_version).await
    }

    async fn purge_links(&self, ended_before: Timestamp, limit: u64) -> Result<u64, StoreError> {
        purge::links(self, ended_before, limit).await
    }
}
