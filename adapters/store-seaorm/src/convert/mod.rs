//! What rows mean, and how the model is written into them.

mod account;
mod link;
mod scalars;

pub(crate) use account::{AccountRow, account_columns, stored_tokens, token_columns};
pub(crate) use link::{consent_columns, ended_columns, grant_columns, poll_columns};
pub(crate) use scalars::{bytes, role, row_count, status, status_column};
