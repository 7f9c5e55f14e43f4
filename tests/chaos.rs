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
    /// What stands in front of the sandbox where several replicas ask it.
    mod front;
    /// Processes that were stopped, or cut off from their database, with a refresh in hand.
    mod held_up;
    /// What the ledger and the troubles say about each use of a refresh token.
    mod judge;
    mod judge_tests;
    /// Processes that are killed and started again.
    mod killing;
    /// A network namespace for one replica.
    mod namespace;
    /// The report as it is printed.
    mod printing;
    /// Several replicas on one PostgreSQL.
    mod replicas;
    /// What came of a run.
    mod report;
    pub(super) mod scenario;
    /// What befalls replicas and their database.
    mod troubles;
}

use std::time::Duration;

use chaos::scenario::{Scenario, Size};

/// Kills at any moment, one process, a provider that answers a retry.
const CRASHES: Scenario = Scenario {
    name: "A: crashes, a provider that grants the retry",
    processes: 1,
    on_server: false,
    provider_timeout: Duration::from_secs(3),
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

/// Replicas that die, stop for longer than a lease or lose their database, on one PostgreSQL that restarts and crashes.
const REPLICAS: Scenario = Scenario {
    name: "E: three replicas on one PostgreSQL",
    processes: 3,
    on_server: true,
    // A lease lasts 5 s longer.
    provider_timeout: Duration::from_secs(2),
    ..CRASHES
};
/// The same with a provider that ends the grant with the first retry.
const STRICT_REPLICAS: Scenario = Scenario {
    name: "F: three replicas, a provider that forgives nothing",
    forgiving: false,
    answers_within: Duration::from_millis(50),
    ..REPLICAS
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
    REPLICAS.run(Size::SHORT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_replicas_and_a_strict_provider() {
    STRICT_REPLICAS.run(Size::SHORT).await;
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
