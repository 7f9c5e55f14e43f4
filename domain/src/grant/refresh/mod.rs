//! When tokens are refreshed, and what a refresh that failed means.

mod doubt;
mod schedule;
mod verdict;

pub use doubt::Doubt;
pub use schedule::{Lifetimes, due_at, pause_after};
pub use verdict::{Attempts, Others, RefreshFailure, judge, wait_for_operator, wait_for_provider};
