//! The HTTP surface over a broker with fakes for ports: every route, every shape of error, the document.
#![allow(clippy::unwrap_used, reason = "this is test code")]

mod accounts;
mod answers;
mod documents;
mod health;
mod links;
mod log;
mod poll;
mod refresh;
mod requests;
mod support;
mod token;
