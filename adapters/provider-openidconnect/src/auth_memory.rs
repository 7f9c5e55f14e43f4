//! Remembers which method of client authentication works at which endpoint.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use central_oauth_domain::Timestamp;
use central_oauth_domain::lock::lock;
use central_oauth_domain::ports::Clock;
use url::Url;

use crate::client_auth::{ClientAuth, ClientAuthMethod};

/// How long the second method is not tried at an endpoint that has rejected both methods.
const PAUSE: Duration = Duration::from_secs(60 * 60);

/// What this process has learned about the endpoints of one provider.
pub(crate) struct AuthMemory {
    clock: Arc<dyn Clock>,
    endpoints: Mutex<HashMap<Url, Lesson>>,
}

/// What this process has learned about one endpoint.
enum Lesson {
    /// The endpoint accepts this method, and rejected the usual one.
    Accepts(ClientAuthMethod),
    /// The endpoint rejected both methods at this time.
    RefusesBoth(Timestamp),
}

impl AuthMemory {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            endpoints: Mutex::default(),
        }
    }

    /// Returns the method to try first at this endpoint.
    pub(crate) fn first(&self, endpoint: &Url, auth: ClientAuth) -> ClientAuthMethod {
        match lock(&self.endpoints).get(endpoint) {
            Some(Lesson::Accepts(method)) if !auth.is_fixed => *method,
            _ => auth.method,
        }
    }

    /// Returns the method to try next, after the endpoint has rejected the client with the method `refused`.
    pub(crate) fn second(
        &self,
        endpoint: &Url,
        auth: ClientAuth,
        refused: ClientAuthMethod,
    ) -> Option<ClientAuthMethod> {
        let other = match refused {
            ClientAuthMethod::Basic => ClientAuthMethod::Post,
            // The endpoint accepted Post before, so the provider has changed: try the usual method again.
            ClientAuthMethod::Post if auth.method == ClientAuthMethod::Basic => auth.method,
            ClientAuthMethod::Post | ClientAuthMethod::None => return None,
        };
        let waits = match lock(&self.endpoints).get(endpoint) {
            Some(Lesson::RefusesBoth(at)) => {
                let now = self.clock.now();
                *at <= now && now < *at + PAUSE
            }
            _ => false,
        };
        (!auth.is_fixed && !waits).then_some(other)
    }

    /// Records that the endpoint accepts this method. If both methods were rejected before, a success with the usual
    /// method does not end the pause: some servers answer 401 without an error code to a dead token too, so the
    /// rejections may have concerned the token and not the client.
    pub(crate) fn accepts(&self, endpoint: &Url, auth: ClientAuth, method: ClientAuthMethod) {
        let mut lessons = lock(&self.endpoints);
        if method != auth.method {
            lessons.insert(endpoint.clone(), Lesson::Accepts(method));
        } else if let Some(Lesson::Accepts(_)) = lessons.get(endpoint) {
            lessons.remove(endpoint);
        }
    }

    /// Records that the endpoint rejects both methods.
    pub(crate) fn refuses_both(&self, endpoint: &Url) {
        let lesson = Lesson::RefusesBoth(self.clock.now());
        lock(&self.endpoints).insert(endpoint.clone(), lesson);
    }
}
