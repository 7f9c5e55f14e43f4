//! The store on real SQLite files and a real PostgreSQL: the contract of its ports, and what no other store has.

mod common;

mod altered_audit;
mod altered_keys;
mod columns;
mod contract;
mod copying;
mod damaged;
mod failing;
mod files;
mod grouping;
mod schema;
mod server;
mod writing;
