//! Discovery of an issuer's metadata (OpenID Connect Discovery 1.0, RFC 8414).

use central_oauth_domain::ports::ProviderError;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, LOCATION};
use url::Url;

use crate::address;
use crate::deadline::Deadline;
use crate::http::{Fields, Http, ProviderResponse, Request};
use crate::scrub::Scrubber;
use crate::tenant::{TENANT_ID, is_guid, tenant_of};

/// Maximum number of redirects from a location to the metadata.
const MAX_REDIRECTS: usize = 3;

/// The used parts of an issuer's metadata. Only `issuer` is required: some servers omit the device endpoint, and
/// OAuth-only servers have neither keys nor userinfo.
pub(crate) struct Metadata {
    /// The issuer exactly as written in the metadata; ID tokens contain the same string.
    pub(crate) issuer: String,
    pub(crate) auth_methods: Option<Vec<String>>,
    /// Client authentication methods of the revocation endpoint, if stated.
    pub(crate) revocation_auth_methods: Option<Vec<String>>,
    pub(crate) id_token_algorithms: Vec<String>,
    /// `authorization_response_iss_parameter_supported` (RFC 9207 section 3).
    pub(crate) names_issuer_in_responses: bool,
    /// `require_pushed_authorization_requests` (RFC 9126 section 5).
    pub(crate) requires_pushed_requests: bool,
    /// Where the metadata was found.
    pub(crate) location: Url,
    /// `scopes_supported` (RFC 8414 section 2), which may be incomplete.
    pub(crate) scopes: Option<Vec<String>>,
    is_issuer_private: bool,
    fields: Fields,
}

