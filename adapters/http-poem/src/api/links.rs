//! Link codes.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use central_oauth_domain::grant::KeyRole;
use central_oauth_domain::link::Requester;
use central_oauth_domain::usecases::{LinkRequest, Refusal, Services, WorkloadAction, refusals};
use central_oauth_domain::{BadLabel, Labels};
use poem::Request;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use url::Url;

use super::Tag;
use crate::address::client_address;
use crate::auth::{NeededBearer, OptionalBearer};
use crate::body::{JsonBody, no_body, rejected};
use crate::dto::{Confirmation, LinkReport, NewLink, StartedLink};
use crate::error::{Code, Problem};
use crate::failure::{
    A_WHILE, AUDITORS_ONLY_READ, BAD_KEY, Failure, LINK_PENDING, NOT_JSON, WORKLOAD_REFUSED,
    WORKLOAD_UNKNOWABLE, documented, unprocessable,
};
use crate::{host, origin};

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

/// Returns the URL of the page at `/device`. If the public URL has a path, the page is below that path.
pub(super) fn page(public_url: &Url) -> Url {
    let mut page = public_url.clone();
    let path = format!("{}/device", public_url.path().trim_end_matches('/'));
    page.set_path(&path);
    page
}

#[derive(ApiResponse)]
pub(super) enum Started {
    /// The link code for the person.
    #[oai(status = 201)]
    Created(Json<StartedLink>),
}

