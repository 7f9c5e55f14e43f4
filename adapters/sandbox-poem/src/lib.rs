//! A sandbox: a small but real authorization server, for trying the service with nothing else installed.
//!
//! It speaks the device authorization grant (RFC 8628), refreshes with rotation (RFC 6749, RFC 9700 section 4.14),
//! revokes (RFC 7009), publishes its metadata (RFC 8414), has an API that wants the access token, and pages on which
//! made-up people log in and consent. There are no passwords, so it listens on loopback only. All state is in memory,
//! bounded, and gone when it stops.
//!
//! # The map
//!
//! | module | what is in it |
//! | --- | --- |
//! | `model` | the rules, pure: time and random secrets are handed in. Token families are in `model::families` |
//! | `oauth` | the endpoints that programs use |
//! | `pages` | the pages that people use |
//! | `app` | the state that they share, and the routes |
//! | `server` | starting and stopping |
//!
//! A ledger belongs where `oauth::token` receives the outcome of `Families::refresh`, which names every use of every
//! refresh token; faults belong in a middleware around the routes of `app`, where an answer can be lost, delayed or
//! garbled after the rules have already run.

mod app;
mod clock;
mod model;
mod oauth;
mod options;
mod pages;
mod random;
mod server;
#[cfg(test)]
mod testing;

pub use app::Endpoints;
pub use options::SandboxOptions;
pub use server::Sandbox;
