//! This machine's clock against the provider's.

use std::time::SystemTime;

use central_oauth_domain::Timestamp;
use reqwest::header::{AGE, DATE, HeaderMap};

use super::reach::{Host, origin};
use super::{Checkup, Finding, Subject};
use crate::identity::id_token;
use crate::server::Server;

/// Up to here nothing need be said.
const NOTICED: u64 = 30;
/// For how long after its end an ID token is still taken. Nothing else in one is compared with this machine's clock.
const LEEWAY: u64 = id_token::LEEWAY.as_secs();

/// By how many milliseconds a server's clock is ahead of ours (RFC 9110 section 6.6.1). An answer out of a cache has
/// the time at which it went in.
pub(super) fn ahead(headers: &HeaderMap, now: Timestamp) -> Option<i64> {
    if headers.contains_key(AGE) {
        return None;
    }
    let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    let date = date.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let date = i64::try_from(date.as_millis()).ok()?;
    Some(date.saturating_sub(now.as_millis()))
}

impl Checkup<'_> {
    /// Compares the clocks by what the hosts said.
    pub(super) fn clock(&mut self, server: &Server) {
        let finding = match self.told_by(server) {
            Some((host, ahead)) => self.judge(host, ahead, server.issuer.is_some()),
            None => Finding::ok(
                Subject::Clock,
                "no answer says what time it is there, so the clocks cannot be compared",
            )
            .with("Keep this machine's clock in step (NTP)."),
        };
        self.add(finding);
    }

    /// The token endpoint's host, which dates ID tokens, else any that told the time.
    fn told_by(&self, server: &Server) -> Option<(&Host, i64)> {
        let tokens = server.token().ok().map(origin);
        let mut told = self
            .hosts
            .iter()
            .filter_map(|host| Some((host, host.ahead?)));
        let of_tokens = |(host, _): &(&Host, i64)| Some(&host.origin) == tokens.as_ref();
        told.clone().find(of_tokens).or_else(|| told.next())
    }

    fn judge(&self, host: &Host, ahead: i64, gives_id_tokens: bool) -> Finding {
        let (seconds, origin) = (seconds(ahead), &host.origin);
        let is_behind = ahead > 0;
        let side = if is_behind { "behind" } else { "ahead of" };
        let found = format!("this machine's clock is {seconds} s {side} that of {origin}");
        if seconds < NOTICED {
            return Finding::ok(Subject::Clock, found);
        }
        // Lifetimes are counted by one clock, so a difference that stays is of no account for refreshing.
        let until = if is_behind { "early" } else { "late" };
        let found =
            format!("{found}: if this one is wrong, expires_at is told as much too {until}");
        let found = match seconds.saturating_sub(LEEWAY) {
            beyond @ 1.. if gives_id_tokens && !is_behind => {
                format!("{found}; ID tokens that last {beyond} s or less are refused")
            }
            _ => found,
        };
        Finding::warning(Subject::Clock, found, self.which(host))
    }

    /// Which clock to look at: a second host is a witness.
    fn which(&self, accused: &Host) -> &'static str {
        let others = self
            .hosts
            .iter()
            .filter(|host| host.origin != accused.origin);
        let mut told = others.filter_map(|host| host.ahead);
        if told.any(|ahead| seconds(ahead) < NOTICED) {
            "Another host of this provider agrees with this machine: its operator should look at that server's clock."
        } else {
            "Look at this machine's clock first (`timedatectl` or `chronyc tracking`), and keep it in step (NTP). \
             With PostgreSQL the database server's clock is the one that counts."
        }
    }
}

const fn seconds(ahead: i64) -> u64 {
    ahead.unsigned_abs() / 1000
}
