//! The waiting times of clients, for the report.

use std::collections::HashMap;
use std::time::Duration;

use central_oauth_test_sandbox::{Delivery, Presentation};

use super::liveness::{Attempt, Course, Gap, due, is_too_late};
use super::report::Report;

impl Report {
    /// Returns the responses that came later than the service promises, or not at all.
    pub(super) fn too_late(&self) -> Vec<String> {
        let late = self.tally.late.iter();
        let late = late.filter(|late| is_too_late(late, &self.troubles));
        late.map(|late| format!("{late:?}")).collect()
    }

    /// Returns the longest period in which an account had no token.
    pub(super) fn longest_gap(&self) -> Option<Gap> {
        let gaps = self.tally.gaps.iter().copied();
        gaps.max_by_key(|gap| gap.to - gap.from)
    }

    /// Returns the accounts that had no token for longer than [`due`] allows.
    pub(super) fn overdue(&self) -> Vec<String> {
        let judged = self.judged_gaps().into_iter();
        let overdue = judged.filter(|(gap, due)| gap.to > *due);
        overdue.map(|(gap, due)| self.describe(gap, due)).collect()
    }

    /// Returns the largest share of the allowed time that was used.
    pub(super) fn used_up(&self) -> f64 {
        let judged = self.judged_gaps().into_iter();
        let shares = judged.map(|(gap, due)| {
            let allowed = due.saturating_sub(gap.from).as_secs_f64();
            (gap.to - gap.from).as_secs_f64() / allowed
        });
        shares.fold(0.0, f64::max)
    }

    /// Describes a gap, with the account's attempts around it.
    pub(super) fn describe(&self, gap: Gap, due: Duration) -> String {
        let attempts = self.attempts();
        let near = attempts.iter().filter(|one| {
            let near = gap.from.saturating_sub(self.design.lease)..=gap.to;
            one.account == gap.account && near.contains(&one.at)
        });
        let near: Vec<_> = near
            .map(|one| {
                let how = if one.has_failed { "failed" } else { "answered" };
                format!("{how} at {:.1} s", one.at.as_secs_f64())
            })
            .collect();
        format!(
            "{}: from {:.1} s to {:.1} s, due at {:.1} s; attempts: {}",
            self.accounts[gap.account].person,
            gap.from.as_secs_f64(),
            gap.to.as_secs_f64(),
            due.as_secs_f64(),
            near.join(", ")
        )
    }

    /// Returns every gap with the time by which it had to end.
    pub(super) fn judged_gaps(&self) -> Vec<(Gap, Duration)> {
        let attempts = self.attempts();
        let course = Course {
            attempts: &attempts,
            troubles: &self.troubles,
            processes: self.scenario.processes,
        };
        // Short gaps are within every bound, and there are thousands of them.
        let least = self.design.lease;
        let long = self
            .tally
            .gaps
            .iter()
            .filter(|gap| gap.to - gap.from > least);
        long.map(|gap| (*gap, due(*gap, &course, &self.design)))
            .collect()
    }

    /// Returns all attempts to refresh, in order.
    fn attempts(&self) -> Vec<Attempt> {
        let accounts: HashMap<usize, usize> = (0..self.accounts.len())
            .flat_map(|account| {
                let families = self.families(account).into_iter();
                families.map(move |family| (family, account))
            })
            .collect();
        let sent = self.ledger.presentations().iter().filter_map(|one| {
            Some(Attempt {
                account: *accounts.get(&one.family?)?,
                at: one.answered_at.unwrap_or(one.arrived_at),
                has_failed: has_failed(one),
                retry_after: None,
            })
        });
        let turned_away = self.ledger.turned_away().iter().filter_map(|one| {
            Some(Attempt {
                account: *accounts.get(&one.family)?,
                at: one.arrived_at,
                has_failed: true,
                retry_after: one.retry_after,
            })
        });
        let mut attempts: Vec<_> = sent.chain(turned_away).collect();
        attempts.sort_by_key(|one| one.at);
        attempts
    }
}

fn has_failed(one: &Presentation) -> bool {
    one.delivery != Delivery::Sent || one.access_token.is_none()
}
