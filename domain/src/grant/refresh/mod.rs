//! Decides when tokens are refreshed, and what a failed refresh means for the grant.

mod outage;
mod schedule;
mod verdict;

pub use outage::{
    OUTAGE_AFTER, Outage, OutageVersion, PROBE_HORIZON, ProbedAccount, WaitingAccount,
};
pub use schedule::{FASTEST, Lifetimes, REFRESH_HORIZON, due_at, pause_after};
pub use verdict::{
    Attempts, OtherGrants, RefreshFailure, SuspectGrant, judge, judge_unusable_answer,
    wait_for_operator,
};
