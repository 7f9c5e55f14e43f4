//! A service in memory, and a client for it that checks every response against the OpenAPI document.

mod answer;
mod call;
mod log;
mod provider;
mod world;

pub(crate) use answer::Answer;
pub(crate) use log::written;
pub(crate) use provider::{Person, ScriptedProvider};
pub(crate) use world::{ADMIN, ISSUER, World};
