//! The database schema, version by version.
//!
//! A migration uses portable types only: `TEXT`, `BLOB`, and `BIGINT` for numbers and times (milliseconds since the
//! Unix epoch). Every condition of a periodic scan needs an index. Never edit or rename a released migration; write a
//! new one. Databases store the file name of each applied migration.

mod changes;
mod m0001_initial;
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
mod m0023_key_expiry;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

use changes::Migration;

/// All migrations, in order.
pub struct Migrator;

/// Builds migrations from the names of their modules. Only the first migration differs between SQLite and PostgreSQL.
macro_rules! migrations {
    ($first:ident, $($name:ident,)+) => {
        vec![
            Box::new(Migration { name: stringify!($first), changes: $first::changes }),
            $(Box::new(Migration { name: stringify!($name), changes: |_| $name::changes() }),)+
        ]
    };
}

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        migrations![
            m0001_initial,
            m0002_replicas,
            m0003_wrong_codes,
            m0004_renewed_by_use,
            m0005_grant_expires_at,
            m0006_callback_hash,
            m0007_write_tests,
            m0008_answer_members,
            m0009_clock_steps,
            m0010_outages,
            m0011_networks,
            m0012_key_macs,
            m0013_audit,
            m0014_return_codes,
            m0015_workloads,
            m0016_labels,
            m0017_admin_sessions,
            m0018_webhook_receivers,
            m0019_announced_ends,
            m0020_receiver_macs,
            m0021_one_refresh_token,
            m0022_owner_macs,
            m0023_key_expiry,
        ]
    }
}
