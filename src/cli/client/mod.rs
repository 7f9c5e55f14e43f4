//! HTTP client for the service's own API, used by the client commands.

mod answers;
mod problem;
mod requests;
mod unreachable;

use std::error::Error;
use std::sync::Once;
use std::time::Duration;

use central_oauth_domain::secret::AccessKey;
use central_oauth_wire::is_loopback;
use reqwest::header::{DATE, HeaderName, LOCATION, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use url::Url;

use super::profile::{Origin, Profile};
use super::{Exit, Failure, print};
use answers::ErrorDetail;
pub(super) use answers::{
    Account, AccountDetails, Deleted, KeyDetails, LinkCode, LinkRequest, NewKey, Poll,
    RevocationDetails, Role, Token,
};
pub(super) use problem::Refused;
use problem::{Problem, foreign};
pub(super) use requests::Listed;

/// Talks to one service, with at most one key.
#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    server: Url,
    /// Whether `server` is the default because neither the user nor a saved key names one.
    is_default: bool,
    bearer: Option<(AccessKey, Origin)>,
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

    /// Returns a client that sends this key. Warns once if others in the network can read the key.
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

    /// Builds a request. The URL keeps the path of the server, because the service may share its host with other
    /// services.
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

fn no_client(error: &reqwest::Error) -> Failure {
    let cause = innermost(error);
    let message =
        format!("no HTTPS client: {cause} (SSL_CERT_FILE may name a file of CA certificates)");
    Failure::new(Exit::Other, message)
}

/// Returns the innermost cause of an error, because only this cause contains details such as "connection refused".
pub(crate) fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
