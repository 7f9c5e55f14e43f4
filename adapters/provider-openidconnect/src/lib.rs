//! Implements the [`OAuthProvider`] port with the device authorization grant (RFC 8628) and the authorization code
//! grant with PKCE (RFC 6749, RFC 7636), for OpenID Connect issuers by discovery and for plain OAuth 2.0 servers by
//! their endpoints.
//!
//! # Modules
//!
//! | module | what it does |
//! | --- | --- |
//! | `settings` | the operator's settings, and their validation |
//! | `server`, `discovery`, `cached` | the endpoints: configured, or discovered and cached |
//! | `http` | one HTTP exchange: bounded, normalised to a `ProviderResponse`, without the secrets that were sent |
//! | `profile` | known providers, from the files in `profiles/` |
//! | `quirks` | where providers depart from the RFCs |
//! | `oauth_error`, `dialect`, `pattern` | find the error in a response, and its meaning |
//! | `client_auth`, `auth_memory` | client authentication, and which method works at which endpoint |
//! | `device_authorization` | the device authorization response |
//! | `authorization_code` | the authorization request and its response |
//! | `token`, `refresh` | token responses and refresh responses |
//! | `extra`, `token_exp` | other contents of token responses: members that clients get, the `exp` of a JWT |
//! | `revocation` | revocation requests and responses |
//! | `identity` | who consented: ID token, userinfo |
//! | `webhook` | the `WebhookSender` port: signed requests to the receivers of events |
//! | `workload` | the `WorkloadIdentities` port: JWTs of trusted issuers, verified with the same HTTP client |
//!
//! Real servers differ from the RFCs. Each difference is handled in one place, with its source beside it, and has a
//! test in `tests/`.
//!
//! A process that uses this crate must install a default `rustls` crypto provider first.
//!
//! [`OAuthProvider`]: central_oauth_domain::ports::OAuthProvider

mod address;
mod auth_memory;
mod authorization_code;
mod cached;
mod client_auth;
mod deadline;
mod device_authorization;
mod dialect;
mod discovery;
mod doctor;
mod extra;
mod http;
mod identity;
mod oauth_error;
mod pattern;
mod profile;
#[cfg(test)]
mod properties;
mod provider;
pub mod quirks;
mod refresh;
mod revocation;
mod scrub;
mod server;
mod settings;
mod tenant;
mod token;
mod token_exp;
mod token_text;
mod webhook;
mod workload;

pub use address::AddressFault;
pub use client_auth::ClientAuthMethod;
pub use doctor::{Finding, Subject, Verdict};
pub use http::{ClientUnavailable, TraceHeaders};
pub use profile::{Facts, Placeholder, Profile, ProfileError, Setup, UnknownProfile, WrongProfile};
pub use provider::OpenIdConnectProvider;
pub use settings::{Flow, ProviderSettings, SettingsError};
pub use webhook::{
    HttpWebhookSender, WebhookReceiver, WebhookReceiverError, WebhookSecret, WebhookSecretError,
};
pub use workload::{KeySource, WorkloadIssuerError, WorkloadIssuerSettings, WorkloadVerifier};
