//! Contract suites for the adapters of each port, also run with the fakes.
//!
//! A suite panics with the violated promise and prints the name of the case to standard error. A suite tests the same
//! for all adapters; particularities of one adapter (its files, its indexes) are tested beside that adapter.
#![allow(clippy::unwrap_used, reason = "this is test code")]

pub mod cipher;
pub mod clock;
pub mod token_store;
