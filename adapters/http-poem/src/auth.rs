//! Authenticates the bearer token of the `Authorization` header (RFC 6750).

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use central_oauth_domain::secret::{AccessKey, WorkloadToken};
use central_oauth_domain::usecases::{
    Caller, Coded, Keys, Refusal, Services, WorkloadAction, WorkloadCall, Workloads,
};
use poem::http::{HeaderMap, header};
use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::address::client_address;
use crate::error::{Code, Problem};
use crate::head::is_head;

/// The bearer token of a request. [`Keys`] decides whether the token is a valid key. If `NEEDED`, a request without a
/// token is rejected.
pub(crate) struct Bearer<const NEEDED: bool> {
    key: Option<AccessKey>,
    pub(crate) address: IpAddr,
    /// Whether the request is a `HEAD`, which must not change anything.
    pub(crate) is_head: bool,
    operation_reached: Option<OperationReached>,
}

/// Whether a request with a workload's JWT has reached an operation that accepts the JWT. That operation records the
/// result.
#[derive(Clone, Default)]
pub(crate) struct OperationReached(Arc<AtomicBool>);

impl OperationReached {
    /// Records that an operation accepts the JWT.
    fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// For operations that require a key.
pub(crate) type NeededBearer = Bearer<true>;
/// For operations where a key is optional.
pub(crate) type OptionalBearer = Bearer<false>;

impl<const NEEDED: bool> Bearer<NEEDED> {
    /// Authenticates the caller. A `HEAD` request does not count as use of the key.
    ///
    /// # Errors
    /// Fails as [`Keys::authenticate`] does. [`Keys::refuse_bearer`] records the failure and may turn it into a 429.
    pub(crate) async fn caller(&self, keys: &Keys) -> Result<Caller, Refusal> {
        self.authenticated(keys, false).await
    }

    /// Authenticates the caller, by key or by the JWT of a workload, and runs `work`.
    ///
    /// # Errors
    /// Fails as [`Bearer::caller`] and [`Workloads::serve`] do.
    pub(crate) async fn serve<T, E, W>(
        &self,
        services: &Services,
        action: WorkloadAction<'_>,
        work: impl FnOnce(Caller) -> W,
    ) -> Result<T, E>
    where
        E: From<Refusal> + Coded,
        W: Future<Output = Result<T, E>>,
    {
        if let Some(token) = self.workload(&services.workloads) {
            let call = self.call(&token);
            return services.workloads.serve(call, action, work).await;
        }
        let for_token = matches!(action, WorkloadAction::Token(_));
        work(self.authenticated(&services.keys, for_token).await?).await
    }

    async fn authenticated(&self, keys: &Keys, for_token: bool) -> Result<Caller, Refusal> {
        let (key, address) = (self.key.as_ref(), self.address);
        let recognised = if self.is_head {
            keys.recognise(key, address).await
        } else if for_token {
            keys.authenticate_for_token(key, address).await
        } else {
            keys.authenticate(key, address).await
        };
        let caller = recognised.map_err(|refusal| keys.refuse_bearer(refusal, address))?;
        keys.count_operator(&caller, address);
        Ok(caller)
    }

    /// Returns the bearer token, if it looks like the JWT of a workload and the service trusts any workload.
    pub(crate) fn workload(&self, workloads: &Workloads) -> Option<WorkloadToken> {
        let text = self.key.as_ref()?.expose();
        let is_one = workloads.are_trusted() && WorkloadToken::is_like(text);
        is_one.then(|| WorkloadToken::new(text))
    }

    /// Returns the workload's call with this JWT, and marks that an operation accepts the JWT. That operation must
    /// record the outcome.
    pub(crate) fn call<'a>(&self, token: &'a WorkloadToken) -> WorkloadCall<'a> {
        if let Some(operation_reached) = &self.operation_reached {
            operation_reached.set();
        }
        WorkloadCall {
            token,
            address: self.address,
            is_head: self.is_head,
        }
    }
}

