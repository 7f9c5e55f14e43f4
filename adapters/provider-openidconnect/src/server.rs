//! The endpoints of a provider. The operator's settings override discovery.

use central_oauth_domain::grant::TokenOrigin;
use central_oauth_domain::ports::ProviderError;
use url::Url;

use crate::client_auth::{ClientAuth, ClientAuthMethod};
use crate::discovery::Metadata;
use crate::settings::{Flow, ProviderSettings};
use crate::tenant::{TENANT_ID, is_guid, tenant_of};

/// The endpoints of a provider, and what is known about them.
pub(crate) struct Server {
    pub(crate) auth: ClientAuth,
    pub(crate) revocation_auth: ClientAuth,
    /// The userinfo endpoint (OpenID Connect Core section 5.3).
    pub(crate) userinfo: Option<Url>,
    /// How ID tokens are verified; `None` if they cannot be.
    pub(crate) issuer: Option<Issuer>,
    /// Whether the server announces that authorization responses name the issuer (RFC 9207 section 3).
    pub(crate) names_issuer_in_responses: bool,
    /// The issuer of the token endpoint's tokens; `None` if the operator configured that endpoint.
    token_issuer: Option<String>,
    client_id: String,
    response_issuer: Option<String>,
    authorization: Option<Url>,
    /// Whether the discovered authorization endpoint accepts only pushed requests (RFC 9126).
    requires_pushed_requests: bool,
    device_authorization: Option<Url>,
    token: Option<Url>,
    revocation: Result<Option<Url>, ProviderError>,
    /// Why a discovered endpoint was rejected, if only links need this endpoint: refreshes must continue without it.
    unfit: Option<ProviderError>,
}

/// An issuer of ID tokens.
pub(crate) struct Issuer {
    /// The issuer, exactly as in its metadata.
    pub(crate) name: String,
    /// Another name of the issuer in ID tokens.
    pub(crate) alias: Option<String>,
    pub(crate) jwks_uri: Url,
    pub(crate) algorithms: Vec<String>,
}

impl Issuer {
    /// Whether the issuer serves many tenants, whose ID tokens name their own issuer.
    pub(crate) fn is_template(&self) -> bool {
        self.name.contains(TENANT_ID)
    }
}

/// A GUID of no tenant.
const NO_TENANT: &str = "00000000-0000-0000-0000-000000000000";

impl Server {
    /// Returns a server that the operator configured completely.
    pub(crate) fn described(settings: &ProviderSettings) -> Self {
        let chosen = settings.token_endpoint_auth_method;
        let auth = ClientAuth::chosen_or(chosen, ClientAuthMethod::Basic);
        let response_issuer = &settings.quirks.authorization.response_issuer;
        Self {
            auth,
            revocation_auth: auth,
            userinfo: settings.userinfo_endpoint.clone(),
            issuer: None,
            names_issuer_in_responses: false,
            token_issuer: None,
            client_id: settings.client_id.clone(),
            response_issuer: response_issuer.clone(),
            authorization: settings.authorization_endpoint.clone(),
            requires_pushed_requests: false,
            device_authorization: settings.device_authorization_endpoint.clone(),
            token: settings.token_endpoint.clone(),
            revocation: Ok(settings.revocation_endpoint.clone()),
            unfit: None,
        }
    }

    /// Returns a server from discovered metadata. Configured endpoints replace discovered ones, and may be private.
    pub(crate) fn discovered(
        settings: &ProviderSettings,
        metadata: &Metadata,
    ) -> Result<Self, ProviderError> {
        let pick = |given: &Option<Url>, name: &str| match given {
            Some(url) => Ok(Some(url.clone())),
            None => metadata.endpoint(name),
        };
        let mut unfit = None;
        let other_flow = match settings.flow {
            Flow::Device => "authorization_endpoint",
            Flow::AuthorizationCode => "device_authorization_endpoint",
        };
        let mut for_links = |given: &Option<Url>, name: &str| {
            let picked = pick(given, name);
            picked.unwrap_or_else(|fault| {
                if name != other_flow {
                    unfit.get_or_insert(fault);
                }
                None
            })
        };
        let auth = |supported: Option<&[String]>| {
            let chosen = settings.token_endpoint_auth_method;
            ClientAuth::chosen_or(chosen, ClientAuthMethod::best_of(supported))
        };
        let methods = metadata.auth_methods.as_deref();
        let jwks_uri = for_links(&None, "jwks_uri");
        let userinfo = for_links(&settings.userinfo_endpoint, "userinfo_endpoint");
        let authorization = for_links(&settings.authorization_endpoint, "authorization_endpoint");
        let device_authorization = for_links(
            &settings.device_authorization_endpoint,
            "device_authorization_endpoint",
        );
        Ok(Self {
            auth: auth(methods),
            // If the metadata lists no methods, RFC 8414 section 2 says Basic, but servers mean the methods of the
            // token endpoint.
            revocation_auth: auth(metadata.revocation_auth_methods.as_deref().or(methods)),
            userinfo,
            issuer: jwks_uri.map(|jwks_uri| Issuer {
                name: metadata.issuer.clone(),
                alias: settings.quirks.identity.issuer_alias.clone(),
                jwks_uri,
                algorithms: metadata.id_token_algorithms.clone(),
            }),
            names_issuer_in_responses: metadata.names_issuer_in_responses,
            client_id: settings.client_id.clone(),
            token_issuer: settings
                .token_endpoint
                .is_none()
                .then(|| metadata.issuer.clone()),
            response_issuer: Some(metadata.issuer.clone()),
            authorization,
            requires_pushed_requests: metadata.requires_pushed_requests
                && settings.authorization_endpoint.is_none(),
            device_authorization,
            token: pick(&settings.token_endpoint, "token_endpoint")?,
            // An endpoint that is rejected is reported when it is used.
            revocation: pick(&settings.revocation_endpoint, "revocation_endpoint"),
            unfit,
        })
    }

