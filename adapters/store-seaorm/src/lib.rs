//! The TokenStore port on SeaORM.
//!
//! # The map
//!
//! | module | what is in it |
//! | --- | --- |
//! | `store` | [`SeaOrmStore`], and how it writes: one `BEGIN IMMEDIATE` transaction at a time |
//! | `url`, `open`, `peek`, `schema` | where the database is, how it is opened, looked into and migrated |
//! | `links`, `polls`, `complete`, `purge`, `accounts`, `refreshes`, `refreshed`, `keys`, `hash_key` | the port's methods, by what they work on |
//! | `entities`, `convert` | the tables, and what their rows mean |
//! | `error` | which of the port's errors a database error is |
//!
//! Times are stored as milliseconds since the Unix epoch, lengths of time as milliseconds. Whatever SQLite and
//! PostgreSQL understand differently is kept out of queries; what is SQLite's own is in `open` and `peek`.

mod accounts;
mod complete;
mod convert;
mod entities;
mod error;
mod hash_key;
mod keys;
mod links;
mod open;
mod peek;
mod polls;
mod purge;
mod refreshed;
mod refreshes;
mod schema;
mod store;
mod url;

#[cfg(test)]
mod query_plans;

pub use open::OpenError;
pub use peek::peek_hash_key;
pub use store::SeaOrmStore;
pub use url::{DatabaseUrl, InvalidDatabaseUrl};
