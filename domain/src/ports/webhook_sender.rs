use std::time::Duration;

use async_trait::async_trait;

use crate::fault::{Fault, FaultCode};
use crate::time::Timestamp;
use crate::webhook::{ReceiverName, WebhookMessage};

/// Sends events to the configured receivers.
#[async_trait]
pub trait WebhookSender: Send + Sync {
    /// Signs a message and sends it in one request that takes at most [`DELIVERY_TIMEOUT`]. `now` is the time of the
    /// attempt.
    ///
    /// [`DELIVERY_TIMEOUT`]: crate::webhook::DELIVERY_TIMEOUT
    async fn send(
        &self,
        receiver: &ReceiverName,
        message: &WebhookMessage,
        now: Timestamp,
    ) -> Result<(), WebhookError>;
}

/// Why an event was not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookError {
    /// What went wrong, without any part of the response's body.
    pub fault: Fault,
    /// The pause that the receiver requests, if any.
    pub retry_after: Option<Duration>,
}

impl WebhookError {
    /// Whether the receiver rejected the event ([`FaultCode::EventRejected`]).
    pub fn is_rejection(&self) -> bool {
        self.fault.code == FaultCode::EventRejected
    }
}
