//! The userinfo endpoint (OpenID Connect Core section 5.3), or its replacement at a plain OAuth 2.0 server.

use central_oauth_domain::ports::ProviderError;
use central_oauth_domain::secret::AccessToken;
use reqwest::StatusCode;
use url::Url;

use super::Person;
use crate::http::{Fields, ProviderResponse, Request, is_used_up, paused};
use crate::quirks::IdentityQuirks;

/// Members that may contain the person's name, best first. `login` is GitHub's.
const NAMES: [&str; 6] = [
    "name",
    "preferred_username",
    "login",
    "display_name",
    "nickname",
    "email",
];

/// Builds the userinfo request for the owner of an access token.
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

/// Parses the userinfo response.
pub(crate) fn read(
    answer: ProviderResponse,
    quirks: &IdentityQuirks,
) -> Result<Person, ProviderError> {
    let pause = answer.retry_after;
    person_of(answer, quirks).map_err(|error| paused(error, pause))
}

fn person_of(answer: ProviderResponse, quirks: &IdentityQuirks) -> Result<Person, ProviderError> {
    match answer.sound_fields() {
        // A successful response with the id that the profile names is no error, whatever its member `error` says:
        // TikTok sends `{"code": "ok"}` there.
        Some(fields) if answer.status.is_success() && has_id(fields, quirks) => {
            person(fields, quirks)
        }
        _ => person(&accepted(answer)?, quirks),
    }
}

fn has_id(fields: &Fields, quirks: &IdentityQuirks) -> bool {
    !quirks.id.is_empty() && id(fields, quirks).is_some()
}

/// Returns the members of a success. A 401 or 403 rejects the access token for good (RFC 6750 section 3.1), unless it
/// reports a rate limit by `Retry-After` or by the number of remaining requests (GitHub, "Rate limits for the REST
/// API"). A page with a 403 comes from a firewall, not from the API.
fn accepted(answer: ProviderResponse) -> Result<Fields, ProviderError> {
    let is_no = matches!(
        answer.status,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
    );
    let is_limit = is_used_up(&answer.headers, "x-ratelimit-remaining");
    let is_firewall =
        answer.is_challenge() || answer.status == StatusCode::FORBIDDEN && answer.is_page();
    if is_no && (is_limit || is_firewall || answer.retry_after.is_some()) {
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

fn refused(answer: &ProviderResponse) -> ProviderError {
    let status = answer.status.as_u16();
    let invalid = ProviderError::INVALID_TOKEN.to_owned();
    let (code, detail) = match answer.oauth_error() {
        // A 401 is about the access token, whatever its code says: Google sends `invalid_request`.
        Some(error) if answer.status != StatusCode::UNAUTHORIZED => (error.code, error.detail),
        Some(error) => (invalid, error.text()),
        None => (invalid, format!("HTTP {status}")),
    };
    let detail = format!("userinfo rejects the access token: {detail}");
    ProviderError::refused(code, detail)
}

fn person(fields: &Fields, quirks: &IdentityQuirks) -> Result<Person, ProviderError> {
    let id = id(fields, quirks).ok_or_else(|| {
        ProviderError::nonsense(format!("a userinfo response without {}", names_of(quirks)))
    })?;
    let mut names = quirks.name.iter();
    let name = names.find_map(|pointer| fields.text_at(pointer));
    Person::new(id, name.or_else(|| fields.first_shown(&NAMES)))
}

/// Returns the person's id: the values at all pointers of the profile, or else `sub` or `id`. If one of the values is
/// missing, there is no id, because half an id may be another person's.
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
