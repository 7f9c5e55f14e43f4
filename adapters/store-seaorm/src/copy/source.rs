//! The source of a copy: a database that is locked against writes.

use std::sync::Arc;

use central_oauth_domain::ports::{Cipher, CipherError};
use central_oauth_domain::secret::Sealed;
use central_oauth_domain::usecases::{UnlockError, require_known};
use central_oauth_domain::vault::Vault;
use sea_orm::DbErr;

use super::error::CopyError;
use super::tables::Table;
use super::unreadable::UnreadableValue;
use super::verify;
use crate::database::{Held, OpenError, PoolSettings, Session, versions};
use crate::error::{failed, is_locked};
use crate::url::DatabaseUrl;
use crate::{hash_key, seals};

/// A database that is locked against writes while it is copied. The copy does not change it.
pub struct CopySource {
    held: Held,
    url: DatabaseUrl,
}

impl CopySource {
    /// Locks an existing database against writes. After that, other processes cannot open the source if it is a file,
    /// and can only read from it if it is a server.
    ///
    /// # Errors
    /// When a service has the database open, even if idle, or the schema is not that of this build.
    pub async fn hold(url: &DatabaseUrl, settings: PoolSettings) -> Result<Self, CopyError> {
        let refused = |error| refused(url, error);
        let held = Held::open(url, settings).await.map_err(refused)?;
        versions::refuse_newer(&held.session, url).await?;
        let pending = versions::pending(&held.session).await.map_err(refused)?;
        if !pending.is_empty() {
            let database = url.to_string();
            return Err(CopyError::SourceIsBehind { database, pending });
        }
        let tables = Table::ALL.map(Table::name);
        let tables = [&tables[..], &["service_keys"]].concat();
        if !held.lock_tables(&tables).await.map_err(refused)? {
            return Err(CopyError::SourceHasConnections(url.to_string()));
        }
        let url = url.clone();
        Ok(Self { held, url })
    }

    /// Decrypts the hash key, and checks that the secret keys of all sealed values are configured. Writes nothing.
    ///
    /// # Errors
    /// When there is no hash key, or a key is wrong or missing.
    pub async fn unlock(&self, cipher: Arc<dyn Cipher>) -> Result<(Sealed, Vault), CopyError> {
        let sealed = hash_key::read(self.session()).await.map_err(failed)?;
        let in_use = seals::seals_in_use(self.session()).await?;
        let hash_key = sealed.ok_or(CopyError::NoHashKey)?;
        let vault = Vault::unlock(cipher, &hash_key).map_err(UnlockError::WrongKey)?;
        if let Err(missing) = require_known(in_use, &vault) {
            self.verify(&vault, missing).await?;
        }
        Ok((hash_key, vault))
    }

    /// Tries to decrypt all values. Fails with `missing` if a value needs a key that is not configured. Otherwise fails
    /// with an error that names the damaged values, if there are any.
    async fn verify(&self, vault: &Vault, missing: UnlockError) -> Result<(), CopyError> {
        let needs_key = |value: &UnreadableValue| value.cause == CipherError::UnknownKey;
        match verify::open_all(self.session(), vault, &mut |_| {}).await {
            Err(CopyError::Unreadable(values)) if values.iter().any(needs_key) => {
                Err(missing.into())
            }
            opened => opened.map(drop),
        }
    }

    /// Unlocks and closes the database.
    ///
    /// # Errors
    /// When closing the database fails.
    pub async fn release(self) -> Result<(), OpenError> {
        let released = self.held.release().await;
        released.map_err(OpenError::at(&self.url))
    }

    pub(super) const fn session(&self) -> &Session {
        &self.held.session
    }
}

fn refused(url: &DatabaseUrl, error: DbErr) -> CopyError {
    if is_locked(&error) {
        CopyError::SourceInUse(url.to_string())
    } else {
        OpenError::at(url)(error).into()
    }
}
