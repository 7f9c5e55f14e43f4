//! When tokens are refreshed, and what a refresh that failed means.

mod doubt;
mod schedule;
mod verdict;

pub use doubt::Doubt;
pub use schedule::{at_least_every, due_at, pause_after};
pub use verdict::{Attempts, Others, RefreshFailure, judge, wait_for_operator, wait_for_provider};
