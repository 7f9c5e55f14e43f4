//! The two statements behind token requests. Their text is constant, so that each connection prepares them once. They
//! have no `LIMIT` with a bound value, because SQLite would then prepare them again at every execution.

use std::fmt::Write as _;
use std::sync::LazyLock;

use central_oauth_domain::grant::AccessKeyId;
use central_oauth_domain::ports::RowVersion;
use central_oauth_domain::secret::KeyedHash;
use sea_orm::{DbBackend, IdenStatic, Iterable, Statement};

use crate::entities::{access_keys, accounts, tokens};
use crate::statements::row_versions;

/// The prefix of the key's columns in the result.
pub(super) const KEY: &str = "k_";
/// The prefix of the account's columns.
pub(super) const ACCOUNT: &str = "a_";
/// The prefix of the columns of the account's tokens.
pub(super) const TOKENS: &str = "t_";

/// Selects the key with this hash. Also selects its account and tokens, if the key has an account.
pub(crate) fn opening(backend: DbBackend, hash: &KeyedHash) -> Statement {
    static SQL: [LazyLock<String>; 2] = [
        LazyLock::new(|| opening_sql(DbBackend::Sqlite)),
        LazyLock::new(|| opening_sql(DbBackend::Postgres)),
    ];
    let hash = hash.as_bytes().to_vec();
    Statement::from_sql_and_values(backend, text(backend, &SQL), [hash.into()])
}

/// Selects the keys whose stored version differs from the version in `seen`.
pub(crate) fn changed(backend: DbBackend, seen: &[(AccessKeyId, RowVersion)]) -> Statement {
    static SQL: [LazyLock<String>; 2] = [
        LazyLock::new(|| changed_sql(DbBackend::Sqlite)),
        LazyLock::new(|| changed_sql(DbBackend::Postgres)),
    ];
    Statement::from_sql_and_values(backend, text(backend, &SQL), [as_json(seen).into()])
}

fn text(backend: DbBackend, sql: &'static [LazyLock<String>; 2]) -> &'static str {
    let [sqlite, postgres] = sql;
    match backend {
        DbBackend::Postgres => postgres,
        _ => sqlite,
    }
}

/// Returns a JSON object of versions by key id. Versions need no escaping: see [`version`].
fn as_json(seen: &[(AccessKeyId, RowVersion)]) -> String {
    let mut json = String::from("{");
    for (place, (id, version)) in seen.iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        // Writing into a string never fails.
        let _ = write!(json, "{comma}\"{id}\":\"{}\"", version.0);
    }
    json + "}"
}

fn opening_sql(backend: DbBackend) -> String {
    let columns = [
        columns(KEY, access_keys::Column::iter()),
        columns(ACCOUNT, accounts::Column::iter()),
        columns(TOKENS, tokens::Column::iter()),
    ];
    format!(
        "SELECT {}, {} AS version FROM access_keys AS k \
         LEFT JOIN accounts AS a ON a.id = k.account_id \
         LEFT JOIN tokens AS t ON t.account_id = a.id WHERE k.hash = $1",
        columns.join(", "),
        version(backend),
    )
}

/// Returns the columns of a table, whose alias in the statement is the first letter of `prefix`.
fn columns(prefix: &str, columns: impl Iterator<Item = impl IdenStatic>) -> String {
    let alias = prefix.trim_end_matches('_');
    let columns = columns.map(|column| {
        let name = column.as_str();
        format!("{alias}.{name} AS {prefix}{name}")
    });
    columns.collect::<Vec<_>>().join(", ")
}

/// Returns a statement that makes three index lookups per key, regardless of the planner's statistics.
fn changed_sql(backend: DbBackend) -> String {
    let seen = match backend {
        DbBackend::Postgres => "json_each_text($1::json)",
        _ => "json_each($1)",
    };
    format!(
        "SELECT CAST(seen.key AS bigint) AS id FROM {seen} AS seen WHERE (\
         SELECT {} FROM access_keys AS k JOIN accounts AS a ON a.id = k.account_id \
         JOIN tokens AS t ON t.account_id = a.id WHERE k.id = CAST(seen.key AS bigint)\
         ) IS DISTINCT FROM seen.value",
        version(backend)
    )
}

/// Returns an SQL expression for the version of a key, its account and its tokens: digits and letters, or NULL without
/// tokens.
///
/// On PostgreSQL, the version contains the [versions](row_versions) of account and tokens. For the key, it contains the
/// relevant columns instead, because recording a use changes the version of the row. SQLite has no row versions, so the
/// version contains all relevant columns, and the first bytes of the access token, which include its nonce.
fn version(backend: DbBackend) -> String {
    if backend == DbBackend::Postgres {
        let key = "k.role || k.account_id || 'x' || coalesce(k.expires_at::text, '')";
        return format!("{key} || {}", row_versions("a", "t"));
    }
    let keys = access_keys::Column::iter().filter(|column| {
        use access_keys::Column::{AccountId, ExpiresAt, Role};
        matches!(column, Role | AccountId | ExpiresAt)
    });
    let accounts = accounts::Column::iter();
    let tokens = tokens::Column::iter().filter(|column| !is_sealed(*column));
    let names = keys
        .map(|column| format!("k.{}", column.as_str()))
        .chain(accounts.map(|column| format!("a.{}", column.as_str())))
        .chain(tokens.map(|column| format!("t.{}", column.as_str())));
    // Converts the values to SQL literals, because the columns have different types.
    let names = names.map(|name| format!("quote({name})"));
    let names = names.collect::<Vec<_>>().join(", ");
    format!(
        "CASE WHEN t.id IS NOT NULL THEN \
         hex(concat_ws(',', {names}, hex(substr(t.access_token, 1, {SEALED_START})))) END"
    )
}

/// How many bytes of a sealed value are compared: more than its header and nonce.
const SEALED_START: usize = 24;

/// Whether a column is left out of the version because it is long. The access token is represented by its first bytes.
/// The other columns change only together with the access token or with the generation.
const fn is_sealed(column: tokens::Column) -> bool {
    use tokens::Column::{AccessToken, Extra, RefreshToken, SealedWith};
    matches!(column, AccessToken | RefreshToken | Extra | SealedWith)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_go_into_json_as_they_are() {
        let seen = [(7, "ab"), (8, "0x")];
        let seen = seen.map(|(id, version)| (AccessKeyId(id), RowVersion(version.into())));
        assert_eq!(as_json(&seen), r#"{"7":"ab","8":"0x"}"#);
        assert_eq!(as_json(&[]), "{}");
    }
}
