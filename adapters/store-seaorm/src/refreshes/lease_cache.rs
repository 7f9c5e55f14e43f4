//! Caches tokens that were leased for a refresh, so that the result can be saved without reading the tokens again. The
//! [statement](super::saved) that saves it checks that the stored rows still have the cached versions.

use std::collections::HashMap;
use std::sync::Mutex;

use central_oauth_domain::grant::{AccountId, StoredTokens};
use central_oauth_domain::lock::lock;
use central_oauth_domain::ports::{RowVersion, StoreError};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::entities::{accounts, tokens};
use crate::error::failed;
use crate::statements::{padded, row_versions};

/// Maximum number of accounts. A full cache is emptied, which also drops leases that never get a result.
const MOST: usize = 1000;

/// The leased tokens, sealed, and the versions of their rows, by account.
#[derive(Default)]
pub(crate) struct LeaseCache(Mutex<HashMap<AccountId, (StoredTokens, RowVersion)>>);

impl LeaseCache {
    /// Caches newly leased tokens whose versions are known.
    pub(super) fn remember(&self, claimed: &[StoredTokens], mut versions: Versions) {
        let mut known = lock(&self.0);
        if known.len() + versions.len() > MOST {
            known.clear();
        }
        known.extend(claimed.iter().filter_map(|tokens| {
            let version = versions.remove(&tokens.account.id)?;
            Some((tokens.account.id, (tokens.clone(), version)))
        }));
    }

    pub(super) fn take(&self, account: AccountId) -> Option<(StoredTokens, RowVersion)> {
        lock(&self.0).remove(&account)
    }
}

/// The versions of the rows of accounts and tokens.
pub(super) type Versions = HashMap<AccountId, RowVersion>;

/// Reads the versions of rows on PostgreSQL. The rows must be read after their versions, or be locked: an outdated
/// version only prevents a save, but outdated rows would overwrite a change.
pub(super) async fn versions(
    db: &impl ConnectionTrait,
    accounts: Vec<i64>,
) -> Result<Versions, StoreError> {
    if accounts.is_empty() {
        return Ok(Versions::new());
    }
    let version = Expr::cust(row_versions("accounts", "tokens"));
    let versions = tokens::Entity::find()
        .inner_join(accounts::Entity)
        .select_only()
        .column(tokens::Column::AccountId)
        .expr_as(version, "version")
        .filter(tokens::Column::AccountId.is_in(padded(accounts)));
    let versions = versions.into_tuple::<(i64, String)>().all(db).await;
    let versions = versions.map_err(failed)?.into_iter();
    Ok(versions
        .map(|(account, version)| (AccountId(account), RowVersion(version.into())))
        .collect())
}
