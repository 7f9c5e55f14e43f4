//! Limits unknown bearer tokens.

use std::net::IpAddr;
use std::time::Duration;

use super::Keys;
use crate::audit::{Actor, AuditKind};
use crate::link::Network;
use crate::observe::BearerRefusal;
use crate::rate_limit::RateLimit;
use crate::usecases::Refusal;

/// The detail for a key that is used from a forbidden network.
pub(super) const WRONG_NETWORK: &str = "this access key may not be used from this network";

/// Counts unknown and expired bearer tokens by network, in this process.
///
/// A bearer is looked up first, so a valid key works whatever its network has tried: clients behind one address do not
/// lock each other out. Keys have 200 random bits, so they need no lockout.
pub(super) struct UnknownBearers(RateLimit<Network>);

impl Default for UnknownBearers {
    fn default() -> Self {
        Self(RateLimit::new(Keys::UNKNOWN_EVERY, Keys::UNKNOWN_AT_ONCE))
    }
}

impl Keys {
    /// Per network, one unknown bearer in this time gets a 401; more get a 429.
    pub const UNKNOWN_EVERY: Duration = Duration::from_secs(2);
    /// The burst.
    pub const UNKNOWN_AT_ONCE: u32 = 30;

    /// Counts, reports and logs a rejected bearer from this address. Returns the refusal for the caller:
    /// [`Refusal::TooManyUnknownKeys`] if its network has tried too many.
    #[must_use]
    pub fn refuse_bearer(&self, refusal: Refusal, address: IpAddr) -> Refusal {
        let Refusal::Unauthorized(why) = refusal else {
            return refusal;
        };
        let refused = AuditKind::BearerRefused;
        self.audit.count(refused, None, Actor::Anonymous, address);
        match self
            .unknown
            .0
            .admit(Network::of(address), self.clock.uptime())
        {
            Ok(left) => {
                self.observer.bearer_refused(match why {
                    WRONG_NETWORK => BearerRefusal::WrongNetwork,
                    _ => BearerRefusal::Unauthorized,
                });
                if left == 0 {
                    tracing::warn!(%address, "too many unknown access keys: this network gets 429 for more of them; valid keys still work");
                } else {
                    tracing::info!(%address, why, "access key refused");
                }
                Refusal::Unauthorized(why)
            }
            Err(retry_after) => {
                self.observer.bearer_refused(BearerRefusal::RateLimited);
                Refusal::TooManyUnknownKeys { retry_after }
            }
        }
    }
}
