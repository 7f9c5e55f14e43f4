//! Remembers which method of client authentication works at which endpoint.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use central_oauth_domain::Timestamp;
use central_oauth_domain::lock::lock;
use central_oauth_domain::ports::Clock;
use url::Url;

use crate::client_auth::{ClientAuth, ClientAuthMethod};

/// How long no other method is tried at an endpoint that rejected both.
const PAUSE: Duration = Duration::from_secs(60 * 60);

/// What this process has learned about the endpoints of one provider.
pub(crate) struct AuthMemory {
    clock: Arc<dyn Clock>,
    endpoints: Mutex<HashMap<Url, Lesson>>,
}

/// What this process knows about an endpoint.
enum Lesson {
    /// It accepts this method and rejected the usual one.
    Accepts(ClientAuthMethod),
    /// It rejected both at this time.
    RefusesBoth(Timestamp),
}

impl AuthMemory {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            endpoints: Mutex::default(),
        }
    }

    /// Returns the method to begin with.
    pub(crate) fn first(&self, endpoint: &Url, auth: ClientAuth) -> ClientAuthMethod {
        match lock(&self.endpoints).get(endpoint) {
            Some(Lesson::Accepts(method)) if !auth.is_fixed => *method,
            _ => auth.method,
        }
    }

    /// Returns the method to try after the endpoint has rejected the client with this one.
    pub(crate) fn second(
        &self,
        endpoint: &Url,
        auth: ClientAuth,
        refused: ClientAuthMethod,
    ) -> Option<ClientAuthMethod> {
        let other = match refused {
            ClientAuthMethod::Basic => ClientAuthMethod::Post,
            // It accepted this method before, so the provider has changed.
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

    /// Records that the endpoint accepts this method. Success with the usual method does not end the pause after both
    /// were rejected: a server may answer a dead token like a wrong client, with a 401 that says nothing.
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
