//! HTTP client for the service's own API, used by the client commands.

mod answers;
mod unreachable;

use std::error::Error;
use std::sync::Once;
use std::time::Duration;

use central_oauth_domain::secret::AccessKey;
use central_oauth_wire::is_loopback;
use reqwest::header::{DATE, HeaderName, LOCATION, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use url::Url;

use super::profile::{Origin, Profile};
use super::{Exit, Failure, print};
pub(super) use answers::{
    AccountDetails, Confirmation, Deleted, Health, KeyDetails, LinkCode, LinkRequest, NewKey, Page,
    Poll, ProviderList, RevocationDetails, Role, Token,
};
use answers::{DisplayText, ErrorDetail};

/// Talks to one service, with at most one key.
#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    server: Url,
    /// Whether `server` is the default because neither the user nor a saved key names one.
    is_default: bool,
    bearer: Option<(AccessKey, Origin)>,
}

pub(super) enum Refused {
    /// The service could not be reached, or another kind of server answered. The text names the server.
    Unreachable(String),
    /// The service answered with a problem (RFC 9457).
    Problem(Box<Problem>),
}

/// A problem (RFC 9457), the server that sent it, and where the key of the request came from.
pub(super) struct Problem {
    pub(super) status: StatusCode,
    code: DisplayText,
    detail: DisplayText,
    retry_after: Option<Duration>,
    /// The id with which the operator finds the cause of an internal error in the log.
    request_id: Option<String>,
    server: Url,
    bearer: Option<Origin>,
}

/// All items of a list, unparsed, and the time by the clock of the service.
pub(super) struct Listed {
    server: Url,
    pub(super) items: Vec<Value>,
    pub(super) now: Option<OffsetDateTime>,
}

impl Listed {
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<Vec<T>, Refused> {
        let items: serde_json::Result<_> = self.items.iter().map(T::deserialize).collect();
        items.map_err(|_| foreign(&self.server, StatusCode::OK))
    }
}

/// A response, and the time by the clock of the service.
struct Response {
    body: Vec<u8>,
    status: StatusCode,
    date: Option<OffsetDateTime>,
}

impl Client {
    /// Creates a client without a key.
    pub(super) fn new(server: Url) -> Result<Self, Failure> {
        Self::over(http(&server), server)
    }

    /// Creates a client without a key for a listener on this machine. The client uses no proxy. It accepts any
    /// certificate, because the listener's certificate names the public host.
    pub(super) fn of_this_machine(server: Url) -> Result<Self, Failure> {
        let http = http(&server).tls_danger_accept_invalid_certs(true);
        Self::over(http.no_proxy(), server)
    }

    fn over(http: reqwest::ClientBuilder, server: Url) -> Result<Self, Failure> {
        Ok(Self {
            http: http.build().map_err(|error| no_client(&error))?,
            server,
            is_default: false,
            bearer: None,
        })
    }

    /// Creates a client that sends the key of this profile to its service.
    pub(super) fn of(profile: &Profile) -> Result<Self, Failure> {
        let (key, origin) = (profile.access_key.clone(), profile.origin.clone());
        let client = Self::new(profile.server.clone())?.with(key, origin);
        Ok(client.at_default(profile.is_default))
    }

    /// Sets whether the server is the default because neither the user nor a saved key names one.
    pub(super) fn at_default(self, is_default: bool) -> Self {
        Self { is_default, ..self }
    }

    /// Returns a client that sends this key. Warns once if others can read it on its way.
    pub(super) fn with(self, key: AccessKey, origin: Origin) -> Self {
        static WARNED: Once = Once::new();
        if unreachable::is_exposed(&self.server) {
            WARNED.call_once(|| {
                print::warn(format_args!(
                    "{} is not encrypted: others in the network can read {origin} and the tokens; use https",
                    self.server
                ));
            });
        }
        Self {
            bearer: Some((key, origin)),
            ..self
        }
    }

    pub(super) async fn start_link(&self, wanted: &LinkRequest<'_>) -> Result<LinkCode, Refused> {
        let request = self.request(Method::POST, "/v1/link-code");
        self.answer(request.json(wanted)).await
    }

    /// Requests the liveness if `live` is set, else the readiness.
    pub(super) async fn health(&self, live: bool) -> Result<Health, Refused> {
        let path = if live { "/v1/healthz" } else { "/v1/readyz" };
        self.answer(self.request(Method::GET, path)).await
    }

    pub(super) async fn poll(&self, link_code: &str) -> Result<Poll, Refused> {
        let path = format!("/v1/poll/{link_code}");
        self.answer(self.request(Method::GET, &path)).await
    }

    pub(super) async fn confirm(&self, link_code: &str, code: &str) -> Result<Poll, Refused> {
        let path = format!("/v1/link/{link_code}/confirm");
        let confirmation = Confirmation { return_code: code };
        let request = self.request(Method::POST, &path);
        self.answer(request.json(&confirmation)).await
    }

