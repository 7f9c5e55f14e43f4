//! Links, from the code to their end.

mod confirm;
mod create;
mod polls;
mod purge;
mod save;

use async_trait::async_trait;
use central_oauth_domain::Timestamp;
use central_oauth_domain::audit::{AuditDraft, AuditEvent};
use central_oauth_domain::grant::revocation::NewRevocation;
use central_oauth_domain::grant::{AccessKeyId, Account, AccountId, NewGrant, ProviderName};
use central_oauth_domain::link::{
    CodeLimit, Confirmation, Ending, Link, Owner, PollSchedule, SealedConsent, SealedGrant,
    TooManyConsents,
};
use central_oauth_domain::ports::{LinkCreation, LinkStore, NewLink, StoreError};
use central_oauth_domain::secret::{KeyedHash, Sealed};
use central_oauth_domain::vault::RowMacs;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QueryResult, QuerySelect, Select,
};

use crate::accounts::{labels, relink};
use crate::database::Purpose;
use crate::entities::device_codes::{Column, Entity, Model};
use crate::error::failed;
use crate::store::SeaOrmStore;
use crate::{audit, claims, damage, keys, locks, outbox};

#[cfg(test)]
pub(crate) use confirm::{underway, underway_from};
#[cfg(test)]
pub(crate) use create::codes_of;
#[cfg(test)]
pub(crate) use polls::due_in_turns;
#[cfg(test)]
pub(crate) use purge::{ended_without_account, over_before, ran_out_before};
pub(crate) use save::save;

#[async_trait]
impl LinkStore for SeaOrmStore {
    async fn create_link(
        &self,
        link: NewLink,
        most_open: u64,
        limit: CodeLimit,
        macs: &RowMacs,
    ) -> Result<LinkCreation, StoreError> {
        create::create(self, link, most_open, limit, macs).await
    }

    async fn find_link(&self, code: &KeyedHash) -> Result<Option<Link>, StoreError> {
        let row = with_code(code)
            .one(&self.read().await?)
            .await
            .map_err(failed)?;
        row.map(Link::try_from).transpose()
    }

    async fn reserve_link(
        &self,
        link: &Link,
        by: &Confirmation,
        now: Timestamp,
    ) -> Result<Result<Link, TooManyConsents>, StoreError> {
        confirm::reserve(self, link, by, now).await
    }

    async fn begin_consent(
        &self,
        link: &Link,
        consent: SealedConsent,
        poll: Option<PollSchedule>,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Link, StoreError> {
        let begun = link.begin_consent(consent, poll, expires_at, now)?;
        save::alone(self, Purpose::Change, link, begun).await
    }

    async fn keep_callback(
        &self,
        link: &Link,
        callback: Sealed,
        answer: KeyedHash,
        poll: PollSchedule,
    ) -> Result<Link, StoreError> {
        save::alone(
            self,
            Purpose::Change,
            link,
            link.keep_callback(callback, answer, poll)?,
        )
        .await
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
        claims::next_due_at::<Entity>(&self.read().await?, busy).await
    }

    async fn postpone_poll(&self, link: &Link, poll: PollSchedule) -> Result<(), StoreError> {
        save::alone(self, Purpose::Change, link, link.postpone(poll)?)
            .await
            .map(drop)
    }

    async fn keep_redeemed(
        &self,
        link: &Link,
        grant: SealedGrant,
        poll: PollSchedule,
        expires_at: Timestamp,
    ) -> Result<Link, StoreError> {
        let redeemed = link.redeem(grant, poll, expires_at)?;
        save::alone(self, Purpose::Save, link, redeemed).await
    }

    async fn keep_renewed(&self, link: &Link, grant: SealedGrant) -> Result<Link, StoreError> {
        save::alone(self, Purpose::Save, link, link.renew(grant)?).await
    }

    async fn hold_grant(
        &self,
        link: &Link,
        owner: Owner,
        owner_mac: KeyedHash,
        now: Timestamp,
    ) -> Result<Link, StoreError> {
        save::alone(self, Purpose::Save, link, link.hold(owner, owner_mac, now)?).await
    }

    async fn count_wrong_return_code(
        &self,
        link: &Link,
        now: Timestamp,
    ) -> Result<Link, StoreError> {
        let counted = link.count_wrong_return_code(now)?;
        save::alone(self, Purpose::Change, link, counted).await
    }

    async fn complete_link(
        &self,
        link: &Link,
        grant: NewGrant,
        now: Timestamp,
        macs: &RowMacs,
        audit: AuditDraft,
    ) -> Result<Account, StoreError> {
        let (link, macs) = (link.clone(), macs.clone());
        let completed = self.database.write(Purpose::Save, move |db| {
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

    async fn end_link(
        &self,
        link: &Link,
        ending: Ending,
        stray: Option<NewRevocation>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let ended = link.end(ending, now)?;
        let write = self.save().await?;
        if let Some(stray) = &stray {
            locks::persons(&write.txn, &stray.provider).await?;
        }
        save(&write.txn, link, &ended).await?;
        if let Some(stray) = stray {
            outbox::keep_stray(&write.txn, stray).await?;
        }
        write.commit().await
    }

    async fn open_relinks(&self, account: AccountId) -> Result<Vec<Link>, StoreError> {
        damage::each(&self.read().await?, relinks_of(account), Link::try_from).await
    }

    async fn links_of_key(&self, key: AccessKeyId) -> Result<Vec<Link>, StoreError> {
        let rows = damage::raw(&self.read().await?, &keys::links_of(key)).await?;
        let read = |row: &QueryResult| damage::model::<Model>(row)?.try_into();
        let numbered = damage::numbered::<Entity>();
        let links = rows.iter().map(|row| damage::named(row, numbered, read));
        links.collect()
    }

    async fn count_left_over(&self, now: Timestamp) -> Result<u64, StoreError> {
        purge::count_left_over(self, now).await
    }

    async fn purge_links(
        &self,
        ended_before: Timestamp,
        left_over_before: Timestamp,
        limit: u64,
    ) -> Result<u64, StoreError> {
        purge::purge(self, ended_before, left_over_before, limit).await
    }
}

/// Neither ended nor expired.
pub(crate) fn open_links(now: Timestamp) -> Select<Entity> {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::EndedAt.is_null())
        .filter(is_ahead(now))
        .order_by_asc(Column::ExpiresAt)
}

/// The condition of [`Link::is_past_deadline`], negated.
fn is_ahead(now: Timestamp) -> Expr {
    let latest = now + Link::LONGEST;
    let ahead = Column::ExpiresAt.gt(now.as_millis());
    ahead.and(Column::ExpiresAt.lte(latest.as_millis()))
}

pub(crate) fn with_code(code: &KeyedHash) -> Select<Entity> {
    Entity::find().filter(Column::CodeHash.eq(code.as_bytes().to_vec()))
}

pub(crate) fn relinks_of(account: AccountId) -> Select<Entity> {
    Entity::find()
        .filter(Column::RelinkOf.eq(account.0))
        .filter(Column::EndedAt.is_null())
        .order_by_asc(Column::Id)
}