    /// Fails if a discovered endpoint that links need was rejected.
    pub(crate) fn check_for_links(&self) -> Result<(), ProviderError> {
        self.unfit.clone().map_or(Ok(()), Err)
    }

    /// Fails if links cannot start: as [`check_for_links`](Self::check_for_links), or because the server lacks the
    /// endpoint of this flow.
    pub(crate) fn check_for_consent(&self, flow: Flow) -> Result<(), ProviderError> {
        self.check_for_links()?;
        let endpoint = match flow {
            Flow::Device => self.device_authorization(),
            Flow::AuthorizationCode => self.authorization(),
        };
        endpoint.map(|_| ())
    }

    /// Returns the authorization endpoint (RFC 6749 section 3.1). Fails if it accepts only pushed requests, because the
    /// person would see an error, and the link would never complete.
    pub(crate) fn authorization(&self) -> Result<&Url, ProviderError> {
        if self.requires_pushed_requests {
            return Err(ProviderError::misconfigured(
                "pushed_requests_required",
                "the server requires pushed authorization requests (RFC 9126), which this service does not send",
            ));
        }
        required(&self.authorization, "authorization_endpoint")
    }

    /// Whether an authorization response may name this issuer. The issuer must be equal (RFC 9207 section 2.4), except
    /// for its tenant.
    pub(crate) fn may_be_named(&self, name: &str) -> bool {
        match self.response_issuer.as_deref() {
            Some(many) if many.contains(TENANT_ID) => tenant_of(many, name).is_some_and(is_guid),
            known => known.is_none_or(|known| known == name),
        }
    }

    /// Returns an issuer that responses may name. If the issuer's name has a placeholder for the tenant, an invented
    /// tenant replaces it.
    pub(crate) fn a_response_issuer(&self) -> Option<String> {
        let known = self.response_issuer.as_ref();
        known.map(|known| known.replace(TENANT_ID, NO_TENANT))
    }

    /// Returns the device authorization endpoint (RFC 8628 section 3.1).
    pub(crate) fn device_authorization(&self) -> Result<&Url, ProviderError> {
        required(&self.device_authorization, "device_authorization_endpoint")
    }

    /// Returns the token endpoint (RFC 6749 section 3.2).
    pub(crate) fn token(&self) -> Result<&Url, ProviderError> {
        required(&self.token, "token_endpoint")
    }

    /// Returns the origin of the tokens that the token endpoint issues.
    pub(crate) fn token_origin(&self) -> Result<TokenOrigin, ProviderError> {
        Ok(TokenOrigin {
            issuer: self.token_issuer.clone(),
            token_endpoint: self.token()?.to_string(),
            client_id: self.client_id.clone(),
        })
    }

    /// Returns the revocation endpoint (RFC 7009 section 2), if the server has one.
    pub(crate) fn revocation(&self) -> Result<Option<&Url>, ProviderError> {
        match &self.revocation {
            Ok(endpoint) => Ok(endpoint.as_ref()),
            Err(fault) => Err(fault.clone()),
        }
    }
}

fn required<'a>(endpoint: &'a Option<Url>, name: &str) -> Result<&'a Url, ProviderError> {
    endpoint.as_ref().ok_or_else(|| {
        let detail =
            format!("the issuer's metadata has no {name}; configure it if the server has one");
        ProviderError::misconfigured("no_endpoint", detail)
    })
}
