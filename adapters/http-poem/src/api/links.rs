//! Link codes.

use std::net::IpAddr;
use std::sync::Arc;

use central_oauth_domain::grant::KeyRole;
use central_oauth_domain::link::Requester;
use central_oauth_domain::usecases::{LinkRequest, Services};
use poem::Request;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use url::Url;

use super::Tag;
use crate::address::client_address;
use crate::auth::OptionalBearer;
use crate::body::OptionalJson;
use crate::dto::{LinkReport, NewLink, StartedLink};
use crate::failure::{Answer, Documented, Failure, LINK_PENDING, NOT_JSON, STORE_UNAVAILABLE};

pub(crate) struct Links {
    services: Arc<Services>,
    page: Url,
}

impl Links {
    pub(super) fn new(services: Arc<Services>, public_url: &Url) -> Self {
        Self {
            services,
            page: page(public_url),
        }
    }
}

/// Returns the address of the page, which may be below a path of the public URL.
fn page(public_url: &Url) -> Url {
    let mut page = public_url.clone();
    let path = format!("{}/device", public_url.path().trim_end_matches('/'));
    page.set_path(&path);
    page
}

#[derive(ApiResponse)]
enum Started {
    /// The link code for the person.
    #[oai(status = 201)]
    Created(Json<StartedLink>),
}

#[OpenApi(prefix_path = "/v1", tag = "Tag::Links")]
impl Links {
    /// Ask for a link code
    ///
    /// Without a key this starts a new link; if the operator has set an enrolment key, send that key. With an access key
    /// this links the key's account again: the response has no new key, you poll with the old one, and the account stays
    /// the same person's.
    #[oai(path = "/link-code", method = "post", operation_id = "start_link")]
    async fn start(
        &self,
        request: &Request,
        bearer: OptionalBearer,
        body: OptionalJson<NewLink>,
    ) -> Result<Started, Failure<StartLink>> {
        let caller = bearer.caller(&self.services.keys).await?;
        let OptionalJson(asked) = body;
        let address = known(client_address(request));
        let key_expires_at = asked.key_expires_at.map(|text| text.read("key_expires_at"));
        let wanted = LinkRequest {
            provider: asked.provider,
            requester: Requester {
                client_name: asked.client_name,
                address: address.map(|address| address.to_string()),
            },
            address,
            role: asked.role.map(KeyRole::from),
            key_expires_at: key_expires_at.transpose()?,
        };
        let started = self.services.links.start(&caller, wanted).await?;
        Ok(Started::Created(Json(StartedLink::new(
            started, &self.page,
        ))))
    }

    /// Get the status of a link
    ///
    /// Anybody who knows the code gets the status. The link's own access key also gets the account, or the error. Wait
    /// `interval` seconds between polls. Ended links answer for 24 hours.
    #[oai(path = "/poll/:link_code", method = "get", operation_id = "poll_link")]
    async fn poll(
        &self,
        request: &Request,
        bearer: OptionalBearer,
        /// The link code. Spaces and hyphens are ignored.
        link_code: Path<String>,
    ) -> Result<Json<LinkReport>, Failure<PollLink>> {
        let caller = bearer.caller(&self.services.keys).await?;
        if bearer.is_head() {
            let report = self.services.links.inspect(&link_code, &caller).await?;
            return Ok(Json(report.into()));
        }
        let address = client_address(request);
        let report = self
            .services
            .links
            .poll(&link_code, &caller, address)
            .await?;
        Ok(Json(report.into()))
    }
}

/// Returns the caller's address, if it is known.
fn known(address: IpAddr) -> Option<IpAddr> {
    (!address.is_unspecified()).then_some(address)
}

struct StartLink;

impl Documented for StartLink {
    const PROBLEMS: &'static [Answer] = &[
        Answer(
            400,
            "`invalid_request`: the body is not JSON, or `key_expires_at` is not a time",
        ),
        Answer(
            401,
            "`enroll_key_required`: the operator has set an enrolment key, and the request has no key; `unauthorized`: \
             the key is unknown, expired or revoked",
        ),
        Answer(
            403,
            "`forbidden`: this access key may not link its account again",
        ),
        LINK_PENDING,
        NOT_JSON,
        Answer(
            422,
            "`unprocessable`: an unknown field, a wrong type, a client name that cannot be shown, a `key_expires_at` that is \
             over, a `role` or `key_expires_at` for an account that is linked again, or no such provider; the detail names \
             the providers to choose from",
        ),
        Answer(
            429,
            "`rate_limited`: a network gets 300 link codes without a key in the lifetime of one (10 minutes by default); or \
             too many unknown or expired keys from this network (30 at once, then one every 2 seconds get a 401; a valid \
             key still works); or this key was used more often than its `max_uses_per_minute`",
        ),
        Answer(
            503,
            "`provider_not_configured`: the operator has configured no provider; `over_capacity`: too many links are \
             open; `store_unavailable`: the service cannot use its database at the moment",
        ),
    ];
}

struct PollLink;

impl Documented for PollLink {
    const PROBLEMS: &'static [Answer] = &[
        Answer(
            401,
            "`unauthorized`: the key is unknown, expired or revoked",
        ),
        Answer(404, "`not_found`: no link has this code"),
        Answer(
            429,
            "`rate_limited`: polled faster than the interval; too many wrong codes were tried; too many unknown \
             or expired keys from this network (30 at once, then one every 2 seconds get a 401; a valid key still works); or \
             this key was used more often than its `max_uses_per_minute`",
        ),
        STORE_UNAVAILABLE,
    ];
}
