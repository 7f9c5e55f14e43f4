//! The [`OAuthProvider`] port on the device authorization grant (RFC 8628) and on the authorization code grant with PKCE
//! (RFC 6749, RFC 7636): any OpenID Connect issuer by discovery, and any plain OAuth 2.0 server by its endpoints.
//!
//! # The map
//!
//! | module | what it knows |
//! | --- | --- |
//! | `settings` | what the operator says about a provider, and what of it cannot be |
//! | `server`, `discovery`, `kept` | the endpoints: given or discovered, and for how long they are believed |
//! | `http` | one exchange: bounded, normalised to an `Answer`, and rid of our secrets |
//! | `profile` | known providers, as the files in `profiles/` describe them |
//! | `quirks` | where providers depart from the RFCs |
//! | `oauth_error`, `dialect`, `pattern` | where an answer says what is wrong, and what the words mean |
//! | `client_auth`, `auth_memory` | client authentication, and what works at which endpoint |
//! | `device_authorization` | the answer that starts a device flow |
//! | `authorization_code` | where a person is sent, and what the browser brings back |
//! | `token`, `refresh` | token answers, and those to refreshes |
//! | `extra`, `token_exp` | what token answers tell besides: members for clients, the `exp` of a JWT |
//! | `revocation` | giving tokens back |
//! | `identity` | who consented: ID token, userinfo |
//!
//! What servers really send differs from what the RFCs say. Each such difference is dealt with in one place, with its
//! source beside it, and has a test in `tests/`.
//!
//! A process that uses this crate installs a default `rustls` crypto provider first.
//!
//! [`OAuthProvider`]: central_oauth_domain::ports::OAuthProvider

mod address;
mod auth_memory;
mod authorization_code;
mod client_auth;
mod deadline;
mod device_authorization;
mod dialect;
mod discovery;
mod doctor;
mod extra;
mod http;
mod identity;
mod kept;
mod oauth_error;
mod pattern;
mod profile;
mod provider;
pub mod quirks;
mod refresh;
mod revocation;
mod scrub;
mod server;
mod settings;
mod token;
mod token_exp;

pub use address::AddressFault;
pub use client_auth::{ClientAuthMethod, UnknownClientAuthMethod};
pub use doctor::{Finding, Subject, Verdict};
pub use extra::ExtraError;
pub use http::{ClientUnavailable, TraceHeaders};
pub use profile::{
    Endpoints, Facts, Placeholder, Profile, ProfileError, Setup, UnknownProfile, WrongProfile,
};
pub use provider::OpenIdConnectProvider;
pub use settings::{Flow, ProviderSettings, SettingsError, UnknownFlow};
