//! Links an account, for the first time or again.

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::{Account, AccountId, NewGrant, StoredTokens};
use central_oauth_domain::ports::StoreError;
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, ConnectionTrait};

use super::locked::{lock_of_person, overwrite, save};
use crate::convert::rows;
use crate::entities::tokens;
use crate::error::failed;

/// Stores a grant: relinks the account of the grant's person, or creates a new account.
pub(crate) async fn link(
    db: &impl ConnectionTrait,
    grant: NewGrant,
    relink_of: Option<AccountId>,
    now: Timestamp,
) -> Result<Account, StoreError> {
    match lock_of_person(db, &grant.account).await? {
        Some(known) => {
            let linked = known.tokens.relink(grant, relink_of, now)?;
            match known.is_damaged {
                true => overwrite(db, &linked).await?,
                false => save(db, &known.tokens, &linked).await?,
            }
            Ok(linked.account)
        }
        None => create(db, grant, now).await,
    }
}

async fn create(
    db: &impl ConnectionTrait,
    grant: NewGrant,
    now: Timestamp,
) -> Result<Account, StoreError> {
    // The database assigns the id.
    let mut new = StoredTokens::new(AccountId(0), grant, now);
    let (account, row) = rows(&new);
    let account = account.insert(db).await.map_err(failed)?;
    let row = tokens::ActiveModel {
        account_id: Set(account.id),
        ..row
    };
    row.insert(db).await.map_err(failed)?;
    new.account.id = AccountId(account.id);
    Ok(new.account)
}
