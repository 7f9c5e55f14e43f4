//! Implements the TokenStore port with SeaORM.
//!
//! # Modules
//!
//! | module | what it contains |
//! | --- | --- |
//! | `store` | [`SeaOrmStore`], and how it uses its database |
//! | `url`, `database` | the URL of the database; opening, reading and writing SQLite and PostgreSQL; group commit; the database's clock |
//! | `schema`, `locks` | migrations; locks between concurrent transactions |
//! | `claims` | leases of due work, for tasks and replicas |
//! | `damage` | rows that cannot be read |
//! | `links`, `guesses`, `accounts`, `refreshes`, `keys`, `reads`, `revocations`, `seals`, `replicas`, `workloads`, `write_tests`, `audit`, `admin_sessions`, `webhooks`, `grant_ends`, `census`, `clock_steps` | each module implements one trait of the port |
//! | `hash_key`, `outbox`, `sealed_rows`, `statements` | helpers of these traits |
//! | `copy` | copies one database to another, for `central-oauth copy` |
//! | `entities`, `convert` | the tables, and the conversion of their rows |
//! | `error` | converts database errors to errors of the port |
//!
//! Times are stored as milliseconds since the Unix epoch, durations as milliseconds. Queries are the same for SQLite
//! and PostgreSQL. The differences between the two databases are handled in `database`, `locks` and `error`.

mod accounts;
mod admin_sessions;
mod audit;
mod census;
mod claims;
mod clock_steps;
mod convert;
mod copy;
mod damage;
mod database;
mod entities;
mod error;
mod grant_ends;
mod guesses;
mod hash_key;
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
mod statements;
mod store;
mod url;
mod webhooks;
mod workloads;
mod write_tests;

#[cfg(test)]
mod query_plans;

pub use copy::{
    CopyError, CopyProgress, CopyReport, CopySource, SeaOrmCopy, TableCount, copy, named_rows,
};
pub use database::{DatabaseClock, OpenError, PoolSettings, PoolUse};
pub use locks::Migrating;
pub use sealed_rows::table_of;
pub use store::SeaOrmStore;
pub use url::{DatabaseUrl, InvalidDatabaseUrl};
