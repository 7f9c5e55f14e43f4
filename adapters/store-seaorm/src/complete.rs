//! The moment at which a link becomes an account.

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::{AccessKeyId, Account, AccountId, NewGrant};
use central_oauth_domain::link::LinkId;
use central_oauth_domain::ports::StoreError;
use sea_orm::ActiveValue::Set;

use crate::accounts::relink;
use crate::changes::{at, change};
use crate::convert::ended_columns;
use crate::entities::device_codes::{self, State};
use crate::store::SeaOrmStore;
use crate::{keys, locks, outbox};

pub(crate) async fn link(
    store: &SeaOrmStore,
    link: LinkId,
    version: i64,
    grant: NewGrant,
    now: Timestamp,
) -> Result<Account, StoreError> {
    let write = store.save().await?;
    let db = &write.txn;
    locks::persons(db, &grant.account.provider).await?;
    let row = at(db, link, version, &State::AT_THE_PROVIDER).await?;
    let account = relink::link(db, grant, row.relink_of.map(AccountId), now).await?;
    keys::bind(db, AccessKeyId(row.access_key_id), account.id).await?;
    outbox::cancel(db, &account.key, now).await?;
    let linked = device_codes::ActiveModel {
        account_id: Set(Some(account.id.0)),
        ..ended_columns(State::Linked, None, now)
    };
    change(db, link, version, &State::AT_THE_PROVIDER, linked).await?;
    write.commit().await?;
    Ok(account)
}
