use std::net::IpAddr;
use std::time::Duration;

use super::Keys;
use crate::audit::{Actor, AuditKind};
use crate::link::Network;
use crate::observe::BearerRefusal;
use crate::usecases::Refusal;

/// The detail for a key that is used from a forbidden network.
pub(super) const WRONG_NETWORK: &str = "this access key may not be used from this network";

impl Keys {
    /// How often a network gets a 401 for an unknown bearer, after a burst of [`Keys::UNKNOWN_AT_ONCE`]. Further
    /// unknown bearers get a 429.
    pub const UNKNOWN_EVERY: Duration = Duration::from_secs(2);
    /// The size of the burst: how many unknown bearers in a row get a 401.
    pub const UNKNOWN_AT_ONCE: u32 = 30;

    /// Counts, reports and logs a rejected bearer from this address. Returns the refusal for the caller:
    /// [`Refusal::TooManyUnknownKeys`] if the network has tried too many keys.
    #[must_use]
    pub fn refuse_bearer(&self, refusal: Refusal, address: IpAddr) -> Refusal {
        let Refusal::Unauthorized(why) = refusal else {
            return refusal;
        };
        let refused = AuditKind::BearerRefused;
        self.audit.count(refused, None, Actor::Anonymous, address);
        let how = match why {
            WRONG_NETWORK => BearerRefusal::WrongNetwork,
            _ => BearerRefusal::Unauthorized,
        };
        match self.within_refusals(how, address) {
            Ok(()) => {
                tracing::info!(%address, why, "access key refused");
                Refusal::Unauthorized(why)
            }
            Err(too_many) => too_many,
        }
    }

    /// Counts a rejected bearer from this address. If the network is within its limit, returns `Ok`, and the calling
    /// function logs the rejection.
    ///
    /// # Errors
    /// [`Refusal::TooManyUnknownKeys`] if the network has tried too many keys.
    pub(crate) fn within_refusals(
        &self,
        how: BearerRefusal,
        address: IpAddr,
    ) -> Result<(), Refusal> {
        let (network, uptime) = (Network::of(address), self.clock.uptime());
        let admitted = self.unknown.admit(network, uptime);
        let left = admitted.map_err(|retry_after| {
            self.observer.bearer_refused(BearerRefusal::RateLimited);
            Refusal::TooManyUnknownKeys(retry_after)
        })?;
        self.observer.bearer_refused(how);
        if left == 0 {
            tracing::warn!(%address, "too many refused access keys and JWTs: this network gets 429 for more of them; valid ones still work");
        }
        Ok(())
    }

    /// Whether the next rejected bearer from this address is within the limit, and so is logged.
    pub(crate) fn logs_refusal(&self, address: IpAddr) -> bool {
        let (network, uptime) = (Network::of(address), self.clock.uptime());
        self.unknown.has_room(&network, uptime)
    }
}
