//! A small but real authorization server, for trying the service without installing anything.
//!
//! The sandbox supports the device authorization grant (RFC 8628), refreshes with rotation (RFC 6749, RFC 9700 section
//! 4.14), revocation (RFC 7009) and metadata (RFC 8414). It also has an API that requires an access token, and pages
//! where invented people log in and consent. There are no passwords, so the sandbox listens only on loopback. All state
//! is in memory, has a maximum size, and is lost when the sandbox stops.
//!
//! # Modules
//!
//! | module | what it contains |
//! | --- | --- |
//! | `model` | the rules, the flows and the tokens, without I/O: time and random secrets are arguments |
//! | `oauth` | the endpoints that programs use |
//! | `pages` | the pages that people use |
//! | `app` | the shared state and the routes |
//! | `server` | starting and stopping |
//! | `witness` | reports token requests to tests |

mod app;
mod clock;
mod model;
mod oauth;
mod options;
mod pages;
mod random;
mod server;
#[cfg(test)]
mod testing;
mod witness;

pub use app::Endpoints;
pub use model::{AutoPerson, Issued, RefreshRefusal, Reuse, family_of};
pub use options::SandboxOptions;
pub use server::Sandbox;
pub use witness::Witness;
