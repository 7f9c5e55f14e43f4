//! The operations, one file per resource.

mod accounts;
mod audit;
mod cursor;
mod health;
mod id;
mod keys;
mod links;
mod oauth;
mod providers;
mod relinks;
mod revocations;
mod token;
mod workloads;

pub(crate) use accounts::account_id;
pub(crate) use cursor::{ACCOUNTS, Cursors, KEYS, REVOCATIONS};
pub(crate) use keys::key_id;

use std::sync::Arc;

use central_oauth_domain::usecases::Services;
use poem_openapi::{ContactObject, LicenseObject, OpenApi, OpenApiService, Tags};
use url::Url;

use accounts::Accounts;
use audit::Audit;
use health::Health;
use keys::Keys;
use links::Links;
use oauth::OAuth;
use providers::Providers;
use relinks::Relinks;
use revocations::Revocations;
use token::TokenApi;
use workloads::Workloads;

/// All operations. The OpenAPI document lists their tags in this order.
pub(crate) type Api = (
    Links,
    TokenApi,
    OAuth,
    Accounts,
    Relinks,
    Revocations,
    Keys,
    Workloads,
    Audit,
    Providers,
    Health,
);

/// Subjects of operations, in the order of use.
#[derive(Tags)]
enum Tag {
    /// Link codes: from a code to a person's consent.
    Links,
    /// Valid access tokens.
    Tokens,
    /// Linked accounts, their health, and the revocation of their tokens.
    Accounts,
    /// Access keys and workloads of an account.
    Keys,
    /// The service itself: its providers, its health, and what has happened.
    Service,
}

/// Creates the operations of the services with this public URL.
pub(crate) fn new(services: Arc<Services>, public_url: &Url) -> Api {
    let shared = || Arc::clone(&services);
    (
        Links::new(shared(), public_url),
        TokenApi { services: shared() },
        OAuth::new(shared(), public_url),
        Accounts { services: shared() },
        Relinks::new(shared(), public_url),
        Revocations { services: shared() },
        Keys { services: shared() },
        Workloads { services: shared() },
        Audit { services: shared() },
        Providers { services: shared() },
        Health::new(services),
    )
}

/// Adds the title, the version and the other general information of the OpenAPI document.
pub(crate) fn service<T: OpenApi>(api: T) -> OpenApiService<T, ()> {
    const LICENSE: &str = env!("CARGO_PKG_LICENSE");
    let license =
        LicenseObject::new(LICENSE).url(format!("https://spdx.org/licenses/{LICENSE}.html"));
    OpenApiService::new(api, "Central OAuth", env!("CARGO_PKG_VERSION"))
        .description(DESCRIPTION)
        .contact(ContactObject::new().name("The operator of this service"))
        .license(license)
}

const DESCRIPTION: &str = "\
Access tokens for programs that have no browser.

A client asks for a link code (`POST /v1/link-code`) and shows it to a person. The person opens the verification URL, \
confirms the code and consents at the provider. Meanwhile the client polls (`GET /v1/poll/{link_code}`) until the link \
is `linked`, and from then on its access key gets a valid access token whenever it asks (`GET /v1/token`).

Times are RFC 3339 in UTC, durations are whole seconds, and what is unknown is left out, never null. Errors are \
problems as RFC 9457 describes them, with a `code` for programs. New fields and new codes may be added at any time.";
