//! Completes links: turns them into accounts.

use central_oauth_domain::Timestamp;
use central_oauth_domain::audit::{AuditDraft, AuditEvent};
use central_oauth_domain::grant::{Account, NewGrant};
use central_oauth_domain::link::Link;
use central_oauth_domain::ports::StoreError;
use central_oauth_domain::vault::RowMacs;

use super::save::save;
use crate::accounts::{labels, relink};
use crate::database::Purpose;
use crate::store::SeaOrmStore;
use crate::{audit, keys, locks, outbox};

pub(crate) async fn link(
    store: &SeaOrmStore,
    link: &Link,
    grant: NewGrant,
    now: Timestamp,
    macs: &RowMacs,
    audit: AuditDraft,
) -> Result<Account, StoreError> {
    let (link, macs) = (link.clone(), macs.clone());
    let completed = store.database.write(Purpose::Save, move |db| {
        Box::pin(async move {
            locks::persons(db, &grant.account.provider).await?;
            let account = relink::link(db, grant, link.relink_of, now).await?;
            labels::add(db, account.id, &link.requester.labels).await?;
            let completed = link.complete(account.id, now)?;
            keys::complete(db, &link, &account, &macs).await?;
            outbox::cancel(db, &account.key, now).await?;
            save(db, &link, &completed).await?;
            let event = AuditEvent::linked(&link, &account);
            audit::keep(db, &[audit.entry(event)]).await?;
            Ok(account)
        })
    });
    completed.await
}
