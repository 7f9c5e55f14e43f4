//! Checks whether each host can be reached: DNS, TCP, TLS.

use central_oauth_domain::Timestamp;
use central_oauth_domain::ports::ProviderError;
use reqwest::header::{AGE, DATE, HeaderMap};
use url::Url;

use super::{Checkup, Finding, Subject};
use crate::http::{Request, date};
use crate::server::Server;
use crate::settings::Flow;

/// A host that was contacted.
pub(super) struct Host {
    /// Scheme, name and port.
    pub(super) origin: String,
    /// By how many milliseconds the host's clock is ahead of this machine's, if the host sent a date.
    pub(super) ahead: Option<i64>,
}

impl Checkup<'_> {
    /// Contacts every host that a link needs, once.
    pub(super) async fn hosts(&mut self, server: &Server) {
        let device_token = self.configured().device_token_endpoint.as_ref();
        let start = match self.configured().flow {
            Flow::Device => server.device_authorization(),
            Flow::AuthorizationCode => server.authorization(),
        };
        let keys = server.issuer.as_ref().map(|issuer| &issuer.jwks_uri);
        let endpoints = [
            server.token().ok(),
            start.ok(),
            device_token,
            server.revocation().ok().flatten(),
            server.userinfo.as_ref(),
            keys,
        ];
        for url in endpoints.into_iter().flatten() {
            if !self.hosts.iter().any(|host| host.origin == origin(url)) {
                self.reach(url).await;
            }
        }
    }

    /// Contacts a host, and returns whether it responds at all.
    pub(super) async fn reach(&mut self, url: &Url) -> bool {
        let http = &self.provider.http;
        let answer = http.send(Request::get(url), self.provider.deadline()).await;
        let answered = answer.as_ref().ok();
        let ahead = answered.and_then(|answer| ahead(&answer.headers, http.now()));
        let origin = origin(url);
        let finding = match answer.map_err(ProviderError::from) {
            Ok(answer) if answer.status.is_server_error() => Finding::warning(
                Subject::Reachability,
                format!("{origin} answers HTTP {}", answer.status.as_u16()),
                "The host can be reached but has an error. See the checks below.",
            ),
            Err(error @ ProviderError::Unavailable { .. }) => {
                let finding =
                    Finding::failed(Subject::Reachability, &error, self.configured().flow);
                Finding {
                    found: format!("{origin}: {}", finding.found),
                    ..finding
                }
            }
            // A response that is too long still is a response.
            _ => Finding::ok(Subject::Reachability, format!("{origin} answers")),
        };
        let is_there = finding.verdict != super::Verdict::Problem;
        self.add(finding);
        self.hosts.push(Host { origin, ahead });
        is_there
    }
}

/// Returns scheme, name and port.
pub(super) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Returns by how many milliseconds the server's clock is ahead of this machine's (RFC 9110 section 6.6.1). The `Date`
/// of a cached response is too old, so it is ignored.
fn ahead(headers: &HeaderMap, now: Timestamp) -> Option<i64> {
    if headers.contains_key(AGE) {
        return None;
    }
    let date = date::of_http(headers.get(DATE)?.to_str().ok()?)?;
    Some(date.as_millis().saturating_sub(now.as_millis()))
}
