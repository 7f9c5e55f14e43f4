//! Checks whether people can be sent to the provider, and whether the client is accepted when they return.

use central_oauth_domain::ports::{
    ConsentHandle, ConsentRequest, OAuthProvider as _, Prompt, ProviderError, Redemption,
};
use central_oauth_domain::secret::{CallbackQuery, ConsentUri};
use reqwest::header::LOCATION;
use url::Url;
use url::form_urlencoded::Serializer;

use super::{Checkup, Finding, Subject};
use crate::http::{Fields, ProviderResponse, Request};
use crate::oauth_error::OAuthError;
use crate::scrub::Scrubber;
use crate::server::Server;
use crate::settings::Flow;

const FLOW: Flow = Flow::AuthorizationCode;
/// No link has this state, and no provider issued this code.
const MADE_UP: &str = "made-up-by-central-oauth-providers-check";

impl Checkup<'_> {
    /// Opens the authorization endpoint as a browser would, then sends an invented code to the token endpoint.
    pub(super) async fn authorization_code(&mut self, server: &Server, redirect_uri: &str) {
        self.add(
            Finding::ok(
                Subject::RedirectUri,
                format!("the redirect URI is {redirect_uri}"),
            )
            .with("Register exactly this address at the provider. It begins with PUBLIC_URL."),
        );
        let request = ConsentRequest {
            state: MADE_UP.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
        };
        match self.provider.begin_consent(&request).await {
            Ok(consent) => {
                if let Prompt::Visit { uri } = &consent.prompt {
                    self.visit(uri, redirect_uri).await;
                }
                self.invented_code(&consent.handle, server).await;
            }
            Err(error) => self.add(Finding::failed(Subject::Authorization, &error, FLOW)),
        }
    }

    async fn visit(&mut self, uri: &ConsentUri, redirect_uri: &str) {
        let Ok(uri) = Url::parse(uri.expose()) else {
            return;
        };
        let mut request = Request::get(&uri);
        request.header("accept", "text/html");
        let (http, deadline) = (&self.provider.http, self.provider.deadline());
        let answer = http.send(request, deadline).await;
        self.add(match answer.map_err(ProviderError::from) {
            Ok(answer) => match self.sent_back(&answer, redirect_uri) {
                Some(error) => Finding::failed(Subject::Authorization, &error.into(), FLOW),
                None => judge_page(&answer),
            },
            Err(error @ ProviderError::Unavailable { .. }) => {
                Finding::failed(Subject::Authorization, &error, FLOW)
            }
            Err(_) => page("a long page"),
        });
    }

    /// If the provider redirects back at once with an error (RFC 6749 section 4.1.2.1), returns the error.
    fn sent_back(&self, answer: &ProviderResponse, redirect_uri: &str) -> Option<OAuthError> {
        let location = answer.headers.get(LOCATION)?.to_str().ok()?;
        let location = Url::parse(location).ok()?;
        if !location.as_str().starts_with(redirect_uri) {
            return None;
        }
        let fields = Fields::of_form(location.query().unwrap_or_default());
        OAuthError::read(&fields, self.provider.http.dialect(), &Scrubber::default())
    }

    async fn invented_code(&mut self, handle: &ConsentHandle, server: &Server) {
        let mut query = Serializer::new(String::new());
        query.append_pair("code", MADE_UP);
        if let Some(issuer) = server.a_response_issuer() {
            query.append_pair("iss", &issuer);
        }
        let callback = CallbackQuery::new(query.finish());
        let redeemed = self.provider.redeem(handle, Some(&callback)).await;
        self.add(judge(&redeemed));
    }
}

fn judge_page(answer: &ProviderResponse) -> Finding {
    let status = answer.status;
    if status.is_server_error() {
        return Finding::failed(Subject::Authorization, &answer.unavailable(), FLOW);
    }
    let words = format!("HTTP {}", status.as_u16());
    if !status.is_client_error() {
        return page(&words);
    }
    Finding::warning(
        Subject::Authorization,
        format!("the authorization endpoint rejects the request ({words})"),
        "Check client_id, and that the redirect URI above is registered; open the page in a browser to read what it \
         says. Some providers reject only programs.",
    )
}

fn page(words: &str) -> Finding {
    let words = format!("the authorization endpoint answers ({words})");
    Finding::ok(Subject::Authorization, words)
}

/// Servers check the client before the code (RFC 6749 section 3.2.1), so a server that rejects the code has accepted
/// the client. GitHub's error is `bad_verification_code`.
fn judge(redeemed: &Result<Redemption, ProviderError>) -> Finding {
    const EXPECTED: [&str; 2] = ["invalid_grant", "bad_verification_code"];
    match redeemed {
        Err(ProviderError::Refused { code, .. }) if EXPECTED.contains(&code.as_str()) => {
            Finding::ok(
                Subject::Client,
                format!(
                    "the token endpoint accepts this client: it rejects only the invented code ({code})"
                ),
            )
        }
        Err(ProviderError::Refused { code, detail }) if is_about_no_code(code, detail) => {
            let detail = detail.clone();
            Finding::failed(Subject::Client, &ProviderError::nonsense(detail), FLOW)
        }
        Err(error @ ProviderError::Refused { .. }) => Finding::warning(
            Subject::Client,
            format!("an invented code gives something other than invalid_grant: {error}"),
            "This is most likely about the code and not about this client. If links fail with the same error, look \
             it up in the provider's documentation.",
        ),
        Err(error) => Finding::failed(Subject::Client, error, FLOW),
        Ok(_) => Finding::problem(
            Subject::Client,
            "the token endpoint gives tokens for an invented code",
            "Do not use it. This is not an authorization server.",
        ),
    }
}

/// Whether a rejection without an error code concerns something else than the invented code. Twitch rejects a code with
/// 400 and a description.
fn is_about_no_code(code: &str, detail: &str) -> bool {
    code.starts_with("http_") && !detail.starts_with("no error code (HTTP 400): ")
}
