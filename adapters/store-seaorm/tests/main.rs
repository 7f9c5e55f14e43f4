//! Tests of the store on real SQLite files and a real PostgreSQL server: the contract of its ports, and the behaviour
//! that only this store has.

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
