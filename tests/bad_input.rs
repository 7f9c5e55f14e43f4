//! The real binary with unexpected input: a provider that fails at every stage of a link, invalid requests of clients
//! and browsers, guessed codes and keys, and crashes in between.
//!
//! Whatever happens, the service stays healthy, logs the problem, loses no tokens, and neither its log nor its database
//! contains a secret: see `scene::Scene::end`.
#![allow(clippy::unwrap_used)]

mod api;
mod crashes;
mod harm;
mod limits;
mod operators;
mod outages;
mod page;
mod person;
mod provider;
mod raw;
mod refusals;
mod scene;
mod traces;
mod trouble;
