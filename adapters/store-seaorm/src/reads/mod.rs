//! Reads a key and its tokens in one statement.

mod confirmed;
mod sql;

use async_trait::async_trait;
use central_oauth_domain::grant::{AccessKeyId, KeyBinding};
use central_oauth_domain::ports::{
    KeyStore, OpenedGrant, OpenedKey, ReadStore, RowVersion, StoreError,
};
use central_oauth_domain::secret::KeyedHash;
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};

use crate::convert::{FoundTokens, key_holder};
use crate::entities::access_keys;
use crate::error::failed;
use crate::store::SeaOrmStore;

pub(crate) use confirmed::ConfirmedRows;
pub(crate) use sql::{changed, opening};

#[async_trait]
impl ReadStore for SeaOrmStore {
    async fn open_key(&self, key: &KeyedHash) -> Result<Option<OpenedKey>, StoreError> {
        let session = self.read().await?;
        let question = opening(session.get_database_backend(), key);
        let row = session.query_one_raw(question).await.map_err(failed)?;
        let Some(row) = row else { return Ok(None) };
        let version: Option<String> = row.try_get("", "version").map_err(failed)?;
        let Some(version) = version else {
            // The statement above reads no links, because most keys have an account. Releases the connection before the
            // next query, because requests that each hold one connection and wait for a second connection could block
            // each other.
            drop(session);
            let (holder, grant) = (self.find_key(key).await?, None);
            return Ok(holder.map(|holder| OpenedKey { holder, grant }));
        };
        let tokens = FoundTokens::read(&row, sql::ACCOUNT, sql::TOKENS).tokens;
        let binding = KeyBinding::Account {
            id: tokens.account.id,
            person: tokens.account.key.clone(),
        };
        let stored = access_keys::Model::from_query_result(&row, sql::KEY).map_err(failed)?;
        let version = RowVersion(version.into());
        Ok(Some(OpenedKey {
            holder: key_holder(&stored, binding)?,
            grant: Some(OpenedGrant { tokens, version }),
        }))
    }

    async fn changed(
        &self,
        seen: &[(AccessKeyId, RowVersion)],
    ) -> Result<Vec<AccessKeyId>, StoreError> {
        let mut confirmed = self.confirmed.lock().await;
        let state = self.database.file_state().await.map_err(failed)?;
        let unconfirmed = confirmed.unconfirmed(state, seen);
        if unconfirmed.is_empty() {
            return Ok(Vec::new());
        }
        let session = self.read().await?;
        let question = changed(session.get_database_backend(), &unconfirmed);
        let rows = session.query_all_raw(question).await.map_err(failed)?;
        let ids = rows
            .iter()
            .map(|row| row.try_get_by_index(0).map(AccessKeyId));
        let changed: Vec<_> = ids.collect::<Result<_, DbErr>>().map_err(failed)?;
        confirmed.add(unconfirmed, &changed);
        Ok(changed)
    }
}
