//! Workloads that prove with a JWT who they are: the real binary, npm's oauth2-mock-server and OpenBao as platforms, and OAuth
//! clients that nobody here wrote.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

/// What the tests below share.
mod platform;
mod world;

/// The tests.
mod bao;
mod documents;
mod jobs;
mod page;
mod refusals;
mod replays;

const TIMEOUT: Duration = Duration::from_secs(60);
