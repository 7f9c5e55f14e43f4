//! Implements the [`WebhookSender`] port with Standard Webhooks (specification 1.0.0, standardwebhooks.com).

mod body;
mod signature;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use async_trait::async_trait;
use central_oauth_domain::ports::{WebhookError, WebhookSender};
use central_oauth_domain::webhook::{DELIVERY_TIMEOUT, ReceiverName, WebhookMessage};
use central_oauth_domain::{Fault, FaultCode, Timestamp};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use url::Url;

use crate::address::{self, AddressFault};
use crate::http::{ClientUnavailable, Names, Transport, retry_after, transport_words};

pub use signature::{WebhookSecret, WebhookSecretError};

/// A receiver and its secrets.
#[derive(Clone)]
pub struct WebhookReceiver {
    /// The receiver's name.
    pub name: ReceiverName,
    /// The URL that receives the events.
    pub url: Url,
    /// All secrets sign each event, so that a secret can be replaced without a gap.
    pub secrets: Vec<WebhookSecret>,
}

/// Why a receiver cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WebhookReceiverError {
    /// The URL must not receive secrets, or contains a fragment.
    #[error("url {0}")]
    Address(#[from] AddressFault),
    /// There is no HTTPS client.
    #[error(transparent)]
    Client(#[from] ClientUnavailable),
}

struct Target {
    receiver: WebhookReceiver,
    transport: Transport,
}

/// Sends signed events by HTTP. Follows no redirects. Refuses a host that has both public and private addresses.
pub struct HttpWebhookSender {
    targets: BTreeMap<ReceiverName, Target>,
}

impl HttpWebhookSender {
    /// Creates a sender. Contacts nobody.
    ///
    /// # Errors
    /// [`WebhookReceiverError`] with the name of the receiver whose settings are wrong.
    pub fn new(
        receivers: Vec<WebhookReceiver>,
    ) -> Result<Self, (ReceiverName, WebhookReceiverError)> {
        let targets = receivers.into_iter().map(|receiver| {
            let name = receiver.name.clone();
            match Target::new(receiver) {
                Ok(target) => Ok((name, target)),
                Err(error) => Err((name, error)),
            }
        });
        Ok(Self {
            targets: targets.collect::<Result<_, _>>()?,
        })
    }
}

#[async_trait]
impl WebhookSender for HttpWebhookSender {
    async fn send(
        &self,
        receiver: &ReceiverName,
        message: &WebhookMessage,
        now: Timestamp,
    ) -> Result<(), WebhookError> {
        match self.targets.get(receiver) {
            Some(target) => target.send(message, now).await,
            None => Err(error(
                FaultCode::UnknownReceiver,
                "this receiver is not configured",
            )),
        }
    }
}

impl Target {
    fn new(receiver: WebhookReceiver) -> Result<Self, WebhookReceiverError> {
        address::check(&receiver.url)?;
        if receiver.url.fragment().is_some() {
            return Err(AddressFault::Fragment.into());
        }
        let names = Names::new(Some(&receiver.url), std::iter::once(&receiver.url));
        let transport = Transport::new(names)?;
        // Missing CA certificates are reported at the start.
        transport.client(&receiver.url)?;
        Ok(Self {
            receiver,
            transport,
        })
    }

    async fn send(&self, message: &WebhookMessage, now: Timestamp) -> Result<(), WebhookError> {
        let WebhookReceiver { url, secrets, .. } = &self.receiver;
        let client = self.transport.client(url);
        let client =
            client.map_err(|problem| error(FaultCode::NoHttpsClient, &problem.to_string()))?;
        let (id, body) = (&message.event.id, body::json(message));
        let seconds = now.as_millis().div_euclid(1000).to_string();
        let signature = signature::header(secrets, id, &seconds, &body);
        let response = client
            .post(url.clone())
            .timeout(DELIVERY_TIMEOUT)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signature)
            .body(body)
            .send()
            .await;
        match response {
            Ok(response) => judge(response.status(), response.headers(), now),
            Err(problem) => {
                let detail = transport_words(problem);
                Err(error(FaultCode::ReceiverUnavailable, &detail))
            }
        }
    }
}

/// Any 2xx status accepts the event. The body of the response is not read.
fn judge(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Result<(), WebhookError> {
    if status.is_success() {
        return Ok(());
    }
    let status = status.as_u16();
    let more = match status {
        300..400 => "; redirects are not followed, so configure the address that it redirects to",
        _ => "",
    };
    // Only 413 and 422 are about the event. Some libraries answer 400 to a signature that they cannot verify.
    let code = match status {
        413 | 422 => FaultCode::EventRejected,
        _ => FaultCode::ReceiverRefused,
    };
    let detail = format!("the receiver answered with status {status}{more}");
    Err(WebhookError {
        retry_after: retry_after(headers, now),
        ..error(code, &detail)
    })
}

fn error(code: FaultCode, detail: &str) -> WebhookError {
    WebhookError {
        fault: Fault::new(code, detail),
        retry_after: None,
    }
}
