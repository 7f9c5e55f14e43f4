use central_oauth_domain::ports::{CipherError, SealedTo, SecretKind};

/// Maximum number of values or rows that an error names.
const MOST_NAMED: usize = 10;

#[derive(Debug)]
pub struct UnreadableValue {
    pub(super) table: &'static str,
    pub(super) row: i64,
    pub(super) owner: SealedTo,
    pub(super) kind: SecretKind,
    pub(super) cause: CipherError,
}

pub(super) fn named(values: &[UnreadableValue]) -> String {
    let names = values.iter().map(|value| {
        let UnreadableValue {
            table, row, kind, ..
        } = value;
        let whose = match &value.owner {
            SealedTo::Account(key) => format!(
                ", of account {} at {}",
                key.account_id,
                key.provider.as_str()
            ),
            _ => String::new(),
        };
        format!("{kind:?} of row {row} of {table}{whose} ({})", value.cause)
    });
    list(names)
}

/// Lists rows for an error text: `row 7 of tokens, row 9 of accounts`.
#[must_use]
pub fn rows(rows: &[(&'static str, i64)]) -> String {
    list(
        rows.iter()
            .map(|(table, row)| format!("row {row} of {table}")),
    )
}

fn list(mut all: impl ExactSizeIterator<Item = String>) -> String {
    let names = Vec::from_iter(all.by_ref().take(MOST_NAMED)).join(", ");
    match all.len() {
        0 => names,
        more => format!("{names}, and {more} more"),
    }
}
