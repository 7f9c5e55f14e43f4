//! `--workload`: authenticates a job or pod with the JWT of its platform instead of an access key.

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use central_oauth_domain::secret::AccessKey;
use central_oauth_wire::is_loopback;
use reqwest::{RequestBuilder, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::time::{Instant, sleep};
use url::Url;

use super::client::{Client, innermost};
use super::print::printable;
use super::profile::{Origin, Profile, Target};
use super::{Exit, Failure};
use crate::config::ClientConfig;

/// Selects the JWT of the platform.
#[derive(clap::Args)]
pub(super) struct Workload {
    /// Send the JWT that your platform issued to this job, instead of an access key. Taken from CENTRAL_OAUTH_ID_TOKEN
    /// or CENTRAL_OAUTH_ID_TOKEN_FILE, else requested from GitHub Actions, else read from the projected token at
    /// /var/run/secrets/central-oauth/token.
    #[arg(long, conflicts_with_all = ["profile", "key_file"])]
    workload: bool,
    /// The audience to request from GitHub Actions [default: the URL of the service].
    #[arg(long, value_name = "AUDIENCE", requires = "workload")]
    audience: Option<String>,
}

/// The usual path of a projected service account token in a Kubernetes pod.
const PROJECTED: &str = "/var/run/secrets/central-oauth/token";
/// How long a JWT is reused. The JWTs of the platforms are valid for five minutes or more.
const FRESH_FOR: Duration = Duration::from_secs(60);
/// The timeout of each request to GitHub Actions.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The pauses before GitHub Actions is asked again.
const PAUSES: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

impl Workload {
    /// Whether `--workload` was given.
    pub(super) const fn is_wanted(&self) -> bool {
        self.workload
    }

    /// Returns the bearer token to use: with `--workload` a fresh JWT, else the selected access key.
    pub(super) async fn profile(
        &self,
        target: &Target,
        config: &ClientConfig<'_>,
    ) -> Result<Profile, Failure> {
        if self.workload {
            self.identity(target, config)?.profile().await
        } else {
            target.profile(config)
        }
    }

    /// Finds the source of the JWT.
    pub(super) fn identity<'a>(
        &self,
        target: &Target,
        config: &'a ClientConfig<'a>,
    ) -> Result<Identity<'a>, Failure> {
        let server = target.server(config, None)?;
        let audience = self.audience.clone();
        let audience = audience.unwrap_or_else(|| server.as_str().trim_end_matches('/').to_owned());
        Ok(Identity {
            source: Source::find(config)?,
            audience,
            server,
            is_default: target.names_no_server(config),
            fresh: None,
        })
    }
}

/// The JWTs of this job for one service.
pub(super) struct Identity<'a> {
    source: Source<'a>,
    audience: String,
    server: Url,
    is_default: bool,
    fresh: Option<(AccessKey, Instant)>,
}

impl Identity<'_> {
    /// Returns a profile of the service. Its access key is a JWT that was requested less than [`FRESH_FOR`] ago.
    pub(super) async fn profile(&mut self) -> Result<Profile, Failure> {
        let is_fresh = |issued: &Instant| issued.elapsed() < FRESH_FOR;
        let kept = self.fresh.as_ref().filter(|(_, issued)| is_fresh(issued));
        let access_key = match kept {
            Some((token, _)) => token.clone(),
            None => {
                let token = self.source.token(&self.audience).await?;
                self.fresh = Some((token.clone(), Instant::now()));
                token
            }
        };
        Ok(Profile {
            server: self.server.clone(),
            is_default: self.is_default,
            access_key,
            origin: Origin::Platform(self.source.name()),
            hosts: Vec::new(),
        })
    }

    /// Returns a client that sends a fresh JWT.
    pub(super) async fn client(&mut self) -> Result<Client, Failure> {
        Client::of(&self.profile().await?)
    }
}

/// Where a JWT comes from.
enum Source<'a> {
    /// GitHub Actions, which issues a JWT for each request.
    GithubActions { url: Url, bearer: SecretString },
    /// `CENTRAL_OAUTH_ID_TOKEN`, or the file in `CENTRAL_OAUTH_ID_TOKEN_FILE`, which the platform may replace.
    Variable(&'a ClientConfig<'a>),
    /// The file at [`PROJECTED`].
    File,
}

impl<'a> Source<'a> {
    fn find(config: &'a ClientConfig<'a>) -> Result<Self, Failure> {
        if config.variable(ClientConfig::ID_TOKEN).is_some() {
            return Ok(Self::Variable(config));
        }
        if let Some((url, bearer)) = config.github_actions() {
            let url = Url::parse(url).ok().filter(is_safe).ok_or_else(|| {
                let message = "ACTIONS_ID_TOKEN_REQUEST_URL is not an https URL";
                Failure::new(Exit::NoKey, message)
            })?;
            return Ok(Self::GithubActions { url, bearer });
        }
        if Path::new(PROJECTED).exists() {
            return Ok(Self::File);
        }
        let message = "no token of a platform is here: give a GitHub Actions job the permission `id-token: write`; set \
             CENTRAL_OAUTH_ID_TOKEN with `id_tokens` of GitLab; or mount a projected token and set CENTRAL_OAUTH_ID_TOKEN_FILE";
        Err(Failure::new(Exit::NoKey, message))
    }

