//! The HTTP interface with fake ports: every route, every kind of error, the OpenAPI document.
#![allow(clippy::unwrap_used, reason = "this is test code")]

mod accounts;
mod answers;
mod audit;
mod deletion;
mod documents;
mod foreign;
mod fuzz;
mod head;
mod health;
mod keys;
mod labels;
mod links;
mod lists;
mod log;
mod new_keys;
mod oauth;
mod poll;
mod refresh;
mod relinks;
mod requests;
mod revocations;
mod rights;
mod support;
mod token;
mod workload_audit;
mod workload_refusals;
mod workloads;
