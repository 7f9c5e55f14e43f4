//! The userinfo endpoint (OpenID Connect Core section 5.3), or its replacement at a plain OAuth 2.0 server.

use central_oauth_domain::ports::ProviderError;
use central_oauth_domain::secret::AccessToken;
use reqwest::StatusCode;
use url::Url;

use super::Person;
use crate::http::{Answer, Fields, Request, is_used_up, paused};
use crate::quirks::IdentityQuirks;

/// Members for the name, best first. `login` is GitHub's.
const NAMES: [&str; 6] = [
    "name",
    "preferred_username",
    "login",
    "display_name",
    "nickname",
    "email",
];

/// Returns the request for the owner of a token.
pub(crate) fn request(
    url: &Url,
    token: &AccessToken,
    quirks: &IdentityQuirks,
) -> Result<Request, ProviderError> {
    let mut request = if quirks.post {
        Request::post(url)
    } else {
        Request::get(url)
    };
    for (name, value) in &quirks.headers {
        request.header(name, value);
    }
    let scheme = quirks.scheme.as_deref().unwrap_or("Bearer");
    request.authorize(scheme, token.expose())?;
    Ok(request)
}

/// Reads the owner of a token.
pub(crate) fn read(answer: Answer, quirks: &IdentityQuirks) -> Result<Person, ProviderError> {
    let pause = answer.retry_after();
    person_of(answer, quirks).map_err(|error| paused(error, pause))
}

fn person_of(answer: Answer, quirks: &IdentityQuirks) -> Result<Person, ProviderError> {
    match answer.sound_fields() {
        // If the response contains the profile's id, it is a success whatever its `error` says: TikTok sends `{"code":
        // "ok"}` there.
        Some(fields) if answer.status().is_success() && has_id(fields, quirks) => {
            person(fields, quirks)
        }
        _ => person(&accepted(answer)?, quirks),
    }
}

fn has_id(fields: &Fields, quirks: &IdentityQuirks) -> bool {
    !quirks.id.is_empty() && id(fields, quirks).is_some()
}

/// A token that is rejected here stays rejected (RFC 6750 section 3.1). Exception: a server that reports a rate limit
/// with 403, by `Retry-After` or its count of remaining requests (GitHub, "Rate limits for the REST API").
fn accepted(answer: Answer) -> Result<Fields, ProviderError> {
    let is_no = matches!(
        answer.status(),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
    );
    let is_limit = is_used_up(answer.headers(), "x-ratelimit-remaining");
    if is_no && (is_limit || answer.retry_after().is_some()) {
        return Err(answer.unavailable());
    }
    if is_no {
        return Err(refused(&answer));
    }
    if answer.is_jwt() {
        return Err(ProviderError::misconfigured(
            "signed_userinfo",
            "userinfo is a JWT: configure the client for plain JSON at the provider",
        ));
    }
    Ok(answer.success()?)
}

fn refused(answer: &Answer) -> ProviderError {
    let status = answer.status().as_u16();
    let invalid = ProviderError::INVALID_TOKEN.to_owned();
    let (code, detail) = match answer.oauth_error() {
        // A 401 is about the token, whatever its code says: Google sends `invalid_request`.
        Some(error) if answer.status() != StatusCode::UNAUTHORIZED => (error.code, error.detail),
        Some(error) => (invalid, error.text()),
        None => (invalid, format!("HTTP {status}")),
    };
    ProviderError::Refused {
        code,
        detail: format!("userinfo rejects the access token: {detail}"),
    }
}

fn person(fields: &Fields, quirks: &IdentityQuirks) -> Result<Person, ProviderError> {
    let id = id(fields, quirks).ok_or_else(|| ProviderError::Nonsense {
        detail: format!("a userinfo response without {}", names_of(quirks)),
    })?;
    let mut names = quirks.name.iter();
    let name = names.find_map(|pointer| fields.text_at(pointer));
    Person::new(id, name.or_else(|| fields.first_shown(&NAMES)))
}

/// Returns all pointers of the profile, because half an id may be another person's; otherwise the usual members.
fn id(fields: &Fields, quirks: &IdentityQuirks) -> Option<String> {
    if quirks.id.is_empty() {
        let usual = || fields.identifier("id");
        return fields.identifier("sub").or_else(usual);
    }
    let parts = quirks.id.iter();
    let parts = parts.map(|pointer| fields.identifier_at(pointer));
    Some(parts.collect::<Option<Vec<_>>>()?.join(":"))
}

fn names_of(quirks: &IdentityQuirks) -> String {
    match quirks.id.as_slice() {
        [] => "sub or id".to_owned(),
        pointers => pointers.join(" and "),
    }
}
