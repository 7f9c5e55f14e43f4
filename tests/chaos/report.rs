//! The result of a run.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use central_oauth_test_sandbox::{Delivery, Ledger, RefreshOutcome};

use super::accounts::Lost;
use super::asking::{Account, Rejection, Seen, TIMEOUT, Tally};
use super::judge::{Ambiguity, Repeat, end_of};
use super::liveness::Design;
use super::scenario::Scenario;
use super::size::Size;
use super::troubles::{Kind, Trouble};
use super::writing::Written;

/// How many problems of each kind are printed.
const TOLD: usize = 5;
/// How long a process serves a cached token.
const REMEMBERED: Duration = Duration::from_millis(500);

/// The result of a run.
pub(super) struct Report {
    pub(super) scenario: Scenario,
    pub(super) size: Size,
    pub(super) seed: u64,
    pub(super) took: Duration,
    pub(super) design: Design,
    pub(super) accounts: Arc<Vec<Account>>,
    /// The ledger before the accounts were checked.
    pub(super) ledger: Ledger,
    pub(super) troubles: Vec<Trouble>,
    /// With several replicas: whether one of them could be cut off from the database.
    pub(super) can_cut_off: bool,
    pub(super) tally: Tally,
    pub(super) written: Written,
    /// Acknowledged writes that no longer hold after the last restart.
    pub(super) broken: Vec<String>,
    pub(super) lost: Vec<Lost>,
    pub(super) repeats: Vec<Repeat>,
    /// Processes that did not end with 0 after the run.
    pub(super) unclean: Vec<String>,
    /// The log of each process.
    pub(super) logs: Vec<String>,
}

/// How a rejected token is classified.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Staleness {
    /// The service had promised a longer lifetime.
    Stale,
    /// It expired between the response and its use.
    OnTheWay,
    /// Its grant was lost, with an excuse.
    Ended,
}

