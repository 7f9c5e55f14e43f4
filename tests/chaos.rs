//! The promise, put to the test: a grant outlives crashes at any moment, and no refresh token is presented twice.
//!
//! The real binary is killed again and again while clients ask it for tokens without pause. The sandbox, whose
//! rotation ends a family when a refresh token comes back, keeps a ledger of every use; the judge compares it with the
//! moments of the kills. docs/TESTING.md tells what is counted and how.
//!
//! The short runs are part of `cargo test`. The long ones, with 200 accounts, 32 clients and 100 kills each:
//!
//! ```text
//! CHAOS_SEED=1 cargo test --test chaos -- --ignored --nocapture --test-threads=1
//! ```

mod support;

mod chaos {
    /// Accounts that are linked at the start and looked at in the end.
    mod accounts;
    /// Clients that ask for tokens and use them.
    mod asking;
    /// What the ledger and the kills say about each use of a refresh token.
    mod judge;
    mod judge_tests;
    /// Processes that are killed and started again.
    mod killing;
    /// The report as it is printed.
    mod printing;
    /// What came of a run.
    mod report;
    pub(super) mod scenario;
}

use std::time::Duration;

use chaos::scenario::{Scenario, Size};

/// Kills at any moment, one process, a provider that answers a retry.
const CRASHES: Scenario = Scenario {
    name: "A: crashes, a provider that grants the retry",
    processes: 1,
    lives: Duration::from_millis(1500),
    answers_within: Duration::from_millis(150),
    forgiving: true,
    faults: false,
};
/// The same with two processes on one database.
const TWO_PROCESSES: Scenario = Scenario {
    name: "B: crashes, two processes on one database",
    processes: 2,
    ..CRASHES
};
/// A provider that ends the grant with the first retry. Each kill in between costs a grant here: with fewer of them some
/// are left to the end.
const STRICT: Scenario = Scenario {
    name: "C: crashes, a provider that forgives nothing",
    lives: Duration::from_secs(6),
    answers_within: Duration::from_millis(20),
    forgiving: false,
    ..CRASHES
};
/// Answers that get lost, late or garbage, and outages, on top of the crashes.
const FAULTS: Scenario = Scenario {
    name: "D: crashes and a network that fails",
    faults: true,
    // Sometimes longer than the service waits.
    answers_within: Duration::from_secs(4),
    ..CRASHES
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
