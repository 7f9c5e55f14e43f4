//! Where a copy comes from: a database that nobody writes to meanwhile.

use std::collections::BTreeSet;

use central_oauth_domain::ports::StoreError;
use central_oauth_domain::secret::{SealId, Sealed};
use sea_orm::DbErr;

use super::refused::CopyRefused;
use super::tables::Table;
use crate::database::{Held, OpenError, PoolSettings, Session};
use crate::error::{failed, is_locked};
use crate::url::DatabaseUrl;
use crate::{schema, seals};

/// A database that is held as it is while it is copied. Nothing in it is changed.
pub struct CopySource {
    held: Held,
    url: DatabaseUrl,
}

impl CopySource {
    /// Holds an existing database, unless a service has it open, busy or idle. Nobody can open a file afterwards; on a
    /// server services can read, and nobody can write.
    ///
    /// # Errors
    /// When it is in use, or its schema is not the one that this build knows.
    pub async fn hold(url: &DatabaseUrl, settings: PoolSettings) -> Result<Self, CopyRefused> {
        let refused = |error| refused(url, error);
        let held = Held::open(url, settings).await.map_err(refused)?;
        schema::refuse_newer(&held.session, url).await?;
        let pending = schema::pending(&held.session).await.map_err(refused)?;
        if !pending.is_empty() {
            let database = url.to_string();
            return Err(CopyRefused::SourceIsBehind { database, pending });
        }
        let tables = Table::ALL.map(Table::name);
        let tables = [&tables[..], &["service_keys"]].concat();
        if !held.keep(&tables).await.map_err(refused)? {
            let database = url.to_string();
            return Err(CopyRefused::SourceHasConnections { database });
        }
        let url = url.clone();
        Ok(Self { held, url })
    }

    /// The sealed hash key.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn hash_key(&self) -> Result<Option<Sealed>, StoreError> {
        seals::read_hash_key(self.session()).await.map_err(failed)
    }

    /// The keys that its values were sealed with.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn seals_in_use(&self) -> Result<BTreeSet<SealId>, StoreError> {
        seals::seals_in_use(self.session()).await
    }

    /// Lets go of it.
    ///
    /// # Errors
    /// When the database reports trouble on closing.
    pub async fn release(self) -> Result<(), OpenError> {
        let released = self.held.release().await;
        released.map_err(OpenError::at(&self.url))
    }

    pub(super) const fn session(&self) -> &Session {
        &self.held.session
    }
}

fn refused(url: &DatabaseUrl, error: DbErr) -> CopyRefused {
    if is_locked(&error) {
        let database = url.to_string();
        CopyRefused::SourceInUse { database }
    } else {
        OpenError::at(url)(error).into()
    }
}
