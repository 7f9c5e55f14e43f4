//! Prints the report.

use std::fmt;
use std::time::Duration;

use central_oauth_test_sandbox::RefreshOutcome::{Retried, Rotated};

use super::accounts::Lost;
use super::judge::{Ambiguity, Repeat};
use super::promises::Promise;
use super::report::{Report, Staleness};
use super::troubles::Kind;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, size) = (self.scenario.name, self.size);
        let took = self.took.as_secs_f64();
        writeln!(f, "  {name}, CHAOS_SEED={}", self.seed)?;
        writeln!(
            f,
            "  {} accounts, {} clients, {} process(es), {took:.0} s",
            size.accounts, size.clients, self.scenario.processes
        )?;
        let troubles = self.befallen().into_iter();
        let rows = self.promised().into_iter().chain(troubles);
        for (name, count) in rows.chain(self.besides()) {
            writeln!(f, "  {name:<44}{count}")?;
        }
        if self.scenario.has_replicas() && !self.can_cut_off {
            writeln!(
                f,
                "  NO REPLICA WAS PARTITIONED: there are no network namespaces here"
            )?;
        }
        self.tell_the_longest_gap(f)?;
        for lost in &self.lost {
            if let Some(end) = self.excuse(lost.account) {
                self.name(f, lost, end)?;
            }
        }
        Ok(())
    }
}

