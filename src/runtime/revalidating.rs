//! Revalidates cached tokens.

use std::sync::Arc;

use central_oauth_domain::usecases::{Services, Tokens};
use tokio::time::{MissedTickBehavior, interval};

use super::Stop;

/// Revalidates the cached tokens periodically, until told to stop. Sends no query while nobody requests tokens.
pub(crate) async fn revalidate_cached_tokens(services: Arc<Services>, mut stop: Stop) {
    let mut ticks = interval(Tokens::REVALIDATE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !*stop.borrow() {
        tokio::select! {
            _ = ticks.tick() => services.tokens.revalidate_cache().await,
            _ = stop.changed() => {}
        }
    }
}
