//! Judges each use of a refresh token by the ledger and the times of the troubles.
//!
//! A refresh token that reaches the provider a second time was used twice. That is excused only if the first use was
//! ambiguous, which means that the service could not know its outcome before the second use:
//!
//! - A fault dropped or replaced the response ([`Ambiguity::AnswerLost`]).
//! - The process was killed between sending and commit ([`Ambiguity::Killed`]): the connection of the token ended with a
//!   kill, before the response was sent or before the process had had [`COMMIT_WITHIN`] to store it, and the access token
//!   of that response was never served, which would prove the commit. If a fault had cut the connection, any kill in
//!   that time counts.
//! - The process was stopped, or cut off from its database, between sending and commit ([`Ambiguity::Frozen`],
//!   [`Ambiguity::CutOff`]), or the process of the second use was stopped between its last check of the lease and sending
//!   ([`Ambiguity::FrozenBeforeSending`]): see [`super::held_up`].
//! - The connection ended just when the service's provider timeout expired ([`Ambiguity::TooLate`]). A service that
//!   disconnects earlier has no excuse. With replicas, any end before the timeout is excused, because a request may arrive
//!   just before the service gives up.

use std::collections::HashMap;
use std::time::Duration;

use central_oauth_test_sandbox::{Delivery, Presentation, RefreshOutcome, TokenMark};

use super::troubles::{Kind, Trouble};

/// How long a process may take to store a response, while it runs and has its database.
pub(super) const COMMIT_WITHIN: Duration = Duration::from_secs(2);
/// How soon the sandbox notices that a connection has ended.
pub(super) const NOTICED_WITHIN: Duration = Duration::from_secs(1);
/// A resumed process that has run for longer than this has had the time to check its lease again.
pub(super) const RUNS_ON_WITHIN: Duration = Duration::from_millis(50);
/// How long a request may take to reach the sandbox. With replicas it may take longer: [`Case::arrives_within`].
pub(super) const ARRIVES_WITHIN: Duration = Duration::from_millis(500);

/// The evidence.
pub(super) struct Case<'a> {
    pub(super) presentations: &'a [Presentation],
    /// When a connection ended, if it has.
    pub(super) closed_at: &'a dyn Fn(u64) -> Option<Duration>,
    /// Whether a fault ended a connection.
    pub(super) was_cut: &'a dyn Fn(u64) -> bool,
    /// The process of a connection, if known.
    pub(super) caller: &'a dyn Fn(u64) -> Option<usize>,
    pub(super) troubles: &'a [Trouble],
    /// The served access tokens, with the time of the first.
    pub(super) served: HashMap<TokenMark, Duration>,
    pub(super) provider_timeout: Duration,
    /// How long a request may take to reach the sandbox. The service's timeout begins before it sends the request.
    pub(super) arrives_within: Duration,
}

/// Why the service could not know the result of a use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ambiguity {
    /// A fault dropped the response.
    AnswerLost,
    /// The process died before it had stored the response, this long after the token had reached the provider.
    Killed(Duration),
    /// The process was stopped for this long, and had not stored the response yet.
    Frozen(Duration),
    /// The process of the second use was stopped for this long after it had checked its lease.
    FrozenBeforeSending(Duration),
    /// The process could not reach its database for this long, and had not stored the response yet.
    CutOff(Duration),
    /// The service had given up waiting for the response.
    TooLate,
}

/// A refresh token that was used again.
#[derive(Debug, Clone)]
pub(super) struct Repeat {
    /// The use before this one.
    pub(super) before: Presentation,
    pub(super) again: Presentation,
    /// The processes of both, if known.
    pub(super) callers: [Option<usize>; 2],
    /// Whether this refresh token was presented only once, but after the provider had replaced it, because its
    /// predecessor had been presented again in between (`before`).
    pub(super) is_replaced: bool,
    pub(super) excuse: Option<Ambiguity>,
}

/// Returns all uses of refresh tokens that were presented before, and of those that the provider had already replaced,
/// in order.
///
/// The latter takes two processes that fail one after the other. One is stopped before it has stored its response.
/// Another one presents the same refresh token again, and dies before it has stored the response to that. The first one
/// then stores tokens that have been replaced, and no process can know. The death of the second one excuses this.
pub(super) fn repeats(case: &Case<'_>) -> Vec<Repeat> {
    let mut latest: HashMap<TokenMark, &Presentation> = HashMap::new();
    let mut current: HashMap<Option<usize>, &Presentation> = HashMap::new();
    let mut repeats = Vec::new();
    for again in case.presentations {
        let earlier = latest.insert(again.refresh_token, again);
        let replaced_by = current.get(&again.family).copied();
        let replaced_by = replaced_by.filter(|_| again.outcome == RefreshOutcome::Reused);
        // Once the provider has refused a token, the service knows that the token is dead. It tries a dead token again
        // when somebody asks for a refresh of a grant that was given up, which harms nothing.
        let is_known_dead = earlier.is_some_and(|earlier| is_refusal(earlier.outcome));
        if let Some(before) = earlier.or(replaced_by).filter(|_| !is_known_dead) {
            repeats.push(Repeat {
                before: before.clone(),
                again: again.clone(),
                callers: [case.caller(before), case.caller(again)],
                is_replaced: earlier.is_none(),
                excuse: case.ambiguity(before, again),
            });
        }
        if again.successor.is_some() {
            current.insert(again.family, again);
        }
    }
    repeats
}

