//! Stores links from the creation of their link code until they end.

mod create;
pub(crate) mod queries;
mod save;

use std::time::Duration;

use async_trait::async_trait;
use central_oauth_domain::Timestamp;
use central_oauth_domain::audit::{AuditDraft, AuditEvent};
use central_oauth_domain::grant::revocation::NewRevocation;
use central_oauth_domain::grant::{AccessKeyId, Account, AccountId, NewGrant, ProviderName};
use central_oauth_domain::link::{
    CodeLimit, Confirmation, ConsentLimit, ConsentsInProgress, Ending, Link, Owner, PollSchedule,
    SealedConsent, SealedGrant, interleave_networks,
};
use central_oauth_domain::ports::{LinkCreation, LinkStore, NewLink, StoreError};
use central_oauth_domain::secret::{KeyedHash, Sealed};
use central_oauth_domain::vault::RowMacs;
use sea_orm::sea_query::{LockBehavior, LockType};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QueryResult, QuerySelect};

use crate::accounts::{labels, relink};
use crate::claims::{self, counted};
use crate::database::Purpose;
use crate::entities::access_keys;
use crate::entities::device_codes::{Column, Entity, Model};
use crate::error::failed;
use crate::locks::{self, Alone};
use crate::store::{MOST_AT_ONCE, SeaOrmStore};
use crate::{audit, damage, keys, outbox};
use create::{NotCreated, insert};
use queries::{
    consents_in_progress, consents_in_progress_from, due_interleaved, ended_without_account,
    over_before, ran_out_before, relinks_of, with_code,
};
use save::save;

#[async_trait]
impl LinkStore for SeaOrmStore {
    async fn create_link(
        &self,
        link: NewLink,
        most_open: u64,
        limit: CodeLimit,
        macs: &RowMacs,
    ) -> Result<LinkCreation, StoreError> {
        let macs = macs.clone();
        let created = self.database.write(Purpose::Change, move |db| {
            Box::pin(insert(db, link, most_open, limit, macs))
        });
        match created.await {
            Ok(link) => Ok(LinkCreation::Created(Box::new(link))),
            Err(NotCreated::Refused(answer)) => Ok(answer),
            Err(NotCreated::Failed(error)) => Err(error),
        }
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
    ) -> Result<Result<Link, Duration>, StoreError> {
        let reserved = link.reserve(by, now)?;
        if reserved.version == link.version {
            return Ok(Ok(reserved));
        }
        let write = self.write().await?;
        locks::alone(&write, Alone::Consents).await?;
        let of_network = consents_in_progress_from(&by.network, now);
        let in_progress = ConsentsInProgress {
            of_network: counted(&write, of_network.limit(ConsentLimit::PER_NETWORK)).await?,
            of_all: counted(&write, consents_in_progress(now).limit(ConsentLimit::MOST)).await?,
        };
        if let Err(refused) = ConsentLimit::judge(in_progress) {
            return Ok(Err(refused));
        }
        let saved = save(&write, link, &reserved).await?;
        write.commit().await?;
        Ok(Ok(saved))
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

    async fn store_callback(
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
            link.store_callback(callback, answer, poll)?,
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
        let write = self.write().await?;
        let (now, lease_until) = self.time.both(&write, now, lease_until).await?;
        let due = due_interleaved(now, limit, busy);
        let links = claims::claim(&write, due, lease_until, Link::try_from).await?;
        write.commit().await?;
        let links = links.into_iter().map(|link| (link.confirmed_from, link));
        Ok(interleave_networks(links.collect()))
    }

    async fn next_poll_at(&self, busy: &[ProviderName]) -> Result<Option<Timestamp>, StoreError> {
        claims::next_due_at::<Entity>(&self.read().await?, busy).await
    }

    async fn postpone_poll(&self, link: &Link, poll: PollSchedule) -> Result<(), StoreError> {
        save::alone(self, Purpose::Change, link, link.postpone(poll)?)
            .await
            .map(drop)
    }

    async fn store_redeemed(
        &self,
        link: &Link,
        grant: SealedGrant,
        poll: PollSchedule,
        expires_at: Timestamp,
    ) -> Result<Link, StoreError> {
        let redeemed = link.redeem(grant, poll, expires_at)?;
        save::alone(self, Purpose::Save, link, redeemed).await
    }

    async fn store_refreshed(&self, link: &Link, grant: SealedGrant) -> Result<Link, StoreError> {
        save::alone(self, Purpose::Save, link, link.replace_tokens(grant)?).await
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
                audit::store(db, &[audit.entry(event)]).await?;
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
            locks::persons(&write, &stray.provider).await?;
        }
        save(&write, link, &ended).await?;
        if let Some(stray) = stray {
            outbox::store_stray(&write, stray).await?;
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
        let (db, most) = (&self.read().await?, Link::MOST_LEFT_OVER);
        let ended = counted(db, ended_without_account(now).limit(most)).await?;
        let ran_out = counted(db, ran_out_before(now).limit(most)).await?;
        Ok(most.min(ended + ran_out))
    }

    async fn purge_links(
        &self,
        ended_before: Timestamp,
        left_over_before: Timestamp,
        limit: u64,
    ) -> Result<u64, StoreError> {
        let write = self.write().await?;
        let over: Vec<(i64, i64)> = over_before(ended_before, left_over_before)
            .limit(limit.min(MOST_AT_ONCE))
            .order_by_asc(Column::Id)
            // Skips links that another transaction is changing, because these links are still in use.
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .into_tuple()
            .all(&write)
            .await
            .map_err(failed)?;
        let (links, keys): (Vec<i64>, Vec<i64>) = over.into_iter().unzip();
        let deleted = Entity::delete_many()
            .filter(Column::Id.is_in(links))
            .exec(&write)
            .await
            .map_err(failed)?;
        access_keys::Entity::delete_many()
            .filter(access_keys::Column::Id.is_in(keys))
            .filter(access_keys::Column::AccountId.is_null())
            .exec(&write)
            .await
            .map_err(failed)?;
        write.commit().await?;
        Ok(deleted.rows_affected)
    }
}
