//! Webhooks: which events are sent to which receivers, and when a delivery is tried again.
//!
//! Receivers read the audit log, each from its own position. So an event is stored in the transaction that causes it,
//! and a receiver that is down loses nothing.

mod event;
mod receiver;
#[cfg(test)]
mod tests;

pub use event::{WebhookEvent, WebhookKind, WebhookMessage};
pub use receiver::{DELIVERY_TIMEOUT, DeliveryOutcome, Receiver, ReceiverName};
