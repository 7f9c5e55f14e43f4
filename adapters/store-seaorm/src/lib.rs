//! The TokenStore port on SeaORM.
//!
//! # The map
//!
//! | module | what is in it |
//! | --- | --- |
//! | `store` | [`SeaOrmStore`], and how it asks its database |
//! | `url`, `database` | where the database is; how SQLite and PostgreSQL are opened, read and written, which writes are committed together; their clock |
//! | `schema`, `locks` | how it is migrated; what keeps transactions apart that run side by side |
//! | `claims` | how work is shared out between tasks and replicas |
//! | `links`, `guesses`, `accounts`, `refreshes`, `keys`, `reads`, `revocations`, `seals`, `replicas`, `workloads`, `write_tests`, `audit`, `admin_sessions` | the port's traits, one each |
//! | `complete`, `outbox`, `sealed_rows` | what would make those too long, or what several of them need |
//! | `copy` | everything from one database to another: what `central-oauth copy` does |
//! | `entities`, `convert` | the tables, and what their rows mean |
//! | `error` | which of the port's errors a database error is |
//!
//! Times are stored as milliseconds since the Unix epoch, lengths of time as milliseconds. Whatever SQLite and
//! PostgreSQL understand differently is kept out of queries; it is in `database`, `locks` and `error`.

mod accounts;
mod admin_sessions;
mod audit;
mod census;
mod claims;
mod clock_steps;
mod complete;
mod convert;
mod copy;
mod database;
mod entities;
mod error;
mod guesses;
mod keys;
mod links;
mod locks;
mod outbox;
mod reads;
mod refreshes;
mod replicas;
mod revocations;
mod schema;
mod sealed_rows;
mod seals;
mod store;
mod url;
mod workloads;
mod write_tests;

#[cfg(test)]
mod query_plans;

pub use copy::{CopyError, CopyProgress, CopyReport, CopySource, SeaOrmCopy, copy};
pub use database::{DatabaseClock, OpenError, PoolSettings, PoolUse, peek_hash_key};
pub use schema::Migrating;
pub use store::SeaOrmStore;
pub use url::{DatabaseUrl, InvalidDatabaseUrl};
