use std::error::Error;

use central_oauth_domain::usecases::WebhookDispatcher;
use tokio::task::JoinSet;

use super::{STORE_PAUSE, Stop, pause, wait_for_stop};

/// Delivers the events of all receivers, until told to stop. A receiver that does not answer delays no other.
pub(crate) async fn deliver_webhooks(dispatchers: Vec<WebhookDispatcher>, stop: Stop) {
    let deliveries = dispatchers.into_iter();
    let mut deliveries: JoinSet<()> = deliveries
        .map(|dispatcher| deliver(dispatcher, stop.clone()))
        .collect();
    while let Some(ended) = deliveries.join_next().await {
        if ended.is_err() {
            // The delivery has panicked. Returning ends this part, and the service then stops.
            return;
        }
    }
    wait_for_stop(stop).await;
}

/// Delivers one event after the other. When told to stop, finishes the delivery in progress, which takes at most
/// [`DELIVERY_TIMEOUT`].
///
/// [`DELIVERY_TIMEOUT`]: central_oauth_domain::webhook::DELIVERY_TIMEOUT
async fn deliver(mut dispatcher: WebhookDispatcher, mut stop: Stop) {
    let mut has_failed = false;
    while !*stop.borrow() {
        let delivered = dispatcher.deliver_next().await;
        if let (Err(error), false) = (&delivered, has_failed) {
            let (receiver, error) = (dispatcher.receiver(), error as &dyn Error);
            tracing::error!(%receiver, error, "webhooks wait: the database failed");
        }
        has_failed = delivered.is_err();
        pause(delivered.unwrap_or(STORE_PAUSE), &mut stop).await;
    }
}
