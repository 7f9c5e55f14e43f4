//! Reads and replaces the sealed values of rows.

use central_oauth_domain::grant::{AccountKey, ProviderName};
use central_oauth_domain::ports::{
    DamagedRow, OwnerKind, Resealing, SealedRow, SealedTo, SealedValue, SecretKind, StoreError,
};
use central_oauth_domain::secret::{SealId, Sealed};
use sea_orm::sea_query::{Expr, ExprTrait, Func, SimpleExpr};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, FromQueryResult, IdenStatic, ModelTrait, QueryFilter,
    QueryOrder, QueryResult, QuerySelect, QueryTrait, Select, SelectTwo, UpdateMany, Value,
};

use crate::convert::{bytes, hash, reference, row_count};
use crate::damage;
use crate::entities::{Table, accounts, device_codes, revocations, service_keys, tokens};
use crate::error::{Unreadable, failed};

pub(crate) trait Sealing: Table {
    const SEALED: &'static [(SecretKind, Self::Column)];

    /// The column that is set when a row ends. Most rows have ended. Ended rows have no sealed values, so queries skip
    /// them.
    const ENDED_AT: Option<Self::Column> = None;
}

impl Sealing for service_keys::Entity {
    const SEALED: &'static [(SecretKind, Self::Column)] =
        &[(SecretKind::HashKey, service_keys::Column::HashKey)];
}

impl Sealing for tokens::Entity {
    const SEALED: &'static [(SecretKind, Self::Column)] = &[
        (SecretKind::AccessToken, tokens::Column::AccessToken),
        (SecretKind::Extra, tokens::Column::Extra),
        (SecretKind::RefreshToken, tokens::Column::RefreshToken),
    ];
}

impl Sealing for device_codes::Entity {
    const SEALED: &'static [(SecretKind, Self::Column)] = &[
        (SecretKind::DeviceCode, device_codes::Column::DeviceCode),
        (SecretKind::Callback, device_codes::Column::Callback),
        (SecretKind::UserCode, device_codes::Column::UserCode),
        (
            SecretKind::VerificationUriComplete,
            device_codes::Column::VerificationUriComplete,
        ),
        (SecretKind::AccessToken, device_codes::Column::AccessToken),
        (SecretKind::Extra, device_codes::Column::Extra),
        (SecretKind::RefreshToken, device_codes::Column::RefreshToken),
        (SecretKind::IdToken, device_codes::Column::IdToken),
    ];
    const ENDED_AT: Option<Self::Column> = Some(device_codes::Column::EndedAt);
}

impl Sealing for revocations::Entity {
    const SEALED: &'static [(SecretKind, Self::Column)] = &[
        (SecretKind::AccessToken, revocations::Column::AccessToken),
        (SecretKind::RefreshToken, revocations::Column::RefreshToken),
        (SecretKind::IdToken, revocations::Column::IdToken),
    ];
    const ENDED_AT: Option<Self::Column> = Some(revocations::Column::EndedAt);
}

/// Returns the table with the sealed values of a kind of owner.
#[must_use]
pub const fn table_of(owners: OwnerKind) -> &'static str {
    match owners {
        OwnerKind::Service => "service_keys",
        OwnerKind::Account => "tokens",
        OwnerKind::Link => "device_codes",
        OwnerKind::Revocation => "revocations",
    }
}

/// A row that contains the owner to which its values are sealed.
pub(crate) trait Owned: ModelTrait {
    fn owner(&self) -> Result<SealedTo, StoreError>;
}

impl Owned for service_keys::Model {
    fn owner(&self) -> Result<SealedTo, StoreError> {
        Ok(SealedTo::Service)
    }
}

impl Owned for device_codes::Model {
    fn owner(&self) -> Result<SealedTo, StoreError> {
        let (table, id, column) = ("device_codes", self.id, "code_hash");
        let code = hash(&self.code_hash).map(SealedTo::Link);
        code.ok_or_else(|| Unreadable { table, id, column }.into())
    }
}

impl Owned for revocations::Model {
    fn owner(&self) -> Result<SealedTo, StoreError> {
        reference(self).map(SealedTo::Revocation)
    }
}

/// A row, or the id of a row that cannot be read.
pub(crate) type Found = Result<SealedRow, DamagedRow>;

/// Returns the rows that a query finds.
async fn read<E>(db: &impl ConnectionTrait, query: &Select<E>) -> Result<Vec<Found>, StoreError>
where
    E: Sealing,
    E::Model: Owned,
{
    let read = |id, row: &QueryResult| {
        let row = damage::model::<E::Model>(row)?;
        Ok(sealed_row(id, &row, row.owner()?))
    };
    each(db, query, E::ID.as_str(), read).await
}