impl Report {
    /// Returns the results that the promise is about.
    fn promised(&self) -> [(&'static str, usize); 10] {
        [
            ("grants lost", self.lost.len()),
            (
                "  of these without excuse",
                self.lost_without_excuse().len(),
            ),
            (
                "refresh tokens presented twice",
                self.presented_twice().len(),
            ),
            ("wrong tokens served", self.wrong().len()),
            ("stale tokens served", self.told(Staleness::Stale).len()),
            ("stale tokens stored", self.gone_back().len()),
            ("unexpected answers", self.unexpected().len()),
            ("answers too late", self.too_late().len()),
            (
                "accounts without a token for too long",
                self.overdue().len(),
            ),
            ("acknowledged writes that are not true", self.broken.len()),
        ]
    }

    /// Returns how often each fault happened.
    fn befallen(&self) -> Vec<(&'static str, usize)> {
        let mut troubles = vec![("kills (SIGKILL)", Kind::Killed)];
        if self.scenario.disk_fails() {
            troubles.push(("failures of the disk", Kind::DiskFailed));
        }
        if self.scenario.has_replicas() {
            troubles.extend([
                ("stops (SIGSTOP)", Kind::Frozen),
                ("partitions from the database", Kind::CutOff),
                ("restarts of the database", Kind::Restarted),
                ("crashes of the database", Kind::Crashed),
                ("cuts of all its connections", Kind::Disconnected),
                ("failovers to its synchronous standby", Kind::FailedOver),
            ]);
        }
        let troubles = troubles.into_iter();
        troubles
            .map(|(name, kind)| (name, self.befell(kind)))
            .collect()
    }

    /// Returns the work that the service and the clients did.
    fn besides(&self) -> Vec<(&'static str, usize)> {
        let mut rows = self.service_did().to_vec();
        if self.scenario.has_replicas() {
            rows.extend(self.replicas_did());
        }
        rows.extend(self.clients_saw());
        rows.extend(self.clients_wrote());
        rows
    }

    fn tell_the_longest_gap(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(gap) = self.longest_gap() else {
            return Ok(());
        };
        let longest = (gap.to - gap.from).as_secs_f64();
        writeln!(f, "  {:<44}{longest:.1} s", "longest time without a token")?;
        let used_up = 100.0 * self.used_up();
        writeln!(
            f,
            "  {:<44}{used_up:.0} %",
            "  most of the allowed time used up"
        )?;
        let judged = self.judged_gaps().into_iter().find(|(one, _)| *one == gap);
        if let Some((gap, due)) = judged {
            writeln!(f, "    {}", self.describe(gap, due))?;
        }
        Ok(())
    }

    fn clients_wrote(&self) -> [(&'static str, usize); 5] {
        let count = |is_it: fn(&Promise) -> bool| {
            let promises = self.written.promises.iter();
            promises.filter(|one| is_it(one)).count()
        };
        [
            ("writes acknowledged", self.written.promises.len()),
            (
                "  keys deleted",
                count(|one| matches!(one, Promise::KeyDeleted { .. })),
            ),
            (
                "  accounts deleted",
                count(|one| matches!(one, Promise::AccountDeleted { .. })),
            ),
            ("  accounts linked again", self.written.relinks),
            (
                "refreshes that the provider turned away",
                self.ledger.turned_away().len(),
            ),
        ]
    }

    fn service_did(&self) -> [(&'static str, usize); 9] {
        let killed = |why| matches!(why, Ambiguity::Killed(_));
        let told = |staleness| self.told(staleness).len();
        [
            ("access tokens served", self.tally.served),
            (
                "  expired between answer and use",
                told(Staleness::OnTheWay),
            ),
            ("  of grants lost with an excuse", told(Staleness::Ended)),
            ("refreshes", self.count(&[Rotated, Retried])),
            ("retries after a kill in between", self.ambiguous(killed)),
            ("  of these after the answer had left", self.answered()),
            (
                "retries after a lost answer",
                self.ambiguous(|why| why == Ambiguity::AnswerLost),
            ),
            (
                "retries after the provider timeout",
                self.ambiguous(|why| why == Ambiguity::TooLate),
            ),
            (
                "answers after newer ones were stored",
                self.logged("refreshed too late"),
            ),
        ]
    }

    fn replicas_did(&self) -> [(&'static str, usize); 3] {
        let frozen = |why| matches!(why, Ambiguity::Frozen(_));
        let before = |why| matches!(why, Ambiguity::FrozenBeforeSending(_));
        let cut_off = |why| matches!(why, Ambiguity::CutOff(_));
        [
            (
                "retries of what a stopped process sent",
                self.ambiguous(frozen),
            ),
            (
                "sent late by a process that was stopped",
                self.ambiguous(before),
            ),
            (
                "retries of what a partitioned one sent",
                self.ambiguous(cut_off),
            ),
        ]
    }

    fn clients_saw(&self) -> [(&'static str, usize); 3] {
        [
            ("requests put off (503, Retry-After)", self.tally.put_off),
            ("requests without an answer", self.tally.unanswered.len()),
            (
                "  of these sent to a process in trouble",
                self.unanswered_in_trouble(),
            ),
        ]
    }

    /// Describes an excused loss.
    fn name(&self, f: &mut fmt::Formatter<'_>, lost: &Lost, end: &Repeat) -> fmt::Result {
        let person = &self.accounts[lost.account].person;
        let at = end.before.arrived_at.as_secs_f64();
        let again = end.again.arrived_at.as_secs_f64();
        let why = match end.excuse {
            Some(Ambiguity::Killed(after)) => {
                format!("process killed {} ms later", after.as_millis())
            }
            Some(Ambiguity::Frozen(time)) => stopped("process stopped before commit", time),
            Some(Ambiguity::FrozenBeforeSending(time)) => {
                stopped("other process stopped before sending", time)
            }
            Some(Ambiguity::CutOff(time)) => stopped("process cut off before commit", time),
            Some(Ambiguity::AnswerLost) => "answer lost".to_owned(),
            Some(Ambiguity::TooLate) | None => "provider timeout".to_owned(),
        };
        writeln!(
            f,
            "  lost: {person}, presented at {at:.3} s, {why}, presented again at {again:.3} s"
        )
    }
}

fn stopped(what: &str, time: Duration) -> String {
    format!("{what} for {:.1} s", time.as_secs_f64())
}
