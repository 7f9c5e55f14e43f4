//! Tests of the adapter over real HTTP on loopback: known deviations of real servers from the RFCs, and malicious servers.
//! A test of a deviation names its source.
#![allow(clippy::unwrap_used, reason = "this is test code")]

mod authorization_code;
mod client_auth;
mod code_refusals;
mod cut_bodies;
mod device_answers;
mod discovery;
mod doctor;
mod encodings;
mod error_answers;
mod hostile;
mod id_tokens;
mod jwt;
mod limits;
mod odd_bodies;
mod odd_claims;
mod quirks;
mod redemptions;
mod refreshes;
mod revocations;
mod secrets;
mod settings;
mod support;
mod token_answers;
mod userinfo;
mod workloads;
