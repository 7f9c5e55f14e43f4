//! Revalidates cached tokens.

use std::sync::Arc;

use central_oauth_domain::usecases::{Services, Tokens};
use tokio::time::{MissedTickBehavior, interval};

use super::Stop;

/// Confirms the cached tokens again and again, until told to stop. Without token requests it queries nothing.
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
