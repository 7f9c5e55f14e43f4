//! The TokenStore port on SeaORM.
//!
//! # The map
//!
//! | module | what is in it |
//! | --- | --- |
//! | `store` | [`SeaOrmStore`], and how it writes: one `BEGIN IMMEDIATE` transaction at a time |
//! | `url`, `open`, `peek`, `schema` | where the database is, how it is opened, looked into and migrated |
//! | `links`, `accounts`, `refreshes`, `keys`, `revocations`, `seals` | the port's traits, one each |
//! | `changes`, `polls`, `complete`, `purge`, `refreshed`, `open_providers`, `outbox`, `sealed_rows` | what would make those too long, or what several of them need |
//! | `entities`, `convert` | the tables, and what their rows mean |
//! | `error` | which of the port's errors a database error is |
//!
//! Times are stored as milliseconds since the Unix epoch, lengths of time as milliseconds. Whatever SQLite and
//! PostgreSQL understand differently is kept out of queries; what is SQLite's own is in `open` and `peek`.

mod accounts;
mod census;
mod changes;
mod complete;
mod convert;
mod entities;
mod error;
mod keys;
mod links;
mod open;
mod open_providers;
mod outbox;
mod peek;
mod polls;
mod purge;
mod refreshed;
mod refreshes;
mod revocations;
mod schema;
mod sealed_rows;
mod seals;
mod store;
mod url;

#[cfg(test)]
mod query_plans;

pub use census::PoolUse;
pub use open::OpenError;
pub use peek::peek_hash_key;
pub use store::SeaOrmStore;
pub use url::{DatabaseUrl, InvalidDatabaseUrl};
