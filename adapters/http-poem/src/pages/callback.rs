//! `GET /callback/{provider}`: the provider sends the browser back (RFC 6749 section 4.1.2).

use std::borrow::Cow;
use std::sync::Arc;

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
use crate::head::is_head;

/// Maximum size of the query in bytes. No authorization code is longer.
const MAX_BYTES: usize = 8192;
/// The parameters that identify the provider's response. Other parameters may differ when a browser repeats the
/// callback.
const ANSWER: [&str; 3] = ["code", "error", "iss"];

/// Takes the provider's response and redirects to the link's page. A reload then repeats nothing, and the authorization
/// code is no longer in the address bar.
///
/// A prefetch changes nothing, because the person may never follow the prefetched link, such as the provider's
/// "Cancel". A temporary error changes nothing either: the person can try again at the provider.
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
        Ok(page) => page,
        Err(refusal) => {
            let page = refused::answer(&visit, refusal, None);
            // Sets no new cookie, because a browser that omitted its cookie only this once would lose its link.
            if visit.is_known {
                page
            } else {
                without_cookie(page)
            }
        }
    }
}

/// `POST /callback/{provider}`: the provider sent its response as a form (OAuth 2.0 Form Post Response Mode). Browsers
/// send no `SameSite=Lax` cookie with such a form, so the response cannot be matched to a link.
#[handler]
pub(super) fn refuse_form(
    request: &Request,
    Path(provider): Path<String>,
    Data(site): Data<&Arc<Site>>,
) -> Response {
    refused::posted(&Visit::of(site, request), &provider)
}

async fn taken(visit: &Visit<'_>, request: &Request, provider: &str) -> Result<Response, Refusal> {
    let query = request.uri().query().unwrap_or_default();
    if query.len() > MAX_BYTES {
        let why = "the provider's answer is too long";
        return Err(Refusal::ForeignCallback(why));
    }
    let callback = Callback {
        provider,
        state: &parameter(query, "state")?.unwrap_or_default(),
        answer: answer_of(query)?,
        query: CallbackQuery::new(query),
    };
    let consents = visit.consents();
    if let Some(error) = consents.passing_error(&callback) {
        let code = consents.inspect_callback(&callback, &visit.browser).await?;
        tracing::info!(
            provider,
            error,
            "the provider sent the person back with a temporary error, which does not change the link"
        );
        return Ok(visit.to_link_again(&code));
    }
    let code = match is_head(request) {
        true => consents.inspect_callback(&callback, &visit.browser).await?,
        false => consents.take_callback(&callback, &visit.browser).await?,
    };
    Ok(visit.to_link(&code))
}

/// Returns a parameter of the query. RFC 6749 section 3.1 forbids repeated parameters. With two different values, an
/// attacker could make the service and the provider read different ones. A parameter without a value counts as missing.
fn parameter<'a>(query: &'a str, name: &str) -> Result<Option<Cow<'a, str>>, Refusal> {
    let pairs = form_urlencoded::parse(query.as_bytes());
    let mut values = pairs
        .filter(|(found, _)| found == name)
        .map(|(_, value)| value);
    let first = values.next();
    if values.any(|other| first.as_ref() != Some(&other)) {
        let why = "the provider's answer has a parameter twice, with different values";
        return Err(Refusal::ForeignCallback(why));
    }
    Ok(first.filter(|value| !value.trim().is_empty()))
}

/// Returns the provider's response in a canonical form. Rejects a query with neither a code nor an error, which does
/// not use up the link.
fn answer_of(query: &str) -> Result<CallbackQuery, Refusal> {
    let mut answer = Serializer::new(String::new());
    let mut has_answer = false;
    for name in ANSWER {
        if let Some(value) = parameter(query, name)? {
            has_answer |= name != "iss";
            answer.append_pair(name, &value);
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
    fn equal_answers_have_one_form() {
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
    fn a_parameter_with_two_values_is_rejected() {
        for query in [
            "code=a&code=b&state=1",
            "code=a&code=&state=1",
            "code=a&error=x&error=y",
            "code=a&iss=https://op.example&iss=https://other.example",
        ] {
            assert_eq!(answer(query), None, "{query}");
        }
        assert!(parameter("state=1&code=a&state=2", "state").is_err());
        assert_eq!(answer("code=a&code=a&error="), answer("code=a"));
    }

    #[test]
    fn a_query_without_code_and_error_is_ignored() {
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