/// Returns rows of a table that have a sealed value. If `current` is given, returns only rows with a value that is
/// sealed with a key other than `current`.
pub(crate) async fn page(
    db: &impl ConnectionTrait,
    owners: OwnerKind,
    current: Option<SealId>,
    after: i64,
    limit: u64,
) -> Result<Vec<Found>, StoreError> {
    match owners {
        OwnerKind::Service => {
            read::<service_keys::Entity>(db, &sealed(current, after, limit)).await
        }
        OwnerKind::Account => {
            let rows = sealed::<tokens::Entity>(current, after, limit);
            read_tokens(db, &rows.find_also_related(accounts::Entity)).await
        }
        OwnerKind::Link => read::<device_codes::Entity>(db, &sealed(current, after, limit)).await,
        OwnerKind::Revocation => {
            read::<revocations::Entity>(db, &sealed(current, after, limit)).await
        }
    }
}

/// Returns the tokens that a query finds.
pub(crate) async fn read_tokens(
    db: &impl ConnectionTrait,
    query: &SelectTwo<tokens::Entity, accounts::Entity>,
) -> Result<Vec<Found>, StoreError> {
    let read = |id, row: &QueryResult| {
        let tokens = tokens::Model::from_query_result(row, "A_").map_err(failed)?;
        let account = damage::joined(row, "B_")?;
        Ok(sealed_row(id, &tokens, account_of(&tokens, account)?))
    };
    each(db, query, "A_id", read).await
}

async fn each(
    db: &impl ConnectionTrait,
    query: &impl QueryTrait,
    number: &str,
    read: impl Fn(i64, &QueryResult) -> Result<SealedRow, StoreError>,
) -> Result<Vec<Found>, StoreError> {
    let rows = damage::raw(db, query).await?;
    let rows = rows.iter().map(|row| {
        let id = row.try_get("", number).map_err(failed)?;
        match read(id, row) {
            Err(StoreError::Corrupt(_)) => Ok(Err(DamagedRow(id))),
            read => read.map(Ok),
        }
    });
    rows.collect()
}

/// Returns the owner of tokens: their account, which is a row of another table.
fn account_of(
    row: &tokens::Model,
    account: Option<accounts::Model>,
) -> Result<SealedTo, StoreError> {
    let (table, id, column) = ("tokens", row.id, "account_id");
    let account = account.ok_or(Unreadable { table, id, column })?;
    Ok(SealedTo::Account(AccountKey {
        provider: ProviderName::new(account.provider),
        account_id: account.account_id,
    }))
}

fn sealed_row<M>(id: i64, row: &M, owner: SealedTo) -> SealedRow
where
    M: ModelTrait,
    M::Entity: Sealing,
{
    let sealed = M::Entity::SEALED.iter();
    let values = sealed.filter_map(|(kind, column)| match row.get(*column) {
        Value::Bytes(Some(bytes)) => Some(SealedValue {
            kind: *kind,
            sealed: Sealed::from_bytes(bytes),
        }),
        _ => None,
    });
    SealedRow {
        id,
        owner,
        values: values.collect(),
    }
}

/// Returns the header of a sealed value, which names its key.
fn start<C: ColumnTrait>(column: C) -> SimpleExpr {
    // 32-bit arguments, because PostgreSQL's `substr` takes no larger integers.
    let length = i32::try_from(SealId::LENGTH).unwrap_or(i32::MAX);
    Func::cust("substr")
        .arg(Expr::col(column.as_column_ref()))
        .arg(1_i32)
        .arg(length)
        .into()
}

/// Returns the condition for rows that may have sealed values.
fn holding<E: Sealing>() -> Condition {
    Condition::all().add_option(E::ENDED_AT.map(|ended_at| ended_at.is_null()))
}

/// Selects the headers of the sealed values of each row. Returns each combination of headers once.
pub(crate) fn starts<E: Sealing>() -> Select<E> {
    let none = E::find().select_only().filter(holding::<E>()).distinct();
    E::SEALED.iter().fold(none, |query, (_, column)| {
        query.expr(start::<E::Column>(*column))
    })
}

/// Selects rows that have a sealed value, ordered by id. If `current` is given, selects only rows with a value that is
/// sealed with a key other than `current`.
pub(crate) fn sealed<E: Sealing>(current: Option<SealId>, after: i64, limit: u64) -> Select<E> {
    let any = E::SEALED.iter().fold(Condition::any(), |any, (_, column)| {
        any.add(match current {
            Some(current) => start::<E::Column>(*column).ne(current.0.to_vec()),
            None => column.is_not_null(),
        })
    });
    let among = match current {
        Some(_) => holding::<E>(),
        None => Condition::all(),
    };
    E::find()
        .filter(among.add(any))
        .filter(E::ID.gt(after))
        .order_by_asc(E::ID)
        .limit(row_count(limit))
}

/// Replaces the values of a row, unless they have changed since they were read.
pub(crate) fn replace<E: Sealing>(resealing: &Resealing) -> UpdateMany<E> {
    let row = &resealing.row;
    let this = E::update_many().filter(E::ID.eq(row.id));
    E::SEALED.iter().fold(this, |update, (kind, column)| {
        let mut values = row.values.iter().zip(&resealing.values);
        match values.find(|(old, _)| old.kind == *kind) {
            Some((old, new)) => update
                .col_expr(*column, Expr::value(bytes(new)))
                .filter(column.eq(bytes(&old.sealed))),
            None => update.filter(column.is_null()),
        }
    })
}
