//! Processes that were stopped, or cut off from their database, during a refresh.
//!
//! Their lease expires meanwhile, and another process uses the same refresh token. This second use is excused if the
//! process of the first one is known by its connection, and all of these hold:
//!
//! - The trouble began after the process had sent the token, and before it had had the time to store the response.
//! - It has not had that time since, until the second use.
//! - The lease had time to expire. The service checks before it sends that the lease outlasts its provider timeout.
//! - The access token of the first response had not been served by then. Serving it would prove the commit.
//!
//! The process of the second use may have been the one that was stopped. Then the first use came from another process
//! during the stop, and the second one at most [`RUNS_ON_WITHIN`] after it: a process that has run for longer has had the
//! time to check its lease again.

use central_oauth_test_sandbox::Presentation;

use super::judge::{ARRIVES_WITHIN, Ambiguity, COMMIT_WITHIN, Case, RUNS_ON_WITHIN};
use super::troubles::{Kind, Trouble};

impl Case<'_> {
    /// Returns which trouble, if any, kept a refresh from being stored in time.
    pub(super) fn held_up(&self, before: &Presentation, again: &Presentation) -> Option<Ambiguity> {
        self.before_commit(Kind::Frozen, before, again)
            .map(|one| Ambiguity::Frozen(one.to - one.from))
            .or_else(|| {
                let cut_off = self.before_commit(Kind::CutOff, before, again);
                cut_off.map(|one| Ambiguity::CutOff(one.to - one.from))
            })
            .or_else(|| self.before_sending(before, again))
    }

    fn before_commit(
        &self,
        kind: Kind,
        before: &Presentation,
        again: &Presentation,
    ) -> Option<&Trouble> {
        let (sent_at, then) = (
            before.arrived_at.saturating_sub(ARRIVES_WITHIN),
            again.arrived_at,
        );
        let lease_may_be_over = then + ARRIVES_WITHIN >= before.arrived_at + self.provider_timeout;
        if !lease_may_be_over || self.is_committed(before, again) {
            return None;
        }
        let latest = self.committed_by(before);
        // Without a response there is nothing to store, so the process is excused until shortly after the trouble.
        let had_time_by = |one: &Trouble| latest.unwrap_or(one.to + COMMIT_WITHIN);
        let mut all = self.troubles(kind, self.caller(before)?);
        all.find(|one| {
            // A stopped process sends nothing. A request that arrived during the stop was sent before it.
            let was_sent_before = match kind {
                Kind::Frozen => before.arrived_at <= one.to,
                _ => sent_at <= one.from,
            };
            was_sent_before
                && latest.is_none_or(|latest| one.from <= latest)
                && (one.from..=had_time_by(one)).contains(&then)
        })
    }

    fn before_sending(&self, before: &Presentation, again: &Presentation) -> Option<Ambiguity> {
        let process = self.caller(again)?;
        if self.caller(before) == Some(process) {
            return None;
        }
        let ran_on = |one: &&Trouble| {
            let over = one.to + RUNS_ON_WITHIN;
            (one.from..over).contains(&before.arrived_at)
                && (one.to.saturating_sub(ARRIVES_WITHIN)..over).contains(&again.arrived_at)
        };
        let one = self.troubles(Kind::Frozen, process).find(ran_on)?;
        Some(Ambiguity::FrozenBeforeSending(one.to - one.from))
    }

    /// Returns whether the response to the first use was stored before the second one: a token is served only once it
    /// is stored.
    fn is_committed(&self, before: &Presentation, again: &Presentation) -> bool {
        let served_at = before
            .access_token
            .and_then(|token| self.served.get(&token));
        served_at.is_some_and(|served_at| *served_at < again.arrived_at)
    }
}
