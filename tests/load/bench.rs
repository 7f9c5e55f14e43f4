//! The real binary under load, with 1,000 and with 1,000,000 accounts stored: how fast it starts, what memory it takes,
//! how many tokens it hands out and how many it refreshes at a sandbox in this process. Measured, not asserted;
//! docs/PERFORMANCE.md has the figures.
//!
//! ```text
//! cargo bench --workspace --bench load
//! ```
//!
//! Both services run side by side and are measured in turn, so that whatever else the machine does meanwhile hits both.

#[path = "../../adapters/store-seaorm/benches/fill/mod.rs"]
mod fill;
#[path = "../support/mod.rs"]
mod support;

/// Clients that ask for tokens.
mod asking;
/// Accounts whose tokens open, and can be refreshed.
mod grants;
/// The table.
mod report;
/// The process, and what the kernel says of it.
mod running;
/// One service with its accounts, and what is measured of it.
mod scene;

use std::time::Duration;

use report::Report;
use scene::Scene;

const SIZES: [u64; 2] = [1_000, 1_000_000];
const STARTS: usize = 5;
const REPETITIONS: usize = 3;
/// Longer than all of it takes on a slow machine.
const LIMIT: Duration = Duration::from_secs(1200);

fn main() {
    // `cargo test --all-targets` starts benchmarks too, to see whether they run; a million rows are too many for that.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().expect("no runtime");
    runtime.block_on(support::process::within(LIMIT, "the benchmark", run()));
}

async fn run() {
    let (mut report, mut scenes) = (Report::new(SIZES), Vec::new());
    for (column, accounts) in SIZES.into_iter().enumerate() {
        eprintln!("filling a database with {accounts} accounts");
        scenes.push(Scene::new(column, accounts).await);
    }
    for _ in 0..STARTS {
        for scene in &mut scenes {
            scene.start(&mut report).await;
        }
    }
    for scene in &mut scenes {
        scene.rest(&mut report).await;
    }
    for connections in [1, 32] {
        for _ in 0..REPETITIONS {
            for scene in &mut scenes {
                scene.serve(connections, &mut report).await;
            }
        }
    }
    for scene in &mut scenes {
        scene.weigh("after serving", &mut report);
    }
    for _ in 0..REPETITIONS {
        for scene in &mut scenes {
            scene.refresh(&mut report).await;
        }
    }
    for scene in scenes {
        scene.end(&mut report).await;
    }
    println!("{report}");
}
