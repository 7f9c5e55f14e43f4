//! The tests of the whole system: the real binary with real authorization servers, databases and browsers.
//!
//! They are one program, so that what they share is compiled, linked and started once. The chaos test is another one.

mod support;

mod allauth;
mod architecture;
mod audit;
mod authorization_code;
mod bad_input;
mod cli;
mod copy;
mod fixtures_work;
mod kms;
mod link_flow;
mod logs;
mod metrics;
mod openapi;
mod packaging;
mod pkcs11;
mod postgresql;
mod refresh;
mod rekey;
mod restore;
mod revocation;
mod rotation;
mod storage;
mod swagger;
mod token_cache;
mod traces;
mod webhooks;
mod workloads;
