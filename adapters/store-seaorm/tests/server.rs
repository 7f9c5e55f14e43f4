//! Database servers that disappear, have another clock, or require TLS.
#![allow(clippy::unwrap_used, reason = "this is test code")]

mod clock;
mod connections;
mod deaf;
mod locks;
mod saving;
mod snapshots;
mod tls;
