//! Sends requests with this client's credentials, to every endpoint except userinfo.

use reqwest::StatusCode;

use super::OpenIdConnectProvider;
use crate::client_auth::ClientAuth;
use crate::deadline::Deadline;
use crate::http::{ProviderResponse, Request, Unanswered};
use crate::oauth_error::may_pass;

impl OpenIdConnectProvider {
    /// Posts a form with this client's credentials.
    ///
    /// In practice, metadata and endpoints disagree about client authentication. If an endpoint rejects the client with
    /// a method that neither the operator nor a preset chose, the other method is tried once. The second request
    /// carries the same refresh token. That is no reuse: a server authenticates the client before it looks at the grant
    /// (RFC 6749 section 3.2.1). If a server uses up an authorization code anyway, the person must try once more, and
    /// the method is then known. Both requests share one deadline, which is shorter than the lease.
    pub(super) async fn post(
        &self,
        auth: ClientAuth,
        request: Request,
        deadline: Deadline,
    ) -> Result<ProviderResponse, Unanswered> {
        let endpoint = request.url.clone();
        let method = self.auth_memory.first(&endpoint, auth);
        // After a vague error, a refresh token is not sent again, because that risks the token; and a learned method is
        // not replaced, because it has worked before.
        let may_guess = method == auth.method && !request.has_field("refresh_token");
        let first = self.post_by(auth.by(method), request.clone(), deadline);
        let first = first.await?;
        let is_refused = refuses_client(&first);
        let is_worth_trying = is_refused || may_guess && may_refuse_client(&first);
        let second_method = match self.auth_memory.second(&endpoint, auth, method) {
            Some(method) if is_worth_trying && self.client.secret.is_some() => method,
            _ => {
                if has_seen_grant(&first) {
                    self.auth_memory.accepts(&endpoint, auth, method);
                }
                return Ok(first);
            }
        };
        let second = self.post_by(auth.by(second_method), request, deadline);
        let second = second.await?;
        if has_seen_grant(&second) {
            tracing::info!(
                provider = self.settings.name.as_str(),
                endpoint = endpoint.path(),
                method = second_method.as_str(),
                "the endpoint rejected the client, and accepts this method of client authentication, which is used there \
                 from now on"
            );
            self.auth_memory.accepts(&endpoint, auth, second_method);
            return Ok(second);
        }
        if says_nothing(&second) {
            return Ok(second);
        }
        if is_refused {
            self.auth_memory.refuses_both(&endpoint);
        }
        Ok(first)
    }

    async fn post_by(
        &self,
        auth: ClientAuth,
        mut request: Request,
        deadline: Deadline,
    ) -> Result<ProviderResponse, Unanswered> {
        self.client.authenticate(auth, &mut request)?;
        let outcome = self.http.send(request, deadline).await;
        self.refetch_moved_endpoints(&outcome).await;
        outcome
    }

    /// Refetches the issuer's metadata before the next request if a discovered endpoint seems to be gone: the
    /// connection fails, or the server does not know the path.
    pub(super) async fn refetch_moved_endpoints(
        &self,
        outcome: &Result<ProviderResponse, Unanswered>,
    ) {
        let is_gone = match outcome {
            Ok(answer) => {
                let is_elsewhere = answer.status.is_redirection();
                (is_elsewhere || GONE.contains(&answer.status)) && answer.oauth_error().is_none()
            }
            Err(unanswered) => unanswered.is_unreachable,
        };
        if is_gone && self.settings.issuer.is_some() {
            self.server.expire().await;
        }
    }
}

const GONE: [StatusCode; 4] = [
    StatusCode::NOT_FOUND,
    StatusCode::METHOD_NOT_ALLOWED,
    StatusCode::GONE,
    StatusCode::MISDIRECTED_REQUEST,
];

/// Whether the server rejected the client's authentication: by `invalid_client`, by a 401 without another reason (RFC
/// 6749 section 5.2), or by an error that asks for the client's credentials.
fn refuses_client(answer: &ProviderResponse) -> bool {
    let is_401 = answer.status == StatusCode::UNAUTHORIZED;
    match answer.oauth_error() {
        Some(error) if error.is_limit() => false,
        Some(error) => match error.code.as_str() {
            "invalid_client" => true,
            "unauthorized_client" => is_401,
            "invalid_request" => is_401 || error.misses_credentials,
            _ => false,
        },
        None => is_401 && !says_nothing(answer) && !answer.is_challenge(),
    }
}

/// Whether the response could come from a server that looks for the client id only in the body. The response may also
/// mean something else.
fn may_refuse_client(answer: &ProviderResponse) -> bool {
    let Some(error) = answer.oauth_error() else {
        return false;
    };
    let is_vague = match error.code.as_str() {
        "unauthorized_client" => true,
        "invalid_request" => error.words.is_none(),
        _ => false,
    };
    is_vague && !error.is_limit()
}

/// Whether the server accepted the client and looked at the request.
fn has_seen_grant(answer: &ProviderResponse) -> bool {
    /// Some servers send these codes to a client that they do not accept.
    const ABOUT_CLIENTS: [&str; 3] = ["invalid_client", "unauthorized_client", "invalid_request"];
    match answer.oauth_error() {
        Some(error) => {
            !says_nothing(answer)
                && !error.is_limit()
                && !ABOUT_CLIENTS.contains(&error.code.as_str())
        }
        None => answer.status.is_success(),
    }
}

fn says_nothing(answer: &ProviderResponse) -> bool {
    may_pass(answer.status) || answer.retry_after.is_some_and(|pause| !pause.is_zero())
}
