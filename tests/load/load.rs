//! The Rust half of the benchmark: what `tests/load/bench.py` compares the service with, and the accounts that it asks for.
//!
//! ```text
//! load bare                        a bare poem-openapi handler
//! load world DATABASE_URL ACCOUNTS a database with accounts, and the provider that some of them were linked at
//! ```
//!
//! Each command prints one line once it is ready, and ends when its standard input is closed.

#[path = "../../adapters/store-seaorm/benches/fill/mod.rs"]
mod fill;
#[allow(dead_code, reason = "the benchmark uses a part of it")]
#[path = "../support/mod.rs"]
mod support;

/// A handler without a service behind it.
mod bare;
/// Accounts whose tokens can be decrypted and refreshed.
mod grants;

use std::io::{self, Read as _};

#[tokio::main]
async fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["bare"] => bare::serve().await,
        ["world", database, accounts] => {
            let accounts = accounts.parse().expect("not a number of accounts");
            let _sandbox = grants::world(database, accounts).await;
            wait_for_the_end().await;
        }
        // `cargo bench` and `cargo test --all-targets` start benchmarks, too.
        _ => println!("run tests/load/bench.py"),
    }
}

/// Waits until this process is not needed any more.
async fn wait_for_the_end() {
    let read = || io::stdin().read_to_end(&mut Vec::new());
    let ended = tokio::task::spawn_blocking(read).await;
    ended.expect("no thread").expect("no standard input");
}
