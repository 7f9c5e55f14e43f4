//! A client of the service's own API, for the client commands.

use std::time::Duration;

use central_oauth_domain::secret::AccessKey;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{Exit, Failure};

/// Talks to one service.
pub(super) struct Client {
    http: reqwest::Client,
    server: Url,
}

/// The body of `POST /v1/link-code`.
#[derive(Serialize)]
pub(super) struct LinkRequest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) provider: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client_name: Option<&'a str>,
}

/// The answer to it.
#[derive(Deserialize)]
pub(super) struct LinkCode {
    pub(super) link_code: String,
    pub(super) verification_url: String,
    pub(super) verification_url_complete: String,
    pub(super) expires_in: u64,
    pub(super) interval: u64,
    pub(super) access_key: Option<String>,
    pub(super) provider: String,
}

/// The answer to `GET /v1/poll/{link_code}`.
#[derive(Deserialize)]
pub(super) struct Poll {
    pub(super) status: String,
    pub(super) expires_in: u64,
    pub(super) account: Option<Account>,
    pub(super) error: Option<Trouble>,
}

/// An account inside another answer.
#[derive(Deserialize)]
pub(super) struct Account {
    pub(super) provider: String,
    pub(super) display_name: String,
}

/// A `{code, detail}`.
#[derive(Deserialize)]
pub(super) struct Trouble {
    pub(super) code: String,
    pub(super) detail: String,
}

/// The answer to `GET /v1/token`.
#[derive(Deserialize)]
pub(super) struct Token {
    pub(super) access_token: String,
    pub(super) expires_in: Option<u64>,
    pub(super) warning: Option<Trouble>,
}

/// Why the service did not answer as asked.
pub(super) enum Refused {
    /// It could not be reached, or what answered is no such service.
    Unreachable(String),
    /// It answered with a problem (RFC 9457).
    Problem {
        status: StatusCode,
        code: String,
        detail: String,
        retry_after: Option<Duration>,
    },
}

#[derive(Deserialize)]
struct ProblemBody {
    code: String,
    detail: String,
}

impl Client {
    /// Longer than the service lets any caller wait.
    const TIMEOUT: Duration = Duration::from_secs(30);

    pub(super) fn new(server: Url) -> Result<Self, Failure> {
        let http = reqwest::Client::builder()
            .timeout(Self::TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("central-oauth/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(Failure::other)?;
        Ok(Self { http, server })
    }

    pub(super) async fn start_link(
        &self,
        request: &LinkRequest<'_>,
        bearer: Option<&AccessKey>,
    ) -> Result<LinkCode, Refused> {
        let request = self
            .request(Method::POST, "/v1/link-code", bearer)?
            .json(request);
        answer(request).await
    }

    pub(super) async fn poll(&self, link_code: &str, key: &AccessKey) -> Result<Poll, Refused> {
        let path = format!("/v1/poll/{link_code}");
        answer(self.request(Method::GET, &path, Some(key))?).await
    }

    pub(super) async fn token(&self, key: &AccessKey, min_ttl: u64) -> Result<Token, Refused> {
        let request = self.request(Method::GET, "/v1/token", Some(key))?;
        answer(request.query(&[("min_ttl", min_ttl)])).await
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        bearer: Option<&AccessKey>,
    ) -> Result<RequestBuilder, Refused> {
        let url = self.server.join(path);
        let url = url.map_err(|error| Refused::Unreachable(error.to_string()))?;
        let request = self.http.request(method, url);
        Ok(match bearer {
            Some(key) => request.bearer_auth(key.expose()),
            None => request,
        })
    }
}

async fn answer<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, Refused> {
    let unreachable = |error: reqwest::Error| Refused::Unreachable(causes(&error));
    let response = request.send().await.map_err(unreachable)?;
    let status = response.status();
    let retry_after = response
        .headers()
        .get(reqwest::header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map(Duration::from_secs);
    let body = response.bytes().await.map_err(unreachable)?;
    let stranger = || {
        Refused::Unreachable(format!(
            "it answered {status}, not as a Central OAuth service does"
        ))
    };
    if status.is_success() {
        return serde_json::from_slice(&body).map_err(|_| stranger());
    }
    let problem: ProblemBody = serde_json::from_slice(&body).map_err(|_| stranger())?;
    Err(Refused::Problem {
        status,
        code: problem.code,
        detail: problem.detail,
        retry_after,
    })
}

/// An error with its causes; reqwest's own text stops at "error sending request".
fn causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Unreachable(why) => Self::new(
                Exit::Unavailable,
                format!("the service cannot be reached: {why}"),
            ),
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
