//! Reads a key and its tokens in one statement.

mod sql;

use async_trait::async_trait;
use central_oauth_domain::grant::AccessKeyId;
use central_oauth_domain::ports::{
    KeyStore, OpenedGrant, OpenedKey, ReadStore, RowVersion, StoreError,
};
use central_oauth_domain::secret::KeyedHash;
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, QueryResult};

use crate::convert::{key_holder, stored_tokens, to_account};
use crate::entities::{access_keys, accounts, tokens};
use crate::error::failed;
use crate::store::SeaOrmStore;

pub(crate) use sql::{changed, opening};

#[async_trait]
impl ReadStore for SeaOrmStore {
    async fn open_key(&self, key: &KeyedHash) -> Result<Option<OpenedKey>, StoreError> {
        let session = self.read().await?;
        let question = opening(session.get_database_backend(), key);
        let row = session.query_one_raw(question).await.map_err(failed)?;
        let Some(row) = row else { return Ok(None) };
        let found = Row::read(&row).map_err(failed)?;
        let Some(account) = found.account else {
            // Most keys have an account, so the statement above reads no links.
            let (holder, grant) = (self.find_key(key).await?, None);
            return Ok(holder.map(|holder| OpenedKey { holder, grant }));
        };
        let holder = key_holder(&found.key, to_account(&account.account))?;
        let grant = Some(account.opened()?);
        Ok(Some(OpenedKey { holder, grant }))
    }

    async fn changed(
        &self,
        seen: &[(AccessKeyId, RowVersion)],
    ) -> Result<Vec<AccessKeyId>, StoreError> {
        if seen.is_empty() {
            return Ok(Vec::new());
        }
        let session = self.read().await?;
        let question = changed(session.get_database_backend(), seen);
        let rows = session.query_all_raw(question).await.map_err(failed)?;
        let ids = rows
            .iter()
            .map(|row| row.try_get_by_index(0).map(AccessKeyId));
        ids.collect::<Result<_, DbErr>>().map_err(failed)
    }
}

/// A row returned by [`opening`].
struct Row {
    key: access_keys::Model,
    account: Option<Rows>,
}

/// The rows of an account.
struct Rows {
    account: accounts::Model,
    tokens: tokens::Model,
    version: String,
}

impl Row {
    fn read(row: &QueryResult) -> Result<Self, DbErr> {
        let version: Option<String> = row.try_get("", "version")?;
        let account = version.map(|version| {
            Ok::<_, DbErr>(Rows {
                account: accounts::Model::from_query_result(row, sql::ACCOUNT)?,
                tokens: tokens::Model::from_query_result(row, sql::TOKENS)?,
                version,
            })
        });
        Ok(Self {
            key: access_keys::Model::from_query_result(row, sql::KEY)?,
            account: account.transpose()?,
        })
    }
}

impl Rows {
    fn opened(self) -> Result<OpenedGrant, StoreError> {
        Ok(OpenedGrant {
            tokens: stored_tokens(self.account, self.tokens)?,
            version: RowVersion::new(self.version),
        })
    }
}
