//! Tests the promise: every grant survives every failure, and acknowledged writes are durable.
//!
//! The test kills, stops and starves the real binary while clients request tokens and write. The sandbox ends a grant
//! when a refresh token is reused without need, and keeps a ledger of every use. The judge compares the ledger with the
//! times of the troubles. docs/TESTING.md says what is counted and how.
//!
//! The short runs are part of `cargo test`. The long ones:
//!
//! ```text
//! CHAOS_SEED=1 cargo test --test chaos -- --ignored --nocapture --test-threads=1
//! ```

#[allow(dead_code, reason = "the chaos test uses a part of it")]
mod support;

mod chaos {
    /// Accounts that are linked at the start and checked in the end.
    mod accounts;
    /// Clients that ask for tokens and use them.
    mod asking;
    /// A small disk that can be full.
    mod disk;
    /// A disk that fails while its process is killed.
    mod filling;
    /// The proxy between several replicas and the sandbox.
    mod front;
    /// Processes that were stopped, or cut off from their database, during a refresh.
    mod held_up;
    /// Judges each use of a refresh token by the ledger and the troubles.
    mod judge;
    mod judge_tests;
    /// Logs that are kept to examine a failed run.
    mod kept_logs;
    /// Processes that are killed and started again.
    mod killing;
    /// How long an account may have no token.
    mod liveness;
    mod liveness_tests;
    /// A network namespace for one replica.
    mod namespace;
    /// Accounts whose provider rejects them, and a wall clock that steps.
    mod plagues;
    /// Prints the report.
    mod printing;
    /// Writes that were acknowledged.
    mod promises;
    /// Asks for one account until it has a token.
    mod pursuit;
    /// Several replicas on one PostgreSQL.
    mod replicas;
    /// The result of a run.
    mod report;
    pub(super) mod scenario;
    /// A library that breaks a program's disk and clock.
    mod shim;
    pub(super) mod size;
    /// Troubles of replicas and their database.
    mod troubles;
    /// How long clients waited.
    mod waits;
    /// Clients that write.
    mod writing;
}

use std::time::Duration;

use central_oauth_test_sandbox::Reuse;
use chaos::scenario::{Scenario, Stage};
use chaos::size::Size;

/// Kills at any moment, one process, a provider that accepts a retry.
const CRASHES: Scenario = Scenario {
    name: "A: crashes, a provider that grants the retry",
    processes: 1,
    stage: Stage::File,
    provider_timeout: Duration::from_secs(3),
    lives: Duration::from_millis(1500),
    answers_within: Duration::from_millis(150),
    // Any number of responses can be lost in a row, and each loss needs one more retry.
    reuse: Reuse::Retries(u32::MAX),
    faults: false,
    clock_steps: true,
};
/// Two processes on one database, and a provider that accepts a retry only for a while.
const TWO_PROCESSES: Scenario = Scenario {
    name: "B: crashes, two processes on one database, a grace period that ends",
    processes: 2,
    reuse: Reuse::Grace(Duration::from_secs(20)),
    clock_steps: false,
    ..CRASHES
};
/// A provider that ends the grant at the first retry. Each kill during a refresh costs a grant, so processes live
/// longer here: some grants must remain.
const STRICT: Scenario = Scenario {
    name: "C: crashes, a provider that forgives nothing",
    lives: Duration::from_secs(6),
    answers_within: Duration::from_millis(20),
    reuse: Reuse::Forbidden,
    clock_steps: false,
    ..CRASHES
};
/// Lost, late and garbled responses, and outages, in addition to crashes.
const FAULTS: Scenario = Scenario {
    name: "D: crashes and a network that fails",
    faults: true,
    clock_steps: false,
    // Sometimes longer than the service's provider timeout.
    answers_within: Duration::from_secs(4),
    ..CRASHES
};

/// Replicas that die, stop for longer than a lease or lose their database, on one PostgreSQL that restarts and crashes.
const REPLICAS: Scenario = Scenario {
    name: "E: three replicas on one PostgreSQL",
    processes: 3,
    stage: Stage::Server,
    // A lease lasts 5 s longer than this timeout.
    provider_timeout: Duration::from_secs(2),
    clock_steps: false,
    ..CRASHES
};
/// The same with a provider that ends the grant with the first retry.
const STRICT_REPLICAS: Scenario = Scenario {
    name: "F: three replicas, a provider that forgives nothing",
    reuse: Reuse::Forbidden,
    answers_within: Duration::from_millis(50),
    ..REPLICAS
};
/// A disk that fills up, becomes read-only or fails, while the process on it is killed.
const DISK: Scenario = Scenario {
    name: "G: a disk that fails below SQLite",
    stage: Stage::FailingFile,
    clock_steps: false,
    ..CRASHES
};
/// The same below a database server, which stops when it cannot write its log.
const SERVER_DISK: Scenario = Scenario {
    name: "G: a disk that fails below PostgreSQL",
    stage: Stage::FailingServer,
    ..DISK
};

#[tokio::test(flavor = "multi_thread")]
async fn crashes_lose_no_grant_where_a_retry_is_granted() {
    CRASHES.run(Size::SHORT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_crash_on_one_database() {
    TWO_PROCESSES.run(Size::SHORT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_provider_costs_only_what_was_in_flight() {
    STRICT.run(Size::SHORT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn crashes_and_a_failing_network_lose_no_grant() {
    FAULTS.run(Size::SHORT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_replicas_lose_no_grant_where_a_retry_is_granted() {
    REPLICAS.run(Size::SHORT_REPLICAS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_replicas_and_a_strict_provider() {
    STRICT_REPLICAS.run(Size::SHORT_REPLICAS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_disk_breaks_no_promise() {
    DISK.run(Size::SHORT_DISK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_disk_of_a_database_server_breaks_no_promise() {
    SERVER_DISK.run(Size::SHORT_DISK).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn long_a_crashes() {
    CRASHES.run(Size::LONG).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn long_b_two_processes() {
    TWO_PROCESSES.run(Size::LONG).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn long_c_strict_provider() {
    STRICT.run(Size::LONG).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn long_d_failing_network() {
    FAULTS.run(Size::LONG).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn long_e_replicas() {
    REPLICAS.run(Size::LONG_REPLICAS).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn long_f_replicas_and_a_strict_provider() {
    STRICT_REPLICAS.run(Size::LONG_REPLICAS).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn long_g_failing_disk() {
    DISK.run(Size::LONG_DISK).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn long_g_failing_disk_of_a_server() {
    SERVER_DISK.run(Size::LONG_DISK).await;
}
