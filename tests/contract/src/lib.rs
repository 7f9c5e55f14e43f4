//! Contract suites: what every adapter of a port must keep, run by the fakes and by each adapter.
//!
//! A suite panics with the broken promise; the name of the case stands on standard error. Whatever a suite asks of
//! one adapter it asks of all, so what is peculiar to one (its files, its indexes) is tested beside that adapter.
#![allow(clippy::unwrap_used, reason = "this is test code")]

pub mod cipher;
pub mod clock;
pub mod token_store;
