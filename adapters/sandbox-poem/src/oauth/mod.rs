//! The endpoints that programs use.

mod client_auth;
mod device_authorization;
mod error;
mod metadata;
mod params;
mod resource;
mod revocation;
#[cfg(test)]
mod tests;
mod token;

pub(crate) use device_authorization::start_flow;
pub(crate) use metadata::describe;
pub(crate) use params::{Form, Params};
pub(crate) use resource::{hello, userinfo};
pub(crate) use revocation::revoke;
pub(crate) use token::issue_tokens;

/// The device code grant (RFC 8628 section 3.4).
const DEVICE_CODE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Returns a successful response that contains a secret and must not be cached (RFC 6749 section 5.1).
fn secret_json(body: &serde_json::Value) -> poem::Response {
    poem::Response::builder()
        .content_type("application/json")
        .header("cache-control", "no-store")
        .body(body.to_string())
}