    /// Returns the response to `GET /v1/token`: the members that commands use, and the complete JSON.
    pub(super) async fn token(&self, min_ttl: u64) -> Result<(Token, Value), Refused> {
        let request = self.request(Method::GET, "/v1/token");
        let complete: Value = self.answer(request.query(&[("min_ttl", min_ttl)])).await?;
        let token = Token::deserialize(&complete).ok();
        let token = token.filter(|token| !token.access_token.is_empty());
        let token = token.ok_or_else(|| foreign(&self.server, StatusCode::OK))?;
        Ok((token, complete))
    }

    pub(super) async fn providers(&self) -> Result<ProviderList, Refused> {
        self.answer(self.request(Method::GET, "/v1/providers"))
            .await
    }

    /// Returns one page of a list, and the time by the clock of the service.
    pub(super) async fn page(
        &self,
        path: &str,
        filters: &[(&str, String)],
        cursor: Option<&str>,
    ) -> Result<(Page, Option<OffsetDateTime>), Refused> {
        const LIMIT: (&str, &str) = ("limit", "200");
        let mut query = vec![LIMIT];
        query.extend(filters.iter().map(|(name, value)| (*name, value.as_str())));
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let request = self.request(Method::GET, path).query(&query);
        let response = self.send(request).await?;
        Ok((self.read(&response)?, response.date))
    }

    /// Returns all items of a list that match the filters.
    pub(super) async fn list(
        &self,
        path: &str,
        filters: &[(&str, String)],
    ) -> Result<Listed, Refused> {
        let (mut page, now) = self.page(path, filters, None).await?;
        let mut items = page.items;
        while let Some(cursor) = page.next_cursor {
            (page, _) = self.page(path, filters, Some(&cursor)).await?;
            if page.next_cursor.as_ref() == Some(&cursor) {
                let server = &self.server;
                let why = format!("{server} answered the same page of a list again");
                return Err(Refused::Unreachable(why));
            }
            items.append(&mut page.items);
        }
        let server = self.server.clone();
        Ok(Listed { server, items, now })
    }

    pub(super) async fn account(&self, id: &str) -> Result<AccountDetails, Refused> {
        let path = format!("/v1/accounts/{id}");
        self.answer(self.request(Method::GET, &path)).await
    }

    pub(super) async fn delete_account(&self, id: &str) -> Result<Deleted, Refused> {
        let path = format!("/v1/accounts/{id}");
        self.answer(self.request(Method::DELETE, &path)).await
    }

    pub(super) async fn refresh_account(&self, id: &str) -> Result<AccountDetails, Refused> {
        let path = format!("/v1/accounts/{id}/refresh");
        self.answer(self.request(Method::POST, &path)).await
    }

    /// Requests a link code for a relink of this account.
    pub(super) async fn relink_account(&self, id: &str) -> Result<LinkCode, Refused> {
        let path = format!("/v1/accounts/{id}/relink");
        self.answer(self.request(Method::POST, &path)).await
    }

    pub(super) async fn create_key(&self, id: &str, key: &NewKey<'_>) -> Result<Value, Refused> {
        let path = format!("/v1/accounts/{id}/keys");
        self.answer(self.request(Method::POST, &path).json(key))
            .await
    }

    pub(super) async fn delete_key(
        &self,
        id: &str,
        key: &str,
        descendants: bool,
    ) -> Result<(), Refused> {
        let path = format!("/v1/accounts/{id}/keys/{key}");
        let mut request = self.request(Method::DELETE, &path);
        // Sent only if needed, because older versions of the service reject unknown query parameters.
        if descendants {
            request = request.query(&[("descendants", "true")]);
        }
        self.send(request).await.map(|_| ())
    }

    /// Builds a request. The URL keeps the path of the server, because the service may share its host with others.
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut url = self.server.clone();
        url.set_path(&format!("{}{path}", url.path().trim_end_matches('/')));
        let request = self.http.request(method, url);
        match &self.bearer {
            Some((key, _)) => request.bearer_auth(key.expose()),
            None => request,
        }
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Refused> {
        let response = self.send(request).await?;
        self.read(&response)
    }

    fn read<T: DeserializeOwned>(&self, response: &Response) -> Result<T, Refused> {
        serde_json::from_slice(&response.body).map_err(|_| foreign(&self.server, response.status))
    }

