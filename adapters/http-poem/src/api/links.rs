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
use crate::auth::{NeededBearer, OptionalBearer};
use crate::body::{NeededJson, OptionalJson};
use crate::dto::{Confirmation, LinkReport, NewLink, StartedLink};
use crate::error::{Code, Problem};
use crate::failure::{
    Answer, Documented, Failure, LINK_PENDING, NOT_JSON, STORE_UNAVAILABLE, TOO_MANY_UNKNOWN_KEYS,
    UNAUTHORIZED_OR_REFUSED,
};
use crate::origin;

pub(crate) struct Links {
    services: Arc<Services>,
    page: Url,
    public_url: Url,
}

impl Links {
    pub(super) fn new(services: Arc<Services>, public_url: &Url) -> Self {
        Self {
            services,
            page: page(public_url),
            public_url: public_url.clone(),
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
    /// the same person's. A trusted workload sends a fresh JWT of its platform, which works once. The response has no key:
    /// the workload polls, and later gets the token, with any fresh JWT.
    #[oai(path = "/link-code", method = "post", operation_id = "start_link")]
    async fn start(
        &self,
        request: &Request,
        bearer: OptionalBearer,
        body: OptionalJson<NewLink>,
    ) -> Result<Started, Failure<StartLink>> {
        if !origin::is_own(request, &self.public_url) {
            return Err(Problem::new(Code::Forbidden, FOREIGN_PAGE).into());
        }
        let OptionalJson(asked) = body;
        let address = known(client_address(request));
        let key_expires_at = asked.key_expires_at.map(|text| text.read("key_expires_at"));
        let wanted = LinkRequest {
            provider: asked.provider,
            requester: Requester {
                client_name: asked.client_name,
                address: address.map(|address| address.to_string()),
                workload: None,
            },
            address,
            role: asked.role.map(KeyRole::from),
            key_expires_at: key_expires_at.transpose()?,
            return_code: asked.return_code.unwrap_or_default(),
        };
        let (links, workloads) = (&self.services.links, &self.services.workloads);
        let started = match bearer.workload(workloads) {
            Some(token) => {
                let shown = workloads.recognise(&token, client_address(request)).await?;
                links.start_for_workload(workloads, &shown, wanted).await?
            }
            None => {
                let caller = bearer.caller(&self.services.keys).await?;
                links.start(&caller, wanted).await?
            }
        };
        let started = StartedLink::new(started, asked.return_code, &self.page);
        Ok(Started::Created(Json(started)))
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
        let caller = bearer.link_caller(&self.services, &link_code).await?;
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

    /// Confirm a link with its return code
    ///
    /// For a link with `return_code` whose status is `confirming`: the person has consented and reads the return code on the
    /// page. Ask them for it and send it with the link's access key. Then the key opens the account, and the response is that
    /// of a poll. A wrong code can be tried three times within 180 seconds; then the link fails with `not_confirmed`, and
    /// the tokens are revoked.
    #[oai(
        path = "/link/:link_code/confirm",
        method = "post",
        operation_id = "confirm_link"
    )]
    async fn confirm(
        &self,
        request: &Request,
        bearer: NeededBearer,
        /// The link code. Spaces and hyphens are ignored.
        link_code: Path<String>,
        body: NeededJson<Confirmation>,
    ) -> Result<Json<LinkReport>, Failure<ConfirmLink>> {
        let caller = bearer.link_caller(&self.services, &link_code).await?;
        let NeededJson(Confirmation { return_code }) = body;
        let links = &self.services.links;
        let address = client_address(request);
        let report = links.confirm(&link_code, &caller, &return_code, address);
        Ok(Json(report.await?.into()))
    }
}

const FOREIGN_PAGE: &str = "a web page of another site made this browser ask for a link code; only programs and pages of this service may";

/// Returns the caller's address, if it is known.
fn known(address: IpAddr) -> Option<IpAddr> {
    (!address.is_unspecified()).then_some(address)
}

struct StartLink;

impl Documented for StartLink {
    const PROBLEMS: &'static [Answer] = &[
        Answer(
            400,
            "`invalid_request`: the body is not JSON, `key_expires_at` is not a time, or the request has no key and names a host \
             that is not one of this service",
        ),
        Answer(
            401,
            "`enroll_key_required`: the operator has set an enrolment key, and the request has no key; `unauthorized`: \
             the key is unknown, expired or revoked; `workload_refused`: the workload's JWT breaks a rule, which the detail \
             names",
        ),
        Answer(
            403,
            "`forbidden`: this access key may not link its account again, or a web page of another site made a browser send \
             this request",
        ),
        LINK_PENDING,
        NOT_JSON,
        Answer(
            422,
            "`unprocessable`: an unknown field, a wrong type, a client name that cannot be shown, a `key_expires_at` that is \
             over, a `role` or `key_expires_at` for an account that is linked again, no such provider (the detail names the \
             providers to choose from), or a return code where the service or the provider offers none; \
             `return_code_required`: this service links accounts only with a return code",
        ),
        Answer(
            429,
            "`rate_limited`: a network (an IPv6 /48 counts as one) gets 300 link codes without a key in the lifetime of one (10 \
             minutes by default), and 10 while 2,000 or more links are open; too many unknown or expired keys from this \
             network (30 at once, then one every 2 seconds get a 401; a valid key still works); or this key was used more often \
             than its `max_uses_per_minute`",
        ),
        Answer(
            503,
            "`provider_not_configured`: the operator has configured no provider; `over_capacity`: too many links are \
             open; `provider_unavailable`: the issuer of the workload's JWT does not answer; `store_unavailable`: the \
             service cannot use its database at the moment",
        ),
    ];
}

struct PollLink;

impl Documented for PollLink {
    const PROBLEMS: &'static [Answer] = &[
        UNAUTHORIZED_OR_REFUSED,
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

struct ConfirmLink;

impl Documented for ConfirmLink {
    const PROBLEMS: &'static [Answer] = &[
        Answer(400, "`invalid_request`: the body is missing or not JSON"),
        UNAUTHORIZED_OR_REFUSED,
        Answer(404, "`not_found`: this key has no link with this code"),
        Answer(
            409,
            "`link_pending`: the person has not consented yet; `link_ended`: the link has ended without an account",
        ),
        NOT_JSON,
        Answer(
            422,
            "`wrong_return_code`: not the code on the page; `tries_left` says how often it may still be tried. \
             `unprocessable`: an unknown field or a wrong type",
        ),
        TOO_MANY_UNKNOWN_KEYS,
        STORE_UNAVAILABLE,
    ];
}
