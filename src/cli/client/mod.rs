//! HTTP client for the service's own API, used by the client commands.

mod answers;

use std::error::Error;
use std::time::Duration;

use central_oauth_domain::secret::AccessKey;
use reqwest::header::{DATE, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use url::{Host, Url};

use super::{Exit, Failure};
use answers::ProblemBody;
pub(super) use answers::{
    AccountDetails, AccountList, Deleted, Health, LinkCode, LinkRequest, Poll, Token,
};

/// Talks to one service.
pub(super) struct Client {
    http: reqwest::Client,
    server: Url,
}

/// Why a request to the service failed.
pub(super) enum Refused {
    /// The service could not be reached, or another kind of server answered. The text names the server.
    Unreachable(String),
    /// The service answered with a problem (RFC 9457).
    Problem {
        status: StatusCode,
        code: String,
        detail: String,
        retry_after: Option<Duration>,
    },
}

impl Client {
    pub(super) fn new(server: Url) -> Result<Self, Failure> {
        let http = http(&server)?;
        Ok(Self { http, server })
    }

    pub(super) async fn start_link(
        &self,
        wanted: &LinkRequest<'_>,
        bearer: Option<&AccessKey>,
    ) -> Result<LinkCode, Refused> {
        let request = self.request(Method::POST, "/v1/link-code", bearer);
        self.answer(request.json(wanted)).await
    }

    /// Asks for liveness if `live` is set, else for readiness.
    pub(super) async fn health(&self, live: bool) -> Result<Health, Refused> {
        let path = if live { "/v1/healthz" } else { "/v1/readyz" };
        self.answer(self.request(Method::GET, path, None)).await
    }

    pub(super) async fn poll(&self, link_code: &str, key: &AccessKey) -> Result<Poll, Refused> {
        let path = format!("/v1/poll/{link_code}");
        self.answer(self.request(Method::GET, &path, Some(key)))
            .await
    }

    pub(super) async fn token(&self, key: &AccessKey, min_ttl: u64) -> Result<Token, Refused> {
        let request = self.request(Method::GET, "/v1/token", Some(key));
        self.answer(request.query(&[("min_ttl", min_ttl)])).await
    }

    /// Returns one page of the accounts that a key may see, and the time of the service's clock.
    pub(super) async fn accounts(
        &self,
        key: &AccessKey,
        cursor: Option<&str>,
    ) -> Result<(AccountList, Option<OffsetDateTime>), Refused> {
        const LIMIT: (&str, &str) = ("limit", "200");
        let mut query = vec![LIMIT];
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let request = self.request(Method::GET, "/v1/accounts", Some(key));
        self.dated_answer(request.query(&query)).await
    }

    pub(super) async fn account(
        &self,
        key: &AccessKey,
        id: &str,
    ) -> Result<AccountDetails, Refused> {
        let path = format!("/v1/accounts/{id}");
        self.answer(self.request(Method::GET, &path, Some(key)))
            .await
    }

    pub(super) async fn delete_account(
        &self,
        key: &AccessKey,
        id: &str,
    ) -> Result<Deleted, Refused> {
        let path = format!("/v1/accounts/{id}");
        self.answer(self.request(Method::DELETE, &path, Some(key)))
            .await
    }

    /// Builds a request. The service may be served below a path of a shared host.
    fn request(&self, method: Method, path: &str, bearer: Option<&AccessKey>) -> RequestBuilder {
        let mut url = self.server.clone();
        url.set_path(&format!("{}{path}", url.path().trim_end_matches('/')));
        let request = self.http.request(method, url);
        match bearer {
            Some(key) => request.bearer_auth(key.expose()),
            None => request,
        }
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Refused> {
        Ok(self.dated_answer(request).await?.0)
    }

    /// Returns the response, and its time by the service's clock.
    async fn dated_answer<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<(T, Option<OffsetDateTime>), Refused> {
        let unreachable = |error: reqwest::Error| {
            let why = innermost(&error);
            Refused::Unreachable(format!("{} cannot be reached: {why}", self.server))
        };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let header = |name| response.headers().get(name)?.to_str().ok();
        let retry_after = header(RETRY_AFTER).and_then(|seconds| seconds.parse().ok());
        let retry_after = retry_after.map(Duration::from_secs);
        let date = header(DATE).and_then(|date| OffsetDateTime::parse(date, &Rfc2822).ok());
        let body = response.bytes().await.map_err(unreachable)?;
        let stranger = |_| {
            let server = &self.server;
            Refused::Unreachable(format!(
                "{server} answered {status}, not as a Central OAuth service does"
            ))
        };
        if status.is_success() {
            let body = serde_json::from_slice(&body).map_err(stranger)?;
            return Ok((body, date));
        }
        let problem: ProblemBody = serde_json::from_slice(&body).map_err(stranger)?;
        Err(Refused::Problem {
            status,
            code: problem.code,
            detail: problem.detail,
            retry_after,
        })
    }
}

/// Builds the HTTP client for this server.
pub(super) fn http(server: &Url) -> Result<reqwest::Client, Failure> {
    /// Longer than the service lets any caller wait (15 s).
    const TIMEOUT: Duration = Duration::from_secs(30);
    let mut builder = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("central-oauth/", env!("CARGO_PKG_VERSION")));
    if server.scheme() == "http" {
        // A machine without CA certificates can still try the sandbox.
        builder = builder.tls_certs_only([]);
    }
    if is_loopback(server) {
        // No proxy knows the way to this very machine.
        builder = builder.no_proxy();
    }
    builder.build().map_err(Failure::other)
}

fn is_loopback(server: &Url) -> bool {
    match server.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Returns the innermost cause. Only that one says "connection refused".
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

impl Refused {
    /// Returns the minimum pause before a retry, or `None` if a retry cannot help.
    pub(super) fn may_pass_after(&self) -> Option<Duration> {
        match self {
            Self::Unreachable(_) => Some(Duration::ZERO),
            Self::Problem {
                status,
                retry_after,
                ..
            } => {
                let passing = *status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
                passing.then(|| retry_after.unwrap_or_default())
            }
        }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Unreachable(why) => Self::new(Exit::Unavailable, why),
            Refused::Problem {
                status,
                code,
                detail,
                ..
            } => {
                let exit = match (status, code.as_str()) {
                    (StatusCode::UNAUTHORIZED, _) | (_, "link_pending") => Exit::NoKey,
                    (_, "relink_required") => Exit::RelinkRequired,
                    (_, "provider_not_configured") => Exit::Other,
                    (StatusCode::TOO_MANY_REQUESTS, _) => Exit::Unavailable,
                    (status, _) if status.is_server_error() => Exit::Unavailable,
                    _ => Exit::Other,
                };
                Self::new(exit, format!("{detail} ({code})"))
            }
        }
    }
}