    /// Sends a request, and returns the response if it is a success.
    async fn send(&self, request: RequestBuilder) -> Result<Response, Refused> {
        let unreachable = |error: reqwest::Error| {
            let (server, why) = (&self.server, innermost(&error));
            let hint = unreachable::hint(server, &why, self.is_default).unwrap_or_default();
            Refused::Unreachable(format!("{server} cannot be reached: {why}{hint}"))
        };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let header = |name| response.headers().get(name)?.to_str().ok();
        let retry_after = header(RETRY_AFTER).and_then(|seconds| seconds.parse().ok());
        let request_id = header(HeaderName::from_static("x-request-id")).map(str::to_owned);
        let date = header(DATE).and_then(|date| OffsetDateTime::parse(date, &Rfc2822).ok());
        let target = header(LOCATION).filter(|_| status.is_redirection());
        let target = target.and_then(|target| response.url().join(target).ok());
        let body = response.bytes().await.map_err(unreachable)?.into();
        let response = Response { body, status, date };
        if status.is_success() {
            return Ok(response);
        }
        if let Some(target) = target {
            let sent = self.bearer.as_ref().map(|(_, origin)| origin);
            let moved = unreachable::redirected(&self.server, target, sent);
            return Err(Refused::Unreachable(moved));
        }
        let problem: ErrorDetail = self.read(&response)?;
        Err(Refused::Problem(Box::new(Problem {
            status,
            code: problem.code,
            detail: problem.detail,
            retry_after: retry_after.map(Duration::from_secs),
            request_id,
            server: self.server.clone(),
            bearer: self.bearer.as_ref().map(|(_, origin)| origin.clone()),
        })))
    }
}

pub(super) fn http(server: &Url) -> reqwest::ClientBuilder {
    /// Longer than the service lets any caller wait (15 s).
    const TIMEOUT: Duration = Duration::from_secs(30);
    let mut builder = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("central-oauth/", env!("CARGO_PKG_VERSION")));
    if server.scheme() == "http" {
        // Plain HTTP needs no CA certificates, so the sandbox works on a machine that has none.
        builder = builder.tls_certs_only([]);
    }
    if is_loopback(server) {
        // A proxy cannot reach this machine's loopback.
        builder = builder.no_proxy();
    }
    builder
}

fn foreign(server: &Url, status: StatusCode) -> Refused {
    Refused::Unreachable(format!(
        "{server} answered {status}, not as a Central OAuth service does"
    ))
}

fn no_client(error: &reqwest::Error) -> Failure {
    let cause = innermost(error);
    let message =
        format!("no HTTPS client: {cause} (SSL_CERT_FILE may name a file of CA certificates)");
    Failure::new(Exit::Other, message)
}

/// Returns the innermost cause, because the outer ones do not contain details such as "connection refused".
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
            Self::Problem(problem) => {
                let status = problem.status;
                let passing = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
                passing.then(|| problem.retry_after.unwrap_or_default())
            }
        }
    }

    /// Whether the service answered with this problem code.
    pub(super) fn has_code(&self, code: &str) -> bool {
        matches!(self, Self::Problem(problem) if *problem.code == code)
    }

    pub(super) fn is(&self, status: StatusCode) -> bool {
        matches!(self, Self::Problem(problem) if problem.status == status)
    }
}

impl Problem {
    fn exit(&self) -> Exit {
        match (self.status, self.code.as_str()) {
            (StatusCode::UNAUTHORIZED, _) | (_, "link_pending") => Exit::NoKey,
            (_, "relink_required") => Exit::RelinkRequired,
            (_, "provider_not_configured") => Exit::Other,
            (StatusCode::TOO_MANY_REQUESTS, _) => Exit::Unavailable,
            (status, _) if status.is_server_error() => Exit::Unavailable,
            _ => Exit::Other,
        }
    }

    /// Says when to try again, if the service has said so and waiting can help.
    fn retry_hint(&self) -> String {
        let wait = self.retry_after.map(|wait| wait.as_secs());
        match wait.filter(|_| self.exit() == Exit::Unavailable) {
            Some(1) => "; try again in 1 second".to_owned(),
            Some(seconds) => format!("; try again in {seconds} seconds"),
            None => String::new(),
        }
    }

    /// Contains the server and its problem. Also names the key if the key causes the problem.
    fn message(&self) -> String {
        let (server, detail, code) = (&self.server, &self.detail, &self.code);
        match &self.bearer {
            _ if code.as_str() == "enroll_key_required" => format!(
                "{server} needs an enrolment key for a new link: ask its operator for the key, and set \
                 CENTRAL_OAUTH_ENROLL_KEY ({code})"
            ),
            Some(origin) if self.exit() == Exit::NoKey || self.status == StatusCode::FORBIDDEN => {
                format!("{server} rejected {origin}: {detail} ({code})")
            }
            _ => match &self.request_id {
                Some(id) if code.as_str() == "internal_error" => format!(
                    "{server} answered: {detail} ({code}); tell the operator the request id {id}"
                ),
                _ => format!("{server} answered: {detail} ({code}){}", self.retry_hint()),
            },
        }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Unreachable(why) => Self::new(Exit::Unavailable, why),
            Refused::Problem(problem) => Self::new(problem.exit(), problem.message()),
        }
    }
}
