//! The real binary, run the way users do: by hand, by scripts, by service managers, and by people who mistype.
#![allow(clippy::unwrap_used)]

/// Shared helpers.
mod browser;
mod changed_database;
mod dev_run;
mod guarded;
mod linking;
mod machine;
mod recording;
mod world;

/// The tests.
mod accounts;
mod altered_keys;
mod client_config;
mod commands;
mod config_check;
mod damaged_rows;
mod database;
mod dev;
mod documents;
mod exec;
mod formats;
mod health;
mod kept_keys;
mod link;
mod link_ends;
mod managing;
mod operator_keys;
mod providers_check;
mod providers_file;
mod recipes;
mod revoke;
mod serve;
mod serve_config;
mod serve_tls;
mod token;
