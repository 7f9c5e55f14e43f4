//! Shared state and routes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use poem::endpoint::BoxEndpoint;
use poem::{EndpointExt as _, Route, get, post};

use crate::clock::{Clock, Moment};
use crate::model::{DeviceFlows, DeviceRules, Families, Lifetimes, Sessions};
use crate::options::{DEVICE_CODE_TTL, REFRESH_TOKEN_TTL, SandboxOptions};
use crate::witness::Witness;
use crate::{oauth, pages};

/// The URLs of a sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// The issuer, which is also the base of the other URLs.
    pub issuer: String,
    /// The device authorization endpoint (RFC 8628 section 3.1).
    pub device_authorization: String,
    /// The token endpoint.
    pub token: String,
    /// The userinfo endpoint.
    pub userinfo: String,
    /// The revocation endpoint (RFC 7009).
    pub revocation: String,
    /// The page where people enter a user code.
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

/// The state that all requests share.
pub(crate) struct App {
    pub(crate) options: SandboxOptions,
    pub(crate) endpoints: Endpoints,
    pub(crate) witness: Option<Arc<dyn Witness>>,
    clock: Clock,
    state: Mutex<State>,
}

pub(crate) struct State {
    pub(crate) flows: DeviceFlows,
    pub(crate) families: Families,
    pub(crate) sessions: Sessions,
}

impl App {
    pub(crate) fn new(
        options: SandboxOptions,
        endpoints: Endpoints,
        clock: Clock,
        witness: Option<Arc<dyn Witness>>,
    ) -> Arc<Self> {
        let lifetimes = Lifetimes {
            access: options.access_token_ttl,
            refresh: REFRESH_TOKEN_TTL,
        };
        let state = State {
            flows: DeviceFlows::new(DeviceRules {
                lifetime: DEVICE_CODE_TTL,
                interval: options.interval,
                auto_consent: options.auto_consent,
                auto_person: options.auto_person,
            }),
            families: Families::new(lifetimes, options.reuse),
            sessions: Sessions::default(),
        };
        Arc::new(Self {
            options,
            endpoints,
            witness,
            clock,
            state: Mutex::new(state),
        })
    }

    pub(crate) fn now(&self) -> Moment {
        (self.clock)()
    }

    /// Locks the state. Never hold the guard across an `await`.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn routes(app: Arc<App>) -> BoxEndpoint<'static> {
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
        .boxed()
}