    /// Names the source in messages.
    const fn name(&self) -> &'static str {
        match self {
            Self::GithubActions { .. } => "the answer of ACTIONS_ID_TOKEN_REQUEST_URL",
            Self::Variable(_) => "CENTRAL_OAUTH_ID_TOKEN",
            Self::File => PROJECTED,
        }
    }

    async fn token(&self, audience: &str) -> Result<AccessKey, Failure> {
        let text = match self {
            Self::GithubActions { url, bearer } => requested(url, bearer, audience).await?,
            Self::Variable(config) => {
                let token = config.id_token()?.unwrap_or_default();
                token.expose_secret().to_owned()
            }
            Self::File => {
                let read = std::fs::read_to_string(PROJECTED);
                let message = |error| format!("{PROJECTED} cannot be read: {error}");
                read.map_err(|error| Failure::new(Exit::NoKey, message(error)))?
            }
        };
        let token = text.trim();
        if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
            let message = format!("{} holds no token", self.name());
            return Err(Failure::new(Exit::NoKey, message));
        }
        Ok(AccessKey::new(token))
    }
}

fn is_safe(url: &Url) -> bool {
    url.scheme() == "https" || url.scheme() == "http" && is_loopback(url)
}

/// Requests a JWT of the job from GitHub Actions. Retries failures that may pass, as GitHub's own client does
/// (packages/core/src/oidc-utils.ts in actions/toolkit). A 403 may pass too (aws-actions/configure-aws-credentials#469).
async fn requested(url: &Url, bearer: &SecretString, audience: &str) -> Result<String, Failure> {
    let http = reqwest::Client::builder().timeout(TIMEOUT);
    // A proxy would see the request unencrypted.
    let http = if is_loopback(url) {
        http.no_proxy()
    } else {
        http
    };
    let http = http
        .build()
        .map_err(|error| not_issued(Exit::Other, innermost(&error)))?;
    let bearer = bearer.expose_secret();
    let mut pauses = PAUSES.into_iter();
    loop {
        let request = http.get(url.clone()).query(&[("audience", audience)]);
        let (failure, may_pass) = match issued(request, bearer).await {
            Ok(token) => return Ok(token),
            Err(failed) => failed,
        };
        match pauses.next().filter(|_| may_pass) {
            Some(pause) => sleep(pause).await,
            None => return Err(failure),
        }
    }
}

/// Sends one request for a JWT. An error also says whether a retry may succeed.
async fn issued(request: RequestBuilder, bearer: &str) -> Result<String, (Failure, bool)> {
    /// The maximum number of characters of an error that are shown.
    const SHOWN: usize = 200;
    #[derive(Deserialize)]
    struct Issued {
        value: String,
    }
    let lost = |error: reqwest::Error| {
        let why = innermost(&error.without_url());
        (not_issued(Exit::Unavailable, why), true)
    };
    let response = request.bearer_auth(bearer).send().await.map_err(lost)?;
    let status = response.status();
    let body = response.text().await.map_err(lost)?;
    if status.is_success() {
        let issued: Result<Issued, _> = serde_json::from_str(&body);
        return issued.map(|issued| issued.value).map_err(|_| {
            let why = "its answer contains none";
            (not_issued(Exit::Unavailable, why), false)
        });
    }
    let exit = match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Exit::Unavailable,
        _ if status.is_server_error() => Exit::Unavailable,
        _ => Exit::NoKey,
    };
    let may_pass = exit == Exit::Unavailable || status == StatusCode::FORBIDDEN;
    let body = printable(&body.replace(bearer, "[token]"));
    let why = match body.chars().take(SHOWN).collect::<String>() {
        body if body.is_empty() => status.to_string(),
        body => format!("{status}: {body}"),
    };
    Err((not_issued(exit, why), may_pass))
}

fn not_issued(exit: Exit, why: impl Display) -> Failure {
    Failure::new(exit, format!("GitHub Actions issued no token: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    #[tokio::test]
    async fn the_file_of_a_token_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token.jwt");
        let write = |token: &str| std::fs::write(&file, token).unwrap();
        write("eyJ.first\n");
        let variable = ("CENTRAL_OAUTH_ID_TOKEN_FILE".into(), file.clone().into());
        let environment = Environment::new([variable]).unwrap();
        let config = ClientConfig::read(&environment).unwrap();
        let source = Source::find(&config).ok().unwrap();
        for token in ["eyJ.first", "eyJ.second"] {
            write(token);
            assert_eq!(source.token("us").await.ok().unwrap().expose(), token);
        }
        let mut identity = Identity {
            source,
            audience: "us".to_owned(),
            server: "https://auth.example.com".parse().unwrap(),
            is_default: false,
            fresh: None,
        };
        let origin = identity.profile().await.ok().unwrap().origin;
        assert_eq!(origin.to_string(), "the token in CENTRAL_OAUTH_ID_TOKEN");
        write("");
        assert!(identity.source.token("us").await.is_err());
    }
}
