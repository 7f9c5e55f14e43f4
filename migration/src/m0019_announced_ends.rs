//! Schema 19: which ends of grants were announced. Older versions announce none.

use sea_orm_migration::{prelude::*, schema::*};

use crate::alter::drop_indexes;

/// Creates the table, and the indexes for grants that end.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum AnnouncedEnds {
    Table,
    Id,
    AccountId,
    EndsAt,
}

#[derive(DeriveIden)]
enum Accounts {
    Table,
    Id,
}

#[derive(DeriveIden)]
enum Tokens {
    Table,
    AccessTokenExpiresAt,
    GrantExpiresAt,
    RefreshToken,
    RefreshTokenExpiresAt,
}

const OF_GRANTS: &str = "ix_tokens_grant_expires_at";
const OF_REFRESH_TOKENS: &str = "ix_tokens_refresh_token_expires_at";
const OF_LAST_TOKENS: &str = "ix_tokens_access_token_expires_at";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(table()).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let of_tokens = [OF_GRANTS, OF_REFRESH_TOKENS, OF_LAST_TOKENS];
        drop_indexes(manager, Tokens::Table, of_tokens).await?;
        let table = Table::drop().table(AnnouncedEnds::Table).to_owned();
        manager.drop_table(table).await
    }
}

fn table() -> TableCreateStatement {
    Table::create()
        .table(AnnouncedEnds::Table)
        .col(big_pk_auto(AnnouncedEnds::Id))
        .col(big_integer(AnnouncedEnds::AccountId).unique_key())
        .col(big_integer(AnnouncedEnds::EndsAt))
        .foreign_key(
            ForeignKey::create()
                .name("fk_announced_ends_account_id")
                .from(AnnouncedEnds::Table, AnnouncedEnds::AccountId)
                .to(Accounts::Table, Accounts::Id)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

/// Few grants have an end that no refresh can extend, so the indexes are small.
fn indexes() -> [IndexCreateStatement; 3] {
    let of_grants = Index::create()
        .name(OF_GRANTS)
        .table(Tokens::Table)
        .col(Tokens::GrantExpiresAt)
        .and_where(Expr::col(Tokens::GrantExpiresAt).is_not_null())
        .to_owned();
    let of_refresh_tokens = Index::create()
        .name(OF_REFRESH_TOKENS)
        .table(Tokens::Table)
        .col(Tokens::RefreshTokenExpiresAt)
        .and_where(Expr::cust("NOT renewed_by_use"))
        .to_owned();
    let of_last_tokens = Index::create()
        .name(OF_LAST_TOKENS)
        .table(Tokens::Table)
        .col(Tokens::AccessTokenExpiresAt)
        .and_where(Expr::col(Tokens::RefreshToken).is_null())
        .to_owned();
    [of_grants, of_refresh_tokens, of_last_tokens]
}