#[OpenApi(prefix_path = "/v1", tag = "Tag::Links")]
impl Links {
    /// Ask for a link code
    ///
    /// Without a key, this starts a new link; if the operator has set an enrolment key, send that key. The operator may
    /// limit new links to certain networks. With an access key, this links the key's account again: the response has no
    /// new key, you poll with the old one, and the account stays the same person's. A trusted workload sends a fresh
    /// JWT of its platform, which works once. The response has no key: the workload polls, and later gets the token,
    /// with any fresh JWT.
    #[oai(path = "/link-code", method = "post", operation_id = "start_link")]
    async fn start(
        &self,
        request: &Request,
        bearer: OptionalBearer,
        body: JsonBody<NewLink>,
    ) -> Result<Started, Failure<StartLink>> {
        if !origin::is_own(request, &self.public_url) {
            return Err(foreign_page().into());
        }
        let JsonBody(asked) = body;
        let labels = Labels::new(asked.labels.unwrap_or_default()).map_err(Refusal::from)?;
        let address = known(client_address(request));
        let key_expires_at = asked.key_expires_at.map(|text| text.read("key_expires_at"));
        let wanted = LinkRequest {
            provider: asked.provider,
            requester: Requester {
                client_name: asked.client_name,
                address: address.map(|address| address.to_string()),
                workload: None,
                labels,
            },
            address,
            role: asked.role.map(KeyRole::from),
            key_expires_at: key_expires_at.transpose()?,
            return_code: asked.return_code.unwrap_or_default(),
        };
        let (links, workloads) = (&self.services.links, &self.services.workloads);
        let started = match bearer.workload(workloads) {
            Some(token) => {
                let call = bearer.call(&token);
                links.start_for_workload(workloads, call, wanted).await?
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
    /// Anybody who knows the code gets the status. The link's own access key also gets the account, or the error. So
    /// does an admin's key, if the link is a relink. Wait `interval` seconds between polls. An ended link can be polled
    /// for up to 24 hours.
    #[oai(path = "/poll/:link_code", method = "get", operation_id = "poll_link")]
    async fn poll(
        &self,
        bearer: OptionalBearer,
        /// The link code. Spaces and hyphens are ignored.
        #[oai(example = "example_code")]
        link_code: Path<String>,
    ) -> Result<Json<LinkReport>, Failure<PollLink>> {
        let (links, code) = (&self.services.links, &link_code);
        let (address, is_head) = (bearer.address, bearer.is_head);
        let action = WorkloadAction::Poll(code);
        let report = bearer.serve(&self.services, action, |caller| async move {
            if is_head {
                links.inspect(code, &caller).await
            } else {
                links.poll(code, &caller, address).await
            }
        });
        Ok(Json(report.await?.into()))
    }

    /// Confirm a link with its return code
    ///
    /// For a link with `return_code` whose status is `confirming`: the person has consented and reads the return code
    /// on the page. Ask them for it and send it with the link's access key. Then the key opens the account, and the
    /// response is that of a poll. A wrong code can be tried three times within 180 seconds; then the link fails with
    /// `not_confirmed`, and the tokens are revoked.
    #[oai(
        path = "/link/:link_code/confirm",
        method = "post",
        operation_id = "confirm_link"
    )]
    async fn confirm(
        &self,
        bearer: NeededBearer,
        /// The link code. Spaces and hyphens are ignored.
        #[oai(example = "example_code")]
        link_code: Path<String>,
        body: JsonBody<Confirmation>,
    ) -> Result<Json<LinkReport>, Failure<ConfirmLink>> {
        let JsonBody(Confirmation { return_code }) = &body;
        let (links, code) = (&self.services.links, &link_code);
        let address = bearer.address;
        let action = WorkloadAction::Confirm(code);
        let report = bearer.serve(&self.services, action, |caller| async move {
            links.confirm(code, &caller, return_code, address).await
        });
        Ok(Json(report.await?.into()))
    }
}

fn example_code() -> String {
    "12345678".to_owned()
}

/// Returns the problem of a request that a web page of another site made.
fn foreign_page() -> Problem {
    let detail = "a web page of another site made this browser ask for a link code; only programs and pages of this service may";
    Problem::new(Code::Forbidden, detail)
}

/// Returns the caller's address, if it is known.
fn known(address: IpAddr) -> Option<IpAddr> {
    (!address.is_unspecified()).then_some(address)
}

documented!(StartLink, Optional, [
    "the body is not JSON" => rejected::<NewLink>("provider=github"),
    "`key_expires_at` is not a time" => NewLink::bad_expiry(),
    "the request has no key and names a host that is not one of this service" =>
        host::foreign("https://auth.example.com"),
    "the operator has set an enrolment key, and the request has no key" => Refusal::EnrollKeyRequired,
    BAD_KEY,
    WORKLOAD_REFUSED,
    "this access key may not link its account again" => refusals::READING_ONLY,
    AUDITORS_ONLY_READ,
    "the operator lets new accounts be linked from certain networks only" => {
        let address = Some(Ipv4Addr::new(203, 0, 113, 7).into());
        Refusal::EnrollNetwork(address)
    },
    "a web page of another site made a browser send this request" => foreign_page(),
    LINK_PENDING,
    NOT_JSON,
    "an unknown field or a wrong type" => rejected::<NewLink>(r#"{"client": "nightly backup"}"#),
    "no such provider; the detail names the providers to choose from" =>
        unprocessable("there is no provider \"gitlab\"; this service has: github, google"),
    "a `key_expires_at` in the past" => unprocessable("key_expires_at is in the past"),
    "a `role` or `key_expires_at` for an account that is linked again" =>
        unprocessable(refusals::KEY_IS_KEPT),
    "a return code, and this service offers none" => unprocessable(refusals::RETURN_CODES_ARE_OFF),
    "a return code, and the provider offers none" => unprocessable(refusals::NO_RETURN_CODE),
    "this service links accounts only with a return code" => Refusal::ReturnCodeRequired,
    "an invalid label, or too many labels" => Refusal::from(BadLabel::Name),
    "a client name that is too long or cannot be shown" =>
        unprocessable("client_name is longer than 100 characters"),
    "a network (an IPv6 /48 counts as one) gets 300 link codes without a key in the lifetime of one (10 minutes by \
     default), and 10 while 2,000 or more links are open; the relinks of an account have the same limit" =>
        Refusal::TooManyLinks(A_WHILE),
    "the operator has configured no provider" => {
        let detail = "no provider is configured on this service";
        Refusal::ProviderNotConfigured(detail.to_owned())
    },
    "too many links are open" => Refusal::OverCapacity,
    WORKLOAD_UNKNOWABLE,
]);

documented!(PollLink, Optional, [
    BAD_KEY,
    WORKLOAD_REFUSED,
    "no link has this code" => refusals::UNKNOWN_CODE,
    "polled faster than the interval" => Refusal::PolledTooSoon(A_WHILE),
    "too many wrong codes were tried" => Refusal::RateLimited(A_WHILE),
    WORKLOAD_UNKNOWABLE,
]);

documented!(ConfirmLink, [
    "the body is missing or not JSON" => no_body(),
    WORKLOAD_REFUSED,
    "this key has no link with this code" => refusals::UNKNOWN_CODE,
    "the link has ended without an account" => Refusal::LinkEnded,
    NOT_JSON,
    "a wrong return code; `tries_left` says how many attempts are left" => Refusal::WrongReturnCode(2),
    "an unknown field or a wrong type" => rejected::<Confirmation>("{}"),
    WORKLOAD_UNKNOWABLE,
]);