fn is_refusal(outcome: RefreshOutcome) -> bool {
    matches!(outcome, RefreshOutcome::Reused | RefreshOutcome::Unknown)
}

/// Returns the repeat that ended a family, if one did.
pub(super) fn end_of(family: usize, repeats: &[Repeat]) -> Option<&Repeat> {
    repeats.iter().find(|repeat| {
        repeat.again.family == Some(family) && repeat.again.outcome == RefreshOutcome::Reused
    })
}

impl Case<'_> {
    /// Returns why nobody could know the result of the first use by the time of the second.
    fn ambiguity(&self, before: &Presentation, again: &Presentation) -> Option<Ambiguity> {
        let then = again.arrived_at;
        if before.delivery == Delivery::Lost {
            // The response was not lost yet while the first use was in progress.
            return (before.answered_at <= Some(then)).then_some(Ambiguity::AnswerLost);
        }
        let closed_at = (self.closed_at)(before.connection?);
        let closed_at = closed_at.filter(|closed_at| *closed_at <= then);
        let ended = closed_at.and_then(|closed_at| {
            self.killed(before, closed_at, then)
                .or_else(|| self.too_late(before, closed_at))
        });
        ended.or_else(|| self.held_up(before, again))
    }

    /// Troubles of one kind of one process.
    pub(super) fn troubles(&self, kind: Kind, process: usize) -> impl Iterator<Item = &Trouble> {
        let all = self.troubles.iter();
        all.filter(move |one| one.kind == kind && one.process == Some(process))
    }

    /// Returns when the response to a use must have been stored: as soon as the process that sent it has run for
    /// [`COMMIT_WITHIN`] with its database. One trouble may follow another.
    pub(super) fn committed_by(&self, before: &Presentation) -> Option<Duration> {
        let mut by = before.answered_at? + COMMIT_WITHIN;
        let mut all: Vec<_> = self.holding_up(before).collect();
        all.sort_by_key(|one| one.from);
        for one in all {
            if one.from <= by {
                by = by.max(one.to + COMMIT_WITHIN);
            }
        }
        Some(by)
    }

    /// Returns everything that can have kept a process from storing the response to a use: troubles of the database,
    /// and its own stops and partitions.
    fn holding_up(&self, before: &Presentation) -> impl Iterator<Item = &Trouble> {
        let (arrived_at, caller) = (before.arrived_at, self.caller(before));
        self.troubles.iter().filter(move |one| {
            let is_its_own = caller.is_some() && caller == one.process;
            let holds_up = matches!(one.kind, Kind::Frozen | Kind::CutOff);
            (one.process.is_none() || is_its_own && holds_up) && arrived_at <= one.to
        })
    }

    pub(super) fn caller(&self, presentation: &Presentation) -> Option<usize> {
        (self.caller)(presentation.connection?)
    }

    fn killed(
        &self,
        before: &Presentation,
        closed_at: Duration,
        then: Duration,
    ) -> Option<Ambiguity> {
        let is_committed = before
            .access_token
            .is_some_and(|token| self.served.contains_key(&token));
        let latest = self.committed_by(before);
        let was_cut = before.connection.is_some_and(self.was_cut);
        let caller = self.caller(before);
        let by = |kill: &&Trouble| {
            let ended_with_it = (kill.from..=kill.to + NOTICED_WITHIN).contains(&closed_at);
            let ended_before = was_cut && (closed_at..=then).contains(&kill.to);
            kill.kind == Kind::Killed
                && (caller.is_none() || caller == kill.process)
                && (ended_with_it || ended_before)
                && latest.is_none_or(|latest| kill.from <= latest)
        };
        let kill = self.troubles.iter().find(by).filter(|_| !is_committed)?;
        let after = kill.to.saturating_sub(before.arrived_at);
        Some(Ambiguity::Killed(after))
    }

    fn too_late(&self, before: &Presentation, closed_at: Duration) -> Option<Ambiguity> {
        // The service has been waiting since a little before the request arrived.
        let ends = before.arrived_at + self.provider_timeout;
        let earliest = ends.saturating_sub(self.arrives_within);
        let gave_up = (earliest..=ends + NOTICED_WITHIN).contains(&closed_at);
        gave_up.then_some(Ambiguity::TooLate)
    }
}
