//! Finds grants that end, and records which ends were announced.

use std::ops::Range;

use async_trait::async_trait;
use central_oauth_domain::Timestamp;
use central_oauth_domain::audit::{AuditDraft, SignedEntry};
use central_oauth_domain::clock_step::MAX_CLOCK_DIFFERENCE;
use central_oauth_domain::grant::{Account, AccountId, AccountStatus, StoredTokens};
use central_oauth_domain::ports::{GrantEndStore, StoreError};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query, SimpleExpr};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use crate::accounts::{readable, with_times};
use crate::convert::row_count;
use crate::damage;
use crate::database::Purpose;
use crate::entities::announced_ends::{ActiveModel, Column, Entity, Model};
use crate::entities::{accounts, tokens};
use crate::error::failed;
use crate::store::SeaOrmStore;
use crate::{audit, locks, refreshes};

#[async_trait]
impl GrantEndStore for SeaOrmStore {
    async fn unannounced_ends(
        &self,
        period: Range<Timestamp>,
        limit: u64,
    ) -> Result<Vec<Account>, StoreError> {
        let session = self.read().await?;
        let mut found: Vec<Account> = Vec::new();
        for ending in unannounced(&period) {
            for account in readable(&session, ending.limit(row_count(limit))).await? {
                if !found.iter().any(|known| known.id == account.id) {
                    found.push(account);
                }
            }
        }
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found)
    }

    async fn announce_end(
        &self,
        account: AccountId,
        end: Timestamp,
        entry: SignedEntry,
    ) -> Result<bool, StoreError> {
        let write = self.write().await?;
        // The lock also waits for a replica that announces the same end.
        locks::tokens_of(&write, account).await?;
        let known = Entity::find().filter(Column::AccountId.eq(account.0));
        let known = damage::readable(&write, known).await?;
        let announced = |known: &Model| Timestamp::from_millis(known.ends_at);
        if known
            .first()
            .is_some_and(|known| Account::is_same_end(announced(known), end))
        {
            return Ok(false);
        }
        let announced = Entity::insert(ActiveModel {
            id: NotSet,
            account_id: Set(account.0),
            ends_at: Set(end.as_millis()),
        });
        let instead = OnConflict::column(Column::AccountId)
            .update_column(Column::EndsAt)
            .to_owned();
        let announced = announced.on_conflict(instead);
        match announced
            .exec_without_returning(&write)
            .await
            .map_err(failed)
        {
            // The account was deleted.
            Err(StoreError::Conflict) => return Ok(false),
            announced => announced?,
        };
        audit::store(&write, &[entry]).await?;
        write.commit().await?;
        Ok(true)
    }

    async fn expired_accounts(
        &self,
        now: Timestamp,
        limit: u64,
    ) -> Result<Vec<AccountId>, StoreError> {
        let session = self.read().await?;
        let (now, _) = self.time.both(&session, now, now).await?;
        let mut found = Vec::new();
        for changing in expired(now) {
            let ids = changing.limit(row_count(limit)).into_tuple::<i64>();
            found.extend(ids.all(&session).await.map_err(failed)?);
        }
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found.into_iter().map(AccountId).collect())
    }

    async fn expire_account(
        &self,
        account: AccountId,
        now: Timestamp,
        audit: AuditDraft,
    ) -> Result<Option<AccountStatus>, StoreError> {
        let (now, _) = self.time.both(&self.read().await?, now, now).await?;
        let expire = move |stored: &StoredTokens| {
            Ok(match stored.expire(now) {
                Some(next) => {
                    let status = next.account.status;
                    (next, Some(status))
                }
                None => (stored.clone(), None),
            })
        };
        match refreshes::change(self, Purpose::Change, account, Some(audit), expire).await {
            Err(StoreError::Corrupt(_)) => Ok(None),
            expired => Ok(expired?.flatten()),
        }
    }
}

/// Selects accounts that [`StoredTokens::expire`] changes. The first query finds accounts whose access token has
/// expired. The second query finds accounts that were marked as `RelinkRequired` while a clock was ahead.
pub(crate) fn expired(now: Timestamp) -> [Select<accounts::Entity>; 2] {
    use accounts::Column::{Id, Status};
    use accounts::Status::RelinkRequired;
    use tokens::Column as Token;
    let end = Token::AccessTokenExpiresAt;
    let found = || {
        accounts::Entity::find()
            .select_only()
            .column(Id)
            .inner_join(tokens::Entity)
            .filter(Token::RefreshToken.is_null())
    };
    [
        found()
            .filter(end.lte(now.as_millis()))
            .filter(Status.ne(RelinkRequired))
            .order_by_asc(end),
        // Few accounts have this status, so reading them in the order of `ix_accounts_status_id` is fast.
        found()
            .filter(end.gt((now + MAX_CLOCK_DIFFERENCE).as_millis()))
            .filter(Status.eq(RelinkRequired))
            .order_by_asc(Id),
    ]
}

/// Selects accounts with an end in `period` that was not announced. There is one query for each kind of end, so that
/// each query uses its index. The conditions repeat those of the indexes.
pub(crate) fn unannounced(period: &Range<Timestamp>) -> [Select<accounts::Entity>; 3] {
    use tokens::Column as Token;
    let within = |column: Token| {
        let begun = column.gte(period.start.as_millis());
        begun.and(column.lt(period.end.as_millis()))
    };
    let stays = Expr::cust("NOT renewed_by_use");
    let last = Token::RefreshToken.is_null();
    [
        (Token::GrantExpiresAt, within(Token::GrantExpiresAt)),
        (
            Token::RefreshTokenExpiresAt,
            stays.and(within(Token::RefreshTokenExpiresAt)),
        ),
        (
            Token::AccessTokenExpiresAt,
            last.and(within(Token::AccessTokenExpiresAt)),
        ),
    ]
    .map(|(end, ends)| {
        with_times()
            .filter(ends)
            .order_by_asc(end)
            .filter(accounts::Column::Status.ne(accounts::Status::RelinkRequired))
            .filter(is_announced().not())
    })
}

/// Whether an end of the account was announced.
fn is_announced() -> SimpleExpr {
    use tokens::Column as Token;
    let tolerance = i64::try_from(Account::SAME_END.as_millis()).unwrap_or(i64::MAX);
    let is_same = |column: Token| {
        let end = || Expr::col((tokens::Entity, column));
        let announced = || Expr::col((Entity, Column::EndsAt));
        let not_before = announced().gte(end().sub(tolerance));
        not_before.and(announced().lte(end().add(tolerance)))
    };
    let of_account =
        Expr::col((Entity, Column::AccountId)).eq(Expr::col((tokens::Entity, Token::AccountId)));
    let is_one_of_them = is_same(Token::GrantExpiresAt)
        .or(is_same(Token::RefreshTokenExpiresAt))
        .or(is_same(Token::AccessTokenExpiresAt));
    let announced = Query::select()
        .expr(Expr::val(1))
        .from(Entity)
        .and_where(of_account)
        .and_where(is_one_of_them)
        .to_owned();
    Expr::exists(announced)
}