impl Metadata {
    /// Tries the URL of OpenID Connect Discovery first, then those of RFC 8414. A 500 does not end the search, because
    /// some servers send it for unknown paths. Any other temporary failure ends the search, because the metadata at
    /// another URL may be less complete: Okta's RFC 8414 metadata has no userinfo endpoint.
    pub(crate) async fn discover(
        http: &Http,
        issuer: &Url,
        template: Option<&str>,
        deadline: Deadline,
    ) -> Result<Self, ProviderError> {
        let mut refusal = None;
        for location in locations(issuer) {
            let answer = http.send(Request::get(&location), deadline).await?;
            let (found_at, answer) = match follow(http, location.clone(), answer, deadline).await {
                Ok(found) => found,
                Err(error) => {
                    refusal.get_or_insert(error);
                    continue;
                }
            };
            let status = answer.status;
            match answer.success().map_err(ProviderError::from) {
                Ok(fields) => {
                    let is_private = http.is_issuer_private();
                    return Self::read(found_at, issuer, template, is_private, fields);
                }
                Err(error @ ProviderError::Unavailable { .. }) => {
                    if status != StatusCode::INTERNAL_SERVER_ERROR {
                        return Err(error);
                    }
                    // The metadata may be back soon, so this error takes precedence over those of the other URLs.
                    refusal = Some(error);
                }
                Err(_) if status.is_client_error() => {
                    refusal.get_or_insert(no_metadata(&location, status.as_u16()));
                }
                // The body is not metadata, for example an HTML page with status 200 for an unknown path.
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        Err(refusal.unwrap_or_else(|| no_metadata(issuer, 404)))
    }

    fn read(
        location: Url,
        configured_issuer: &Url,
        template: Option<&str>,
        is_issuer_private: bool,
        fields: Fields,
    ) -> Result<Self, ProviderError> {
        let Some(issuer) = fields.text("issuer").map(str::to_owned) else {
            return Err(ProviderError::nonsense("the metadata names no issuer"));
        };
        let is_tenant = template.is_some_and(|it| is_one_of(it, configured_issuer, &issuer));
        if !is_tenant && !is_same(configured_issuer, &issuer) {
            let detail = format!("the metadata of {configured_issuer} names another issuer");
            return Err(ProviderError::misconfigured("issuer_mismatch", detail));
        }
        let says = |name: &str| fields.get(name).is_some_and(|flag| flag == true);
        Ok(Self {
            issuer,
            auth_methods: fields.words("token_endpoint_auth_methods_supported"),
            revocation_auth_methods: fields.words("revocation_endpoint_auth_methods_supported"),
            id_token_algorithms: fields
                .words("id_token_signing_alg_values_supported")
                .unwrap_or_default(),
            names_issuer_in_responses: says("authorization_response_iss_parameter_supported"),
            requires_pushed_requests: says("require_pushed_authorization_requests"),
            scopes: fields.words("scopes_supported"),
            location,
            is_issuer_private,
            fields,
        })
    }

    /// Returns the endpoint of this name, if the metadata has one. Fails if its URL may not receive secrets.
    pub(crate) fn endpoint(&self, name: &str) -> Result<Option<Url>, ProviderError> {
        let Some(text) = self.fields.text(name) else {
            return Ok(None);
        };
        let fault = |words: String| {
            let detail = format!("the discovered {name} {words}");
            ProviderError::misconfigured("endpoint_refused", detail)
        };
        let url = Url::parse(text).map_err(|_| fault("is not an address".to_owned()))?;
        match address::check_discovered(self.is_issuer_private, &url) {
            Ok(()) => Ok(Some(url)),
            Err(reason) => Err(fault(reason.to_string())),
        }
    }
}

/// Returns the URLs to try. OpenID Connect Discovery section 4.1 appends the well-known path to the issuer's path, and
/// RFC 8414 section 3.1 inserts it before that path. Some servers mix the two up, so each well-known path is tried at
/// both places. The trailing slash of the issuer is omitted.
fn locations(issuer: &Url) -> Vec<Url> {
    let path = issuer.path().trim_end_matches('/');
    let (oidc, oauth) = (
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
    );
    let mut paths = vec![
        format!("{path}{oidc}"),
        format!("{oauth}{path}"),
        format!("{oidc}{path}"),
        format!("{path}{oauth}"),
    ];
    if path.is_empty() {
        paths.truncate(2);
    }
    let at = |path: String| {
        let mut url = issuer.clone();
        url.set_path(&path);
        url
    };
    paths.into_iter().map(at).collect()
}

/// Follows redirects to the metadata (dani-garcia/vaultwarden#6536, BookStackApp/BookStack#4451). This is safe, because
/// the request has no secret and the metadata must name the configured issuer, wherever the metadata is. No other
/// request follows redirects.
async fn follow(
    http: &Http,
    mut location: Url,
    mut answer: ProviderResponse,
    deadline: Deadline,
) -> Result<(Url, ProviderResponse), ProviderError> {
    let mut redirects = 0;
    while answer.status.is_redirection() {
        location = target(http.is_issuer_private(), &location, &answer.headers)?;
        if redirects == MAX_REDIRECTS {
            let host = host(&location);
            let words = format!("more than {MAX_REDIRECTS} times, the last time to {host}");
            return Err(redirected(&words));
        }
        redirects += 1;
        answer = http.send(Request::get(&location), deadline).await?;
    }
    Ok((location, answer))
}

/// Returns the target of a redirect (RFC 9110 section 10.2.2). Fails if the target would be rejected as a discovered
/// endpoint.
fn target(
    is_issuer_private: bool,
    location: &Url,
    headers: &HeaderMap,
) -> Result<Url, ProviderError> {
    let header = headers.get(LOCATION).and_then(|value| value.to_str().ok());
    let target = header.and_then(|text| location.join(text).ok());
    let Some(mut target) = target.filter(Url::has_host) else {
        let words = format!("by {} without a usable Location", host(location));
        return Err(redirected(&words));
    };
    target.set_fragment(None);
    match address::check_discovered(is_issuer_private, &target) {
        Ok(()) => Ok(target),
        Err(fault) => {
            let words = format!("to {}, which {fault}", host(&target));
            Err(redirected(&words))
        }
    }
}

fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}

fn redirected(words: &str) -> ProviderError {
    let detail = format!(
        "the metadata is redirected {words}; set the issuer or the endpoints to the final address"
    );
    ProviderError::misconfigured("metadata_redirected", Scrubber::default().text(&detail))
}

/// Whether the metadata names the configured issuer (OpenID Connect Discovery section 4.3). A trailing slash may
/// differ, because operators omit it. In ID tokens the slash matters.
fn is_same(configured: &Url, named: &str) -> bool {
    let bare = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
    Url::parse(named).is_ok_and(|named| bare(&named) == bare(configured))
}

/// Whether Microsoft's metadata may be that of the configured issuer although it names another issuer (against OpenID
/// Connect Discovery section 4.3). If the configured tenant is a word or a domain, the metadata has the tenant's GUID,
/// or `{tenantid}` for many tenants. If the configured tenant is a GUID, [`is_same`] must hold.
fn is_one_of(template: &str, configured: &Url, named: &str) -> bool {
    let configured = tenant_of(template, configured.as_str());
    match (configured, tenant_of(template, named)) {
        (Some(asked), Some(answer)) => !is_guid(asked) && (answer == TENANT_ID || is_guid(answer)),
        _ => false,
    }
}

fn no_metadata(location: &Url, status: u16) -> ProviderError {
    let detail = format!("no metadata of the issuer at {location} (HTTP {status})");
    ProviderError::misconfigured("no_metadata", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_a_slash_at_the_end_are_kept_apart() {
        let at = |issuer: &str| {
            let issuer = Url::parse(issuer).expect("an address");
            let locations = locations(&issuer).into_iter();
            locations
                .map(|url| url.path().to_owned())
                .collect::<Vec<_>>()
        };
        let root = [
            "/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server",
        ];
        assert_eq!(at("https://id.example.com"), root);
        assert_eq!(at("https://id.example.com/"), root);
        let realm = [
            "/realms/work/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server/realms/work",
            "/.well-known/openid-configuration/realms/work",
            "/realms/work/.well-known/oauth-authorization-server",
        ];
        assert_eq!(at("https://id.example.com/realms/work"), realm);
        assert_eq!(at("https://id.example.com/realms/work/"), realm);
    }

    #[test]
    fn redirects_lead_only_where_endpoints_may_be() {
        let issuer = Url::parse("https://id.example.com/a").expect("an address");
        let lead_from = |is_private: bool, text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(LOCATION, text.parse().expect("a header"));
            target(is_private, &issuer, &headers).map(String::from)
        };
        let lead = |text: &str| lead_from(false, text);
        for (text, expected) in [
            ("/b#top", "https://id.example.com/b"),
            ("//login.example.com/a", "https://login.example.com/a"),
            ("https://login.example.com", "https://login.example.com/"),
        ] {
            assert_eq!(lead(text).as_deref(), Ok(expected));
        }
        for (text, host) in [
            ("http://login.example.com/a", "login.example.com"),
            ("https://me:pw@login.example.com/a", "login.example.com"),
            ("https://10.0.0.1/a", "10.0.0.1"),
            ("https://localhost/a", "localhost"),
            ("http://127.0.0.1/a", "127.0.0.1"),
            ("mailto:ada@example.com", "id.example.com"),
            ("https://[", "id.example.com"),
        ] {
            let error = lead(text).expect_err(text).to_string();
            assert!(error.contains(host) && !error.contains("pw"), "{error}");
            assert!(error.contains("set the issuer"), "{error}");
        }
        assert!(lead_from(true, "https://10.0.0.1/a").is_ok());
        assert!(lead_from(true, "http://10.0.0.1/a").is_err());
        assert!(target(false, &issuer, &HeaderMap::new()).is_err());
    }

    #[test]
    fn tenants_have_names_and_ids() {
        let guid = "9188040d-6c67-4c5b-b112-36a304b66dad";
        let other = "00000000-0000-0000-0000-000000000000";
        let at = |tenant: &str| format!("https://login.example.com/{tenant}/v2.0");
        let is_one = |asked: &str, answer: &str| {
            let asked = Url::parse(&at(asked)).expect("an address");
            is_one_of(&at(TENANT_ID), &asked, &at(answer))
        };
        assert!(is_one("common", TENANT_ID));
        assert!(is_one("consumers", guid));
        assert!(is_one("contoso.example", guid));
        assert!(!is_one(guid, TENANT_ID));
        assert!(!is_one(guid, other));
        assert!(!is_one("common", "a/b"));
        assert!(!is_one("common", "common/v2.0/x"));
    }

    #[test]
    fn only_a_slash_at_the_end_makes_no_difference() {
        let same = |configured: &str, named: &str| {
            is_same(&Url::parse(configured).expect("an address"), named)
        };
        assert!(same("https://id.example.com", "https://id.example.com/"));
        assert!(same(
            "https://id.example.com/a/",
            "https://id.example.com/a"
        ));
        assert!(!same(
            "https://id.example.com/a",
            "https://id.example.com/b"
        ));
        assert!(!same("https://id.example.com", "http://id.example.com"));
        assert!(!same(
            "https://id.example.com",
            "https://id.example.com.evil"
        ));
        assert!(!same("https://id.example.com", "id.example.com"));
    }
}
