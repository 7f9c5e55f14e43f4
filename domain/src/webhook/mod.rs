//! Webhooks: which events are sent to receivers, and when a delivery is retried.
//!
//! Each receiver has its own position in the audit log, and gets the events after it. An event is stored in the
//! transaction that causes it, so a receiver that is down misses nothing.

mod event;
mod receiver;
#[cfg(test)]
mod tests;

pub use event::{WebhookEvent, WebhookKind, WebhookMessage};
pub use receiver::{DELIVERY_TIMEOUT, DeliveryOutcome, Receiver, ReceiverName};
