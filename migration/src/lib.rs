//! The database schema, version by version.
//!
//! Rules for a migration: portable types only (`BIGINT` for numbers and for times, which are milliseconds since the
//! Unix epoch; `TEXT`; `BLOB`), an index for whatever a periodic scan looks for, and a working way down. A migration
//! that has been released is never edited: the next one follows it.

mod admin_sessions;
mod alter;
mod announced_ends;
mod answer_members;
mod audit;
mod callback_hash;
mod clock_steps;
mod grant_expires_at;
mod initial;
mod key_macs;
mod labels;
mod networks;
mod one_refresh_token;
mod outages;
mod owner_macs;
mod receiver_macs;
mod renewed_by_use;
mod replicas;
mod return_codes;
mod webhook_receivers;
mod workloads;
mod write_tests;
mod wrong_codes;

use sea_orm_migration::prelude::*;

/// All migrations, in order.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(initial::Migration),
            Box::new(replicas::Migration),
            Box::new(wrong_codes::Migration),
            Box::new(renewed_by_use::Migration),
            Box::new(grant_expires_at::Migration),
            Box::new(callback_hash::Migration),
            Box::new(write_tests::Migration),
            Box::new(answer_members::Migration),
            Box::new(clock_steps::Migration),
            Box::new(outages::Migration),
            Box::new(networks::Migration),
            Box::new(key_macs::Migration),
            Box::new(audit::Migration),
            Box::new(return_codes::Migration),
            Box::new(workloads::Migration),
            Box::new(labels::Migration),
            Box::new(admin_sessions::Migration),
            Box::new(webhook_receivers::Migration),
            Box::new(announced_ends::Migration),
            Box::new(receiver_macs::Migration),
            Box::new(one_refresh_token::Migration),
            Box::new(owner_macs::Migration),
        ]
    }
}
