use central_oauth_domain::ports::{CipherError, SealedTo, SecretKind};

/// The error names no more values than this.
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
    let names = values.iter().take(MOST_NAMED).map(|value| {
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
    let names = names.collect::<Vec<_>>().join(", ");
    match values.len().saturating_sub(MOST_NAMED) {
        0 => names,
        more => format!("{names}, and {more} more"),
    }
}
