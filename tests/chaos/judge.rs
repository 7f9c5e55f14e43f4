//! What the ledger and the moments of the kills say about each use of a refresh token.
//!
//! A refresh token that comes to the provider a second time has been presented twice, unless the use before it was
//! ambiguous: the service could not know its outcome. It was, and only then, when before the second use
//!
//! - a fault had taken the answer or put something else into its place ([`Ambiguity::AnswerLost`]);
//! - the process that had sent it was killed between sending and commit ([`Ambiguity::Killed`]): the connection on
//!   which the token came ended with a kill, before the answer left or at most [`COMMIT_WITHIN`] after it, and the
//!   access token of that answer was never served to anybody, which would have proved the commit. Where a fault has cut
//!   the connection in between, any kill in that time will do;
//! - the connection ended just when the service's patience with the provider runs out: it had given up
//!   ([`Ambiguity::TooLate`]). A service that hangs up earlier has no excuse.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use central_oauth_sandbox_poem::{Delivery, Presentation, RefreshOutcome, TokenMark};

use super::killing::Kill;

/// The longest time between an answer and its commit that a kill can excuse.
const COMMIT_WITHIN: Duration = Duration::from_secs(2);
/// How soon the sandbox notices that a connection has ended.
const NOTICED_WITHIN: Duration = Duration::from_secs(1);
/// How long a request is on its way to the sandbox.
const ARRIVES_WITHIN: Duration = Duration::from_millis(500);

/// What the judge looks at.
pub(super) struct Case<'a> {
    pub(super) presentations: &'a [Presentation],
    /// When a connection ended, if it has.
    pub(super) closed_at: &'a dyn Fn(u64) -> Option<Duration>,
    /// Whether a fault ended a connection.
    pub(super) was_cut: &'a dyn Fn(u64) -> bool,
    pub(super) kills: &'a [Kill],
    /// The access tokens that were served.
    pub(super) served: HashSet<TokenMark>,
    pub(super) provider_timeout: Duration,
}

/// Why the service could not know what had come of a use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ambiguity {
    /// A fault took the answer.
    AnswerLost,
    /// The process died before it had stored the answer, this long after the token had come to the provider.
    Killed(Duration),
    /// The service had given up on the answer.
    TooLate,
}

/// A refresh token that came again.
#[derive(Debug, Clone)]
pub(super) struct Repeat {
    /// The use before this one.
    pub(super) before: Presentation,
    pub(super) again: Presentation,
    /// What excuses it.
    pub(super) excuse: Option<Ambiguity>,
}

/// All refresh tokens that came again, in order.
pub(super) fn repeats(case: &Case<'_>) -> Vec<Repeat> {
    let mut latest: HashMap<TokenMark, &Presentation> = HashMap::new();
    let mut repeats = Vec::new();
    for again in case.presentations {
        if let Some(before) = latest.insert(again.refresh_token, again) {
            repeats.push(Repeat {
                before: before.clone(),
                again: again.clone(),
                excuse: case.ambiguity(before, again.arrived_at),
            });
        }
    }
    repeats
}

/// The repeat that ended a family, if one did.
pub(super) fn end_of(family: usize, repeats: &[Repeat]) -> Option<&Repeat> {
    repeats.iter().find(|repeat| {
        repeat.again.family == Some(family) && repeat.again.outcome == RefreshOutcome::Reused
    })
}

impl Case<'_> {
    /// Why nobody could know by `then` what had come of a use.
    fn ambiguity(&self, before: &Presentation, then: Duration) -> Option<Ambiguity> {
        if before.delivery == Delivery::Lost {
            // Not while it was still under way.
            return (before.answered_at <= Some(then)).then_some(Ambiguity::AnswerLost);
        }
        let closed_at = (self.closed_at)(before.connection?)?;
        if closed_at > then {
            return None;
        }
        self.killed(before, closed_at, then)
            .or_else(|| self.too_late(before, closed_at))
    }

    fn killed(
        &self,
        before: &Presentation,
        closed_at: Duration,
        then: Duration,
    ) -> Option<Ambiguity> {
        let is_committed = before
            .access_token
            .is_some_and(|token| self.served.contains(&token));
        let latest = before.answered_at.map(|at| at + COMMIT_WITHIN);
        let was_cut = before.connection.is_some_and(self.was_cut);
        let by = |kill: &&Kill| {
            let ended_with_it = (kill.from..=kill.to + NOTICED_WITHIN).contains(&closed_at);
            let ended_before = was_cut && (closed_at..=then).contains(&kill.to);
            (ended_with_it || ended_before) && latest.is_none_or(|latest| kill.from <= latest)
        };
        let kill = self.kills.iter().find(by).filter(|_| !is_committed)?;
        let after = kill.to.saturating_sub(before.arrived_at);
        Some(Ambiguity::Killed(after))
    }

    fn too_late(&self, before: &Presentation, closed_at: Duration) -> Option<Ambiguity> {
        // The service has been waiting since a little before the request arrived.
        let ends = before.arrived_at + self.provider_timeout;
        let gave_up = (ends - ARRIVES_WITHIN..=ends + NOTICED_WITHIN).contains(&closed_at);
        gave_up.then_some(Ambiguity::TooLate)
    }
}
