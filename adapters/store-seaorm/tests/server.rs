//! What a database server does to a store: it goes away, tells another time, wants TLS.
#![allow(clippy::unwrap_used, reason = "this is test code")]

mod common;
mod server {
    mod clock;
    mod connections;
    mod deaf;
    mod locks;
    mod saving;
    mod tls;
}
