//! Compares this machine's clock with the provider's.

use super::reach::{Host, origin};
use super::{Checkup, Finding, Subject};
use crate::identity::id_token;
use crate::server::Server;

/// Smaller differences, in seconds, are not reported.
const NOTICED: u64 = 30;
/// How many seconds after its expiry an ID token is accepted. No other claim is compared with this machine's clock.
const LEEWAY: u64 = id_token::LEEWAY.as_secs();

impl Checkup<'_> {
    /// Compares the clocks with the `Date` headers of the provider's hosts.
    pub(super) fn clock(&mut self, server: &Server) {
        let finding = match self.reported_by(server) {
            Some((host, ahead)) => self.judge(host, ahead, server.issuer.is_some()),
            None => Finding::ok(
                Subject::Clock,
                "no response has a Date header, so the clocks cannot be compared",
            )
            .with("Keep this machine's clock in step (NTP)."),
        };
        self.add(finding);
    }

    /// Returns the token endpoint's host, whose clock sets the `exp` of ID tokens, or else another host that sent a
    /// `Date`.
    fn reported_by(&self, server: &Server) -> Option<(&Host, i64)> {
        let tokens = server.token().ok().map(origin);
        let mut offsets = self
            .hosts
            .iter()
            .filter_map(|host| Some((host, host.ahead?)));
        let of_tokens = |(host, _): &(&Host, i64)| Some(&host.origin) == tokens.as_ref();
        offsets.clone().find(of_tokens).or_else(|| offsets.next())
    }

    fn judge(&self, host: &Host, ahead: i64, gives_id_tokens: bool) -> Finding {
        let (seconds, origin) = (seconds(ahead), &host.origin);
        let is_behind = ahead > 0;
        let side = if is_behind { "behind" } else { "ahead of" };
        let found = format!("this machine's clock is {seconds} s {side} that of {origin}");
        if seconds < NOTICED {
            return Finding::ok(Subject::Clock, found);
        }
        // Each lifetime is measured with one clock only, so a constant difference does not affect refreshes.
        let until = if is_behind { "early" } else { "late" };
        let found = format!(
            "{found}: if this machine is wrong, clients get an expires_at that is too {until}"
        );
        let found = match seconds.saturating_sub(LEEWAY) {
            beyond @ 1.. if gives_id_tokens && !is_behind => {
                format!("{found}; ID tokens that last {beyond} s or less are rejected")
            }
            _ => found,
        };
        Finding::warning(Subject::Clock, found, self.which(host))
    }

    /// Returns which clock to check. If a second host agrees with this machine, the accused host is wrong.
    fn which(&self, accused: &Host) -> &'static str {
        let others = self
            .hosts
            .iter()
            .filter(|host| host.origin != accused.origin);
        let mut offsets = others.filter_map(|host| host.ahead);
        if offsets.any(|ahead| seconds(ahead) < NOTICED) {
            "Another host of this provider agrees with this machine. Ask the provider to check that server's clock."
        } else {
            "Look at this machine's clock first (`timedatectl` or `chronyc tracking`), and keep it in step (NTP). \
             With PostgreSQL the database server's clock is the one that counts."
        }
    }
}

const fn seconds(ahead: i64) -> u64 {
    ahead.unsigned_abs() / 1000
}
