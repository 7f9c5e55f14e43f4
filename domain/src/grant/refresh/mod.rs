//! When tokens are refreshed, and what a failed refresh means.

mod doubt;
mod in_vain;
mod outage;
mod schedule;
mod verdict;

pub use doubt::Doubt;
pub use in_vain::refreshed_in_vain;
pub use outage::{OUTAGE_AFTER, Outage, OutageVersion, PROBE_HORIZON, Probed, Waiting};
pub use schedule::{FASTEST, Lifetimes, REFRESH_HORIZON, due_at, pause_after};
pub use verdict::{Attempts, Others, RefreshFailure, judge, wait_for_operator};
