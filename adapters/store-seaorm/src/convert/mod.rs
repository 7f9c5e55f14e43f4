mod account;
mod audit;
mod damaged;
mod key;
mod link;
mod revocation;
mod scalars;

pub(crate) use account::{AccountRow, rows, stored_tokens};
pub(crate) use audit::{
    ONLY_ROW, audit_ends, audit_entry, ends_row, inbox_row, log_row, signed_entry,
};
pub(crate) use damaged::FoundTokens;
pub(crate) use key::{key_holder, key_record, key_row, to_account};
pub(crate) use link::{link_changes, link_columns};
pub(crate) use revocation::{ended_revocation, new_revocation, reference};
pub(crate) use scalars::{bytes, fault, fault_columns, hash, hash_bytes, row_count, time};