impl Report {
    /// Returns everything that breaks the promise.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut tell = |what: &str, all: Vec<String>| {
            if !all.is_empty() {
                let shown = all[..all.len().min(TOLD)].join("\n  ");
                problems.push(format!("{} {what}:\n  {shown}", all.len()));
            }
        };
        tell("grants lost without excuse", self.lost_without_excuse());
        tell("refresh tokens presented twice", self.presented_twice());
        tell("wrong tokens", self.wrong());
        tell("stale tokens", self.told(Staleness::Stale));
        tell("stale tokens stored", self.gone_back());
        tell("unexpected answers", self.unexpected());
        tell("unclean ends of a process", self.unclean.clone());
        tell("answers too late", self.too_late());
        tell("accounts without a token for too long", self.overdue());
        tell("acknowledged writes that are not true", self.broken.clone());
        if !self.ledger.is_complete() {
            problems.push("the ledger is full".to_owned());
        }
        if self.troubles.len() < self.size.kills {
            problems.push(format!("only {} troubles", self.troubles.len()));
        }
        if !problems.is_empty() {
            problems.extend(self.logs.iter().map(|log| trouble_in(log)));
        }
        problems
    }

    /// Returns the excuse for the loss of an account's grant.
    pub(super) fn excuse(&self, account: usize) -> Option<&Repeat> {
        let mut families = self.families(account).into_iter().rev();
        let end = families.find_map(|family| end_of(family, &self.repeats))?;
        let may_end = !self.scenario.grants_retries() || end.is_replaced;
        (may_end && end.excuse.is_some()).then_some(end)
    }

    /// Returns the families of an account: one for each link.
    pub(super) fn families(&self, account: usize) -> Vec<usize> {
        self.ledger.families_of(&self.accounts[account].person)
    }

    fn excused(&self) -> HashSet<usize> {
        // Some of them have been linked again since.
        let accounts = 0..self.accounts.len();
        accounts
            .filter(|account| self.excuse(*account).is_some())
            .collect()
    }

    pub(super) fn lost_without_excuse(&self) -> Vec<String> {
        let excused = self.excused();
        let lost = self.lost.iter();
        lost.filter(|lost| !excused.contains(&lost.account))
            .map(|lost| {
                let account = &self.accounts[lost.account];
                let families = self.families(lost.account);
                let history = self.history(&families);
                format!("{}: {}\n    {history}", account.person, lost.why)
            })
            .collect()
    }

    /// Returns the last uses of the refresh tokens of these families.
    fn history(&self, families: &[usize]) -> String {
        let all = self.ledger.presentations().iter();
        let all = all.filter(|one| one.family.is_some_and(|it| families.contains(&it)));
        let all: Vec<_> = all.collect();
        let last = all[all.len().saturating_sub(TOLD)..].iter();
        let last = last.map(|one| format!("{one:?}"));
        last.collect::<Vec<_>>().join("\n    ")
    }

    pub(super) fn presented_twice(&self) -> Vec<String> {
        let all = self.repeats.iter().filter(|one| one.excuse.is_none());
        all.map(|one| {
            let connection = one.before.connection;
            let closed_at = connection.and_then(|connection| self.ledger.closed_at(connection));
            let troubles = self.troubles.iter().filter(|trouble| {
                trouble.from <= one.again.arrived_at && one.before.arrived_at <= trouble.well_at
            });
            let troubles: Vec<_> = troubles.collect();
            format!(
                "{:?}\n    of {:?}; its connection closed at {closed_at:?}, troubles in between: {troubles:?}\n    {:?}",
                one.before, one.callers, one.again
            )
        })
        .collect()
    }

    pub(super) fn wrong(&self) -> Vec<String> {
        let by_use = self.tally.wrong.iter();
        let by_use = by_use.map(|(account, what)| (*account, what.clone()));
        let served = self
            .tally
            .seen
            .iter()
            .filter_map(|(token, Seen { account, .. })| {
                let known = self.ledger.access_token(token);
                match known {
                    Some(entry) if entry.person == self.accounts[*account].person => None,
                    other => Some((*account, format!("{other:?}"))),
                }
            });
        by_use
            .chain(served)
            .map(|(account, what)| format!("{} got {what}", self.accounts[account].person))
            .collect()
    }

    /// Classifies a rejected token. It is not stale if it expired between the request and its use, as the service had
    /// announced, or if its grant was lost with an excuse.
    fn staleness(&self, rejection: &Rejection) -> Staleness {
        let Rejection {
            asked_at,
            rejected_at,
            expires_in,
            ..
        } = *rejection;
        let promised = asked_at + Duration::from_secs(expires_in);
        let entry = self.ledger.access_token(&rejection.token);
        let expired_in_between = entry.is_some_and(|entry| {
            (asked_at..=rejected_at).contains(&entry.expires_at) && promised <= rejected_at
        });
        if expired_in_between {
            Staleness::OnTheWay
        } else if self.excused().contains(&rejection.account) {
            Staleness::Ended
        } else {
            Staleness::Stale
        }
    }

    /// Returns tokens that were served after newer ones of their account, although no other process had them cached:
    /// somebody has stored them over the newer ones.
    pub(super) fn gone_back(&self) -> Vec<String> {
        // Families are compared separately: a new link may be stored after a later refresh of the old grant, and the
        // tokens of both work.
        let mut by_account: HashMap<(usize, usize), Vec<(usize, &Seen)>> = HashMap::new();
        for (token, seen) in &self.tally.seen {
            if let Some(entry) = self.ledger.access_token(token) {
                let tokens = by_account.entry((seen.account, entry.family)).or_default();
                tokens.push((entry.number, seen));
            }
        }
        let mut gone_back = Vec::new();
        for ((account, _), mut tokens) in by_account {
            tokens.sort_unstable_by_key(|(number, _)| *number);
            let person = &self.accounts[account].person;
            gone_back.extend(tokens.windows(2).filter_map(|pair| {
                let [(_, older), (number, newer)] = pair else {
                    return None;
                };
                (newer.served_at + REMEMBERED < older.asked_at).then(|| {
                    let (asked_at, served_at) = (older.asked_at, newer.served_at);
                    format!("{person}: one was handed out that was asked for at {asked_at:?}, after number {number} at {served_at:?}")
                })
            }));
        }
        gone_back
    }

    pub(super) fn told(&self, staleness: Staleness) -> Vec<String> {
        let rejected = self.tally.rejected.iter();
        rejected
            .filter(|rejection| self.staleness(rejection) == staleness)
            .map(|rejection| {
                let entry = self.ledger.access_token(&rejection.token);
                let Rejection {
                    asked_at,
                    rejected_at,
                    expires_in,
                    ..
                } = rejection;
                format!("asked at {asked_at:?}, rejected at {rejected_at:?}, said to last {expires_in} s, {entry:?}")
            })
            .collect()
    }

    /// Returns the unexpected responses. A 409 is expected for an account whose grant was lost with an excuse.
    pub(super) fn unexpected(&self) -> Vec<String> {
        let excused = self.excused();
        let all = self.tally.unexpected.iter();
        let told = all
            .filter(|(account, what)| !(excused.contains(account) && what.starts_with("409 ")))
            .map(|(account, what)| format!("{}: {what}", self.accounts[*account].person));
        let written = self.written.unexpected.iter();
        told.chain(written.map(|what| format!("a write: {what}")))
            .collect()
    }

    pub(super) fn count(&self, outcomes: &[RefreshOutcome]) -> usize {
        let all = self.ledger.presentations().iter();
        all.filter(|one| outcomes.contains(&one.outcome)).count()
    }

    /// Returns the number of kills between the provider's response and the commit.
    pub(super) fn answered(&self) -> usize {
        let all = self.repeats.iter();
        all.filter(|one| matches!(one.excuse, Some(Ambiguity::Killed(_))))
            .filter(|one| one.before.delivery == Delivery::Sent)
            .count()
    }

    pub(super) fn ambiguous(&self, is_it: impl Fn(Ambiguity) -> bool) -> usize {
        let excuses = self.repeats.iter().filter_map(|repeat| repeat.excuse);
        excuses.filter(|excuse| is_it(*excuse)).count()
    }

    pub(super) fn befell(&self, kind: Kind) -> usize {
        let all = self.troubles.iter();
        all.filter(|trouble| trouble.kind == kind).count()
    }

    /// Returns the number of unanswered requests that were sent to a process in trouble.
    pub(super) fn unanswered_in_trouble(&self) -> usize {
        let all = self.tally.unanswered.iter();
        all.filter(|(process, asked_at)| {
            self.troubles.iter().any(|trouble| {
                trouble
                    .process
                    .is_none_or(|in_trouble| in_trouble == *process)
                    && trouble.from <= *asked_at + TIMEOUT
                    && *asked_at <= trouble.well_at
            })
        })
        .count()
    }

    /// Returns how often the service says this in its logs.
    pub(super) fn logged(&self, message: &str) -> usize {
        self.logs
            .iter()
            .map(|log| log.matches(message).count())
            .sum()
    }
}

/// Returns the lines of a log about trouble.
fn trouble_in(log: &str) -> String {
    let lines = log
        .lines()
        .filter(|line| line.contains("ERROR") || line.contains("WARN"));
    let lines: Vec<_> = lines.collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}
