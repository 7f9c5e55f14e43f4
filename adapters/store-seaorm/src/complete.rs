//! The moment at which a link becomes an account.

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::{Account, NewGrant};
use central_oauth_domain::link::Link;
use central_oauth_domain::ports::StoreError;

use crate::accounts::{labels, relink};
use crate::database::Purpose;
use crate::store::SeaOrmStore;
use crate::{keys, links, locks, outbox};

pub(crate) async fn link(
    store: &SeaOrmStore,
    link: &Link,
    grant: NewGrant,
    now: Timestamp,
) -> Result<Account, StoreError> {
    let link = link.clone();
    let completed = store.database.write(Purpose::Save, move |db| {
        Box::pin(async move {
            locks::persons(db, &grant.account.provider).await?;
            let account = relink::link(db, grant, now).await?;
            labels::add(db, account.id, &link.requester.labels).await?;
            keys::bind(db, link.key, account.id).await?;
            outbox::cancel(db, &account.key, now).await?;
            links::save(db, &link, &link.complete(account.id, now)?).await?;
            Ok(account)
        })
    });
    completed.await
}
