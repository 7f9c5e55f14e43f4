//! Link codes.

use std::net::IpAddr;
use std::sync::Arc;

use central_oauth_domain::link::{PolledTooSoon, Requester};
use central_oauth_domain::usecases::{LinkRequest, Refusal, Services, refusals};
use central_oauth_domain::{BadLabel, Labels};
use poem::Request;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use url::Url;

use super::Tag;
use crate::address::client_address;
use crate::auth::OptionalBearer;
use crate::body::{OptionalJson, rejected};
use crate::dto::{LinkReport, NewLink, StartedLink};
use crate::failure::{
    A_WHILE, Answer, BAD_KEY, Documented, Failure, LINK_PENDING, NOT_JSON, STORE_UNAVAILABLE,
    TOO_MANY_UNKNOWN_KEYS,
};

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
        let labels = Labels::new(asked.labels.unwrap_or_default()).map_err(Refusal::from)?;
        let address = known(client_address(request));
        let wanted = LinkRequest {
            provider: asked.provider,
            requester: Requester {
                client_name: asked.client_name,
                address: address.map(|address| address.to_string()),
                labels,
            },
            address,
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
        #[oai(example = "example_code")]
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

fn example_code() -> String {
    "12345678".to_owned()
}

/// Returns the caller's address, if it is known.
fn known(address: IpAddr) -> Option<IpAddr> {
    (!address.is_unspecified()).then_some(address)
}

struct StartLink;

impl Documented for StartLink {
    const PROBLEMS: &'static [Answer] = &[
        Answer("the body is not JSON", || {
            rejected::<NewLink>("provider=github")
        }),
        Answer(
            "the operator has set an enrolment key, and the request has no key",
            || Refusal::EnrollKeyRequired.into(),
        ),
        BAD_KEY,
        Answer("this access key may not link its account again", || {
            refusals::READING_ONLY.into()
        }),
        LINK_PENDING,
        NOT_JSON,
        Answer("an unknown field or a wrong type", || {
            rejected::<NewLink>(r#"{"client": "nightly backup"}"#)
        }),
        Answer(
            "no such provider; the detail names the providers to choose from",
            || {
                let detail = "there is no provider \"gitlab\"; this service has: github, google";
                Refusal::Unprocessable(detail.to_owned()).into()
            },
        ),
        Answer(
            "a label that is too long, has other characters than it may, or is one too many",
            || Refusal::from(BadLabel::Name).into(),
        ),
        Answer("a client name that is too long or cannot be shown", || {
            let detail = "client_name is longer than 100 characters";
            Refusal::Unprocessable(detail.to_owned()).into()
        }),
        Answer(
            "a network gets 300 link codes without a key in the lifetime of one (10 minutes by default)",
            || {
                let retry_after = A_WHILE;
                Refusal::TooManyLinks { retry_after }.into()
            },
        ),
        TOO_MANY_UNKNOWN_KEYS,
        Answer("the operator has configured no provider", || {
            let detail = "no provider is configured on this service";
            Refusal::ProviderNotConfigured(detail.to_owned()).into()
        }),
        Answer("too many links are open", || Refusal::OverCapacity.into()),
        STORE_UNAVAILABLE,
    ];
}

struct PollLink;

impl Documented for PollLink {
    const PROBLEMS: &'static [Answer] = &[
        BAD_KEY,
        Answer("no link has this code", || refusals::UNKNOWN_CODE.into()),
        Answer("polled faster than the interval", || {
            let retry_after = A_WHILE;
            Refusal::from(PolledTooSoon { retry_after }).into()
        }),
        Answer("too many wrong codes were tried", || {
            let retry_after = A_WHILE;
            Refusal::RateLimited { retry_after }.into()
        }),
        TOO_MANY_UNKNOWN_KEYS,
        STORE_UNAVAILABLE,
    ];
}