const SCHEME: &str = "bearer";

impl<'a, const NEEDED: bool> ApiExtractor<'a> for Bearer<NEEDED> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        let scheme = MetaSecurityScheme {
            ty: "http",
            description: Some(
                "An access key, as `POST /v1/link-code` hands it out; the admin key or the enrolment key that the operator \
                 has set; or, where the operation says so, the JWT of a trusted workload.",
            ),
            name: None,
            key_in: None,
            scheme: Some(SCHEME),
            bearer_format: None,
            flows: None,
            openid_connect_url: None,
        };
        registry.create_security_scheme(SCHEME, scheme);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME]
    }

    fn has_security_fallback() -> bool {
        !NEEDED
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        // The bearer token is extracted before the body and the parameters. Only sizes, the host, and repeated or
        // unknown parameters are checked earlier.
        match bearer_of(request.headers())? {
            None if NEEDED => Err(needed().into()),
            key => Ok(Self {
                key,
                address: client_address(request),
                is_head: is_head(request),
                operation_reached: request.data().cloned(),
            }),
        }
    }
}

/// Returns the bearer token. Rejects an invalid header even if no key is required, because the sender meant to
/// authenticate.
pub(crate) fn bearer_of(headers: &HeaderMap) -> Result<Option<AccessKey>, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            let key = value.to_str().ok().and_then(bearer);
            key.map(Some).ok_or_else(malformed)
        }
        (Some(_), Some(_)) => Err(malformed()),
    }
}

/// Parses the header. The key may contain any visible ASCII character, not only those of token68 (RFC 9110 section
/// 11.2), because operators choose their own keys.
fn bearer(value: &str) -> Option<AccessKey> {
    let (scheme, key) = value.trim().split_once(' ')?;
    let key = key.trim_start_matches(' ');
    let is_key = key.bytes().all(|b| b.is_ascii_graphic());
    (scheme.eq_ignore_ascii_case(SCHEME) && is_key).then(|| AccessKey::new(key))
}

fn needed() -> Problem {
    Problem::new(
        Code::Unauthorized,
        "authentication required: send an access key as `Authorization: Bearer KEY`",
    )
}

fn malformed() -> Problem {
    Problem::new(
        Code::Unauthorized,
        "the Authorization header must have the form `Bearer KEY`, once",
    )
}

/// Whether the request has a bearer token, valid or not. This decides the challenge of a 401 (RFC 6750 section 3.1).
pub(crate) fn shows_bearer(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::AUTHORIZATION)
        .iter()
        .filter_map(|value| value.as_bytes().get(..SCHEME.len()))
        .any(|scheme| scheme.eq_ignore_ascii_case(SCHEME.as_bytes()))
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;

    use super::*;

    fn read(values: &[&str]) -> Result<Option<String>, Problem> {
        let values = values.iter().map(|v| HeaderValue::from_str(v).unwrap());
        let headers = values.map(|value| (header::AUTHORIZATION, value)).collect();
        bearer_of(&headers).map(|key| key.map(|key| key.expose().to_owned()))
    }

    #[test]
    fn the_bearer_scheme_is_case_insensitive() {
        for value in ["Bearer coak_1", "bearer coak_1", "BEARER   coak_1 "] {
            let key = read(&[value]).unwrap();
            assert_eq!(key.as_deref(), Some("coak_1"), "{value:?}");
        }
        assert_eq!(read(&[]).unwrap(), None);
    }

    #[test]
    fn anything_else_is_rejected() {
        for values in [
            &["Bearer"][..],
            &["Bearer "],
            &["Basic dXNlcjpwYXNz"],
            &["coak_1"],
            &["Bearer two words"],
            &["Bearer ké"],
            &["Bearer a", "Bearer a"],
            &[""],
        ] {
            assert!(read(values).is_err(), "{values:?}");
        }
    }
}
