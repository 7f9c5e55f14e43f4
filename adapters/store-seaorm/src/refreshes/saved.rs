//! Saves refreshed tokens without a transaction, in one statement for several accounts.

use std::sync::LazyLock;

use central_oauth_domain::grant::StoredTokens;
use central_oauth_domain::ports::RowVersion;
use sea_orm::{ActiveModelTrait, IdenStatic, Iterable, Value};
use serde_json::{Map, Value as Json};

use crate::accounts::locked::changes;
use crate::convert::rows;
use crate::database::MOST_SAVED_AT_ONCE;
use crate::entities::tokens::Column;
use crate::statements::row_versions;

/// The statement for [`Database::save_at_once`](crate::database::Database::save_at_once). Saves each row if the stored
/// account and tokens still have the versions in the row. Skips rows that another transaction has locked, so that one
/// row does not delay the others.
pub(crate) static SAVE: LazyLock<String> = LazyLock::new(|| {
    let columns = saved_columns().map(|column| format!("{0} = saved.{0}", column.as_str()));
    format!(
        "UPDATE tokens SET {} FROM (SELECT saved.* FROM (\
         SELECT tokens.*, given.place, given.json ->> 'version' AS version \
         FROM json_array_elements($1::json) WITH ORDINALITY AS given(json, place), \
         json_populate_record(NULL::tokens, given.json) AS tokens LIMIT {MOST_SAVED_AT_ONCE}) AS saved \
         JOIN tokens AS t ON t.account_id = saved.account_id JOIN accounts AS a ON a.id = t.account_id \
         WHERE {} = saved.version FOR NO KEY UPDATE OF t, a SKIP LOCKED) AS saved \
         WHERE tokens.account_id = saved.account_id RETURNING saved.place",
        columns.collect::<Vec<_>>().join(", "),
        row_versions("a", "t"),
    )
});

/// Returns the columns that are saved: all except keys, the copied provider and generated columns.
fn saved_columns() -> impl Iterator<Item = Column> {
    use Column::{AccountId, Id, Provider, RefreshDueAt, SealedWith};
    Column::iter().filter(|column| {
        !matches!(
            column,
            Id | AccountId | Provider | SealedWith | RefreshDueAt
        )
    })
}

/// Returns the row for [`SAVE`] that replaces `before`, whose rows have this version. Returns `None` if the account's row
/// changes too.
pub(super) fn row(
    before: &StoredTokens,
    version: &RowVersion,
    after: &StoredTokens,
) -> Option<String> {
    let ((account, _), (new_account, new_tokens)) = (rows(before), rows(after));
    if changes(&account, new_account).is_some() {
        return None;
    }
    let mut row = Map::new();
    row.insert("account_id".to_owned(), before.account.id.0.into());
    row.insert("version".to_owned(), (*version.0).into());
    for column in saved_columns() {
        let value = json(new_tokens.get(column).into_value()?)?;
        row.insert(column.as_str().to_owned(), value);
    }
    Some(Json::Object(row).to_string())
}

/// Converts a value to the JSON from which PostgreSQL's `json_populate_record` reads it.
fn json(value: Value) -> Option<Json> {
    Some(match value {
        Value::Bool(value) => value.into(),
        Value::BigInt(value) => value.into(),
        Value::String(value) => value.into(),
        Value::Bytes(value) => value.map(|bytes| hex(&bytes)).into(),
        _ => return None,
    })
}

/// Returns the text form of PostgreSQL's `bytea`.
fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let digits = digits.map(|digit| DIGITS[usize::from(digit)]);
    ['\\', 'x'].into_iter().chain(digits).collect()
}
