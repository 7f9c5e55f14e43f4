//! `GET /callback/{provider}`: a provider sends the browser back (RFC 6749 section 4.1.2).

use std::sync::Arc;

use central_oauth_domain::link::LinkCode;
use central_oauth_domain::secret::CallbackQuery;
use central_oauth_domain::usecases::{Callback, Refusal};
use poem::http::header;
use poem::web::{Data, Path};
use poem::{Request, Response, handler};
use url::form_urlencoded::{self, Serializer};

use super::prefetch::is_prefetch;
use super::refused;
use super::site::Site;
use super::visit::Visit;
use crate::middleware::is_head;

/// Longer than any code of a provider.
const MOST_BYTES: usize = 8192;
/// The parameters that make an answer. All others may differ when a browser repeats it.
const ANSWER: [&str; 3] = ["code", "error", "iss"];

/// Takes what the browser brought, and shows how its link stands. That answer is a redirect, so that reloading repeats
/// nothing and the code leaves the address bar. A prefetch takes nothing: it may be of a link that the person never
/// follows, such as the provider's "Cancel".
#[handler]
pub(super) async fn take(
    request: &Request,
    Path(provider): Path<String>,
    Data(site): Data<&Arc<Site>>,
) -> Response {
    let visit = Visit::of(site, request);
    if is_prefetch(request) {
        return without_cookie(refused::prefetch(&visit));
    }
    match taken(&visit, request, &provider).await {
        Ok(code) => visit.to_link(&code),
        Err(refusal) => {
            let page = refused::answer(&visit, refusal, None);
            // A browser that kept its cookie back this once would lose its link with a new one.
            if visit.is_known() {
                page
            } else {
                without_cookie(page)
            }
        }
    }
}

async fn taken(visit: &Visit<'_>, request: &Request, provider: &str) -> Result<LinkCode, Refusal> {
    let query = request.uri().query().unwrap_or_default();
    if query.len() > MOST_BYTES {
        let why = "the answer of the provider is too long";
        return Err(Refusal::ForeignCallback(why));
    }
    let callback = Callback {
        provider,
        state: &state_of(query),
        answer: answer_of(query)?,
        query: CallbackQuery::new(query),
    };
    let consents = visit.consents();
    if is_head(request) {
        consents.inspect_callback(&callback, &visit.browser).await
    } else {
        consents.take_callback(&callback, &visit.browser).await
    }
}

fn state_of(query: &str) -> String {
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "state")
        .map(|(_, state)| state.into_owned())
        .unwrap_or_default()
}

/// What the provider answers, in one spelling. A query without a code and without an error is no answer, so it uses no
/// link up.
fn answer_of(query: &str) -> Result<CallbackQuery, Refusal> {
    let mut answer = Serializer::new(String::new());
    let mut has_answer = false;
    for wanted in ANSWER {
        let pairs = form_urlencoded::parse(query.as_bytes());
        for (name, value) in pairs.filter(|(name, _)| name == wanted) {
            has_answer |= name != "iss" && !value.is_empty();
            answer.append_pair(&name, &value);
        }
    }
    let none = Refusal::ForeignCallback("the provider sent neither a code nor an error");
    let answer = CallbackQuery::new(answer.finish());
    has_answer.then_some(answer).ok_or(none)
}

fn without_cookie(mut response: Response) -> Response {
    response.headers_mut().remove(header::SET_COOKIE);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(query: &str) -> Option<String> {
        let answer = answer_of(query).ok()?;
        Some(answer.expose().to_owned())
    }

    #[test]
    fn one_answer_has_one_spelling() {
        let plain = answer("code=a%2Fb&state=1&iss=https://op.example");
        assert!(plain.is_some());
        for same in [
            "state=1&iss=https%3A%2F%2Fop.example&code=a/b",
            "code=a%2fb&iss=https://op.example&state=2&session_state=x&scope=openid",
        ] {
            assert_eq!(answer(same), plain, "{same}");
        }
        for other in [
            "code=a%2Fc&state=1&iss=https://op.example",
            "code=a%2Fb&state=1&iss=https://other.example",
            "code=a%2Fb&state=1",
            "code=x&code=a%2Fb&state=1&iss=https://op.example",
            "code=a%2Fb&error=access_denied&state=1&iss=https://op.example",
        ] {
            assert_ne!(answer(other), plain, "{other}");
        }
    }

    #[test]
    fn a_query_without_code_and_error_is_no_answer() {
        for query in [
            "",
            "state=1",
            "state=1&iss=https://op.example",
            "code=&state=1",
        ] {
            assert_eq!(answer(query), None, "{query:?}");
        }
        assert!(answer("error=access_denied&state=1").is_some());
    }
}
