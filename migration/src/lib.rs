//! The database schema, version by version.
//!
//! Rules for a migration: portable types only (`BIGINT` for numbers and for times, which are milliseconds since the
//! Unix epoch; `TEXT`; `BLOB`), an index for whatever a periodic scan looks for, and a working way down. A migration
//! that has been released is never edited: the next one follows it. Databases know it by the name of its file (the
//! first: `m0001_initial`), which stays too.

mod alter;
mod initial;
mod m0002_replicas;
mod m0003_wrong_codes;
mod m0004_renewed_by_use;
mod m0005_grant_expires_at;
mod m0006_callback_hash;
mod m0007_write_tests;
mod m0008_answer_members;
mod m0009_clock_steps;
mod m0010_outages;
mod m0011_networks;
mod m0012_key_macs;
mod m0013_audit;
mod m0014_return_codes;
mod m0015_workloads;
mod m0016_labels;
mod m0017_admin_sessions;
mod m0018_webhook_receivers;
mod m0019_announced_ends;
mod m0020_receiver_macs;
mod m0021_one_refresh_token;
mod m0022_owner_macs;

use sea_orm_migration::prelude::*;

/// All migrations, in order.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(initial::Migration),
            Box::new(m0002_replicas::Migration),
            Box::new(m0003_wrong_codes::Migration),
            Box::new(m0004_renewed_by_use::Migration),
            Box::new(m0005_grant_expires_at::Migration),
            Box::new(m0006_callback_hash::Migration),
            Box::new(m0007_write_tests::Migration),
            Box::new(m0008_answer_members::Migration),
            Box::new(m0009_clock_steps::Migration),
            Box::new(m0010_outages::Migration),
            Box::new(m0011_networks::Migration),
            Box::new(m0012_key_macs::Migration),
            Box::new(m0013_audit::Migration),
            Box::new(m0014_return_codes::Migration),
            Box::new(m0015_workloads::Migration),
            Box::new(m0016_labels::Migration),
            Box::new(m0017_admin_sessions::Migration),
            Box::new(m0018_webhook_receivers::Migration),
            Box::new(m0019_announced_ends::Migration),
            Box::new(m0020_receiver_macs::Migration),
            Box::new(m0021_one_refresh_token::Migration),
            Box::new(m0022_owner_macs::Migration),
        ]
    }
}
