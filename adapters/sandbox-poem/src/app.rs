//! Shared state and routes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use poem::{Endpoint, EndpointExt as _, Request, Route, get, post};

use crate::clock::{Clock, Moment};
use crate::faults::{self, Faults, Line, Lines};
use crate::model::{Delivery, DeviceFlows, DeviceRules, Families, Ledger, Lifetimes, Sessions};
use crate::options::SandboxOptions;
use crate::{oauth, pages};

/// The addresses of a sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// The issuer, and the base of all others.
    pub issuer: String,
    /// The device authorization endpoint (RFC 8628 section 3.1).
    pub device_authorization: String,
    /// The token endpoint.
    pub token: String,
    /// The userinfo endpoint.
    pub userinfo: String,
    /// The revocation endpoint (RFC 7009).
    pub revocation: String,
    /// Where people enter a user code.
    pub verification: String,
    /// An API that requires an access token.
    pub hello: String,
}

impl Endpoints {
    pub(crate) fn below(base: &str) -> Self {
        Self {
            issuer: base.to_owned(),
            device_authorization: format!("{base}/device_authorization"),
            token: format!("{base}/token"),
            userinfo: format!("{base}/userinfo"),
            revocation: format!("{base}/revoke"),
            verification: format!("{base}/device"),
            hello: format!("{base}/api/hello"),
        }
    }
}

/// The state of all requests.
pub(crate) struct App {
    pub(crate) options: SandboxOptions,
    pub(crate) endpoints: Endpoints,
    pub(crate) faults: Faults,
    pub(crate) lines: Arc<Lines>,
    clock: Clock,
    state: Mutex<State>,
}

/// All remembered data.
pub(crate) struct State {
    pub(crate) flows: DeviceFlows,
    pub(crate) families: Families,
    pub(crate) sessions: Sessions,
    /// The ledger, if one is kept.
    pub(crate) ledger: Option<Ledger>,
}

impl App {
    pub(crate) fn new(options: SandboxOptions, endpoints: Endpoints, clock: Clock) -> Arc<Self> {
        let lifetimes = Lifetimes {
            access: options.access_token_ttl,
            refresh: options.refresh_token_ttl,
        };
        let state = State {
            flows: DeviceFlows::new(DeviceRules {
                lifetime: options.device_code_ttl,
                interval: options.interval,
                auto_consent: options.auto_consent,
                auto_person: options.auto_person,
            }),
            families: Families::new(lifetimes, options.reuse),
            sessions: Sessions::default(),
            ledger: options.keep_ledger.then(Ledger::default),
        };
        Arc::new(Self {
            options,
            endpoints,
            faults: Faults::new(Arc::clone(&clock)),
            lines: Arc::default(),
            clock,
            state: Mutex::new(state),
        })
    }

    pub(crate) fn now(&self) -> Moment {
        (self.clock)()
    }

    /// Records the outcome of a response in the ledger.
    pub(crate) fn answered(&self, entry: usize, delivery: Delivery) {
        let now = self.now();
        if let Some(ledger) = &mut self.state().ledger {
            ledger.answered(entry, delivery, now);
        }
    }

    /// Records a refresh request that is rejected whatever its refresh token is.
    pub(crate) fn turned_away(&self, refresh_token: &str, retry_after: Option<Duration>) {
        let now = self.now();
        if let Some(ledger) = &mut self.state().ledger {
            ledger.refused(refresh_token, retry_after, now);
        }
    }

    /// Records the end of a connection.
    pub(crate) fn closed(&self, connection: u64) {
        let now = self.now();
        if let Some(ledger) = &mut self.state().ledger {
            ledger.closed(connection, now);
        }
    }

    /// Ends a connection and records that.
    pub(crate) fn cut(&self, line: Option<&Line>) {
        let Some(line) = line else { return };
        if let Some(ledger) = &mut self.state().ledger {
            ledger.cut(line.number);
        }
        line.cut();
    }

    /// Locks the state; never held across an await.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the routes.
pub(crate) fn routes(app: Arc<App>) -> impl Endpoint {
    let gatekeeper = Arc::clone(&app);
    Route::new()
        .at("/device_authorization", post(oauth::start_flow))
        .at("/token", post(oauth::issue_tokens))
        .at("/userinfo", get(oauth::userinfo).post(oauth::userinfo))
        .at("/revoke", post(oauth::revoke))
        .at(
            "/.well-known/oauth-authorization-server",
            get(oauth::describe),
        )
        .at("/api/hello", get(oauth::hello))
        .at("/", get(pages::index))
        .at("/device", get(pages::ask_code).post(pages::take_code))
        .at("/login", get(pages::ask_person).post(pages::take_person))
        .at(
            "/consent",
            get(pages::ask_consent).post(pages::take_consent),
        )
        .at("/done", get(pages::done))
        .at("/style.css", get(pages::style))
        .data(app)
        .around(move |next, request: Request| faults::pass(Arc::clone(&gatekeeper), next, request))
}
