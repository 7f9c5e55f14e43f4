//! Several replicas on one store: each says that it is there, and one does what one has to do.

use super::Broker;
use crate::ports::StoreError;
use crate::replica::DUTY_LASTS;

impl Broker {
    /// Says that this replica is there. Whether it is the one that does the housekeeping for all: it asks again before
    /// [`DUTY_LASTS`] is over, or somebody else takes over.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn check_in(&self) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let until = now + DUTY_LASTS;
        self.store.check_in(&self.presence, now, until).await
    }

    /// Says that this replica ends.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn check_out(&self) -> Result<(), StoreError> {
        self.store.check_out(&self.presence.instance).await
    }
}
