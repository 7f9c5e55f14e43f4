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
//! | `model` | the rules and the ledger, pure: time and random secrets are handed in. Families are in `families` |
//! | `oauth` | the endpoints that programs use |
//! | `pages` | the pages that people use |
//! | `faults` | what goes wrong between the rules and the client, and the connections on which it does |
//! | `app` | the state that they share, and the routes |
//! | `server` | starting and stopping |
//!
//! For tests of what a client does with its refresh tokens, a [`Ledger`] names every use of every refresh token and
//! what became of the answer, and [`Faults`] lose, delay or garble answers after the rules have run.

mod app;
mod clock;
mod faults;
mod model;
mod oauth;
mod options;
mod pages;
mod random;
mod server;
#[cfg(test)]
mod testing;

pub use app::Endpoints;
pub use faults::{Fault, Faults, Illness, Odds, Place};
pub use model::{
    AccessTokenEntry, AutoPerson, Delivery, Ledger, Presentation, RefreshOutcome, Reuse, TokenMark,
    TurnedAway,
};
pub use options::SandboxOptions;
pub use server::Sandbox;
