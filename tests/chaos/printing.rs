//! The report as it is printed.

use std::fmt;

use central_oauth_sandbox_poem::RefreshOutcome::{Retried, Rotated};

use super::accounts::Lost;
use super::judge::{Ambiguity, Repeat};
use super::report::{Report, Staleness};

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
        for (name, count) in self.promised().into_iter().chain(self.besides()) {
            writeln!(f, "  {name:<44}{count}")?;
        }
        let longest = self.tally.longest_outage.as_secs_f64();
        writeln!(f, "  {:<44}{longest:.1} s", "longest time without a token")?;
        for lost in &self.lost {
            if let Some(end) = self.excuse(lost.account) {
                self.name(f, lost, end)?;
            }
        }
        Ok(())
    }
}

impl Report {
    /// What the promise is about.
    fn promised(&self) -> [(&'static str, usize); 6] {
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
            ("unexpected answers", self.unexpected().len()),
        ]
    }

    /// What went on meanwhile.
    fn besides(&self) -> [(&'static str, usize); 11] {
        let killed = |why| matches!(why, Ambiguity::Killed(_));
        let told = |staleness| self.told(staleness).len();
        [
            ("kills (SIGKILL)", self.kills.len()),
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
            ("requests put off (503, Retry-After)", self.tally.put_off),
            ("requests without an answer", self.tally.unanswered),
        ]
    }

    /// A loss that is excused.
    fn name(&self, f: &mut fmt::Formatter<'_>, lost: &Lost, end: &Repeat) -> fmt::Result {
        let person = &self.accounts[lost.account].person;
        let at = end.before.arrived_at.as_secs_f64();
        let again = end.again.arrived_at.as_secs_f64();
        let why = match end.excuse {
            Some(Ambiguity::Killed(after)) => {
                format!("process killed {} ms later", after.as_millis())
            }
            Some(Ambiguity::AnswerLost) => "answer lost".to_owned(),
            Some(Ambiguity::TooLate) | None => "provider timeout".to_owned(),
        };
        writeln!(
            f,
            "  lost: {person}, presented at {at:.3} s, {why}, presented again at {again:.3} s"
        )
    }
}
