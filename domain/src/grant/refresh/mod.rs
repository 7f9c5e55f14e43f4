//! When tokens are refreshed, and what a refresh that failed means.

mod doubt;
mod in_vain;
mod schedule;
mod verdict;

pub use doubt::Doubt;
pub use in_vain::refreshed_in_vain;
pub use schedule::{FASTEST, Lifetimes, due_at, pause_after};
pub use verdict::{Attempts, Others, RefreshFailure, judge, wait_for_operator, wait_for_provider};
