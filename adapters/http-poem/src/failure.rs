//! Documents the problem responses of each operation in the OpenAPI document.
//!
//! Each file of `api` lists the problems of its operations as [`DocumentedProblem`]s. Examples are built like real
//! responses, so the document shows the code, the status and the text that clients get.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::time::Duration;

use central_oauth_domain::Fault;
use central_oauth_domain::ports::ProviderError;
use central_oauth_domain::usecases::{Refusal, refusals};
use central_oauth_domain::workload::{Rule, WorkloadRefusal};
use poem::http::StatusCode;
use poem_openapi::ApiResponse;
use poem_openapi::registry::{
    MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::{ToJSON as _, Type as _};
use serde_json::{Map, Value, json};

use crate::body::{body_too_large, not_json};
use crate::dto::ProblemDetails;
use crate::error::{PROBLEM_JSON, Problem};

/// The error of an operation, documented by `D`.
pub(crate) struct Failure<D> {
    problem: Problem,
    documented_by: PhantomData<fn() -> D>,
}

/// The problem responses of an operation. Implemented next to the operation.
pub(crate) trait Documented {
    /// Whether the operation takes a key.
    const KEY: KeyUse = KeyUse::Needed;
    /// The operation's problem responses, besides those of every operation and those of a key.
    const PROBLEMS: &'static [DocumentedProblem];
}

/// Documents the problem responses of an operation. Each problem is written as an argument of `problem!`. The operation
/// needs a key, unless another [`KeyUse`] is given.
macro_rules! documented {
    ($operation:ident, [$($problems:tt)*]) => {
        documented!($operation, Needed, [$($problems)*]);
    };
    ($operation:ident, $key:ident, [$($problem:tt $(=> $example:expr)?),* $(,)?]) => {
        struct $operation;

        impl $crate::failure::Documented for $operation {
            const KEY: $crate::failure::KeyUse = $crate::failure::KeyUse::$key;
            const PROBLEMS: &'static [$crate::failure::DocumentedProblem] =
                &[$($crate::failure::problem!($problem $(=> $example)?)),*];
        }
    };
}

/// Returns a [`DocumentedProblem`]: a named one, or a new one from a description and an example.
macro_rules! problem {
    ($named:ident) => {
        $named
    };
    ($when:literal => $example:expr) => {
        $crate::failure::DocumentedProblem($when, || $example.into())
    };
}

pub(crate) use {documented, problem};

/// Whether an operation takes a key. If so, the operation also has the problem responses of a key.
pub(crate) enum KeyUse {
    Needed,
    Optional,
    None,
}

impl KeyUse {
    /// The problem responses that come before those of the operation.
    const fn first(&self) -> &'static [DocumentedProblem] {
        match self {
            Self::Needed => &[UNAUTHORIZED, LINK_PENDING],
            Self::Optional | Self::None => &[],
        }
    }

    /// The problem responses that come after those of the operation.
    const fn last(&self) -> &'static [DocumentedProblem] {
        match self {
            Self::Needed | Self::Optional => {
                &[TOO_MANY_UNKNOWN_KEYS, KEY_USED_TOO_OFTEN, STORE_UNAVAILABLE]
            }
            Self::None => &[],
        }
    }
}

/// A problem response for the OpenAPI document: a description of when it is returned, and a function that builds the
/// example. The example also determines the documented code and HTTP status.
#[derive(Clone, Copy)]
pub(crate) struct DocumentedProblem(pub(crate) &'static str, pub(crate) fn() -> Problem);

/// `Retry-After` of the examples.
pub(crate) const A_WHILE: Duration = Duration::from_secs(5);

/// For operations that need a key.
const UNAUTHORIZED: DocumentedProblem = problem!(
    "the key is missing, unknown, expired or revoked, or may not be used from this network" => refusals::UNKNOWN_KEY
);
/// For operations where a key is optional.
pub(crate) const BAD_KEY: DocumentedProblem = problem!(
    "the key is unknown, expired or revoked, or may not be used from this network" => refusals::UNKNOWN_KEY
);
/// For operations that also accept the JWT of a workload.
pub(crate) const WORKLOAD_REFUSED: DocumentedProblem = problem!(
    "the workload's JWT breaks a rule, which the detail names" => {
        let detail = "the token has expired (exp); request a new one";
        Refusal::from(WorkloadRefusal::new(Rule::Expiry, detail))
    }
);
/// For operations that also accept the JWT of a workload.
pub(crate) const WORKLOAD_UNKNOWABLE: DocumentedProblem = problem!(
    "the issuer of the workload's JWT does not answer" => Refusal::ProviderUnavailable {
        detail: "the signing keys of the token's issuer are not known yet".to_owned(),
        retry_after: A_WHILE,
    }
);
/// For operations that authenticate by key.
const TOO_MANY_UNKNOWN_KEYS: DocumentedProblem = problem!(
    "too many unknown or expired keys from this network (30 at once, then one every 2 seconds get a 401); a valid key \
     still works" => Refusal::TooManyUnknownKeys(A_WHILE)
);
/// For operations with a key.
const KEY_USED_TOO_OFTEN: DocumentedProblem = problem!(
    "this key was used more often than its `max_uses_per_minute`" => Refusal::KeyUsedTooOften(A_WHILE)
);
/// For operations that use the store.
const STORE_UNAVAILABLE: DocumentedProblem = DocumentedProblem(
    "the service cannot use its database at the moment",
    Problem::store_unavailable,
);
/// For operations on accounts.
pub(crate) const ENROLMENT_ONLY: DocumentedProblem =
    problem!("the enrolment key may not see accounts" => refusals::ENROLMENT_ONLY);
/// For operations that require the admin key or the key that came with a link code.
pub(crate) const OWNERS_ONLY: DocumentedProblem = problem!(
    "a key that was created for an account later may only read the token and the account" => refusals::READING_ONLY
);
/// For operations that workloads may not call.
pub(crate) const NOT_FOR_WORKLOADS: DocumentedProblem = problem!(
    "a workload only links, and reads its token and account" => refusals::NOT_FOR_WORKLOADS
);
/// For operations that change something.
pub(crate) const AUDITORS_ONLY_READ: DocumentedProblem =
    problem!("an auditor's key may only read" => refusals::AUDITING_ONLY);
/// For operations on one account.
pub(crate) const NO_SUCH_ACCOUNT: DocumentedProblem =
    problem!("there is no such account for this key" => refusals::NO_SUCH_ACCOUNT);
/// For operations that need the account of the caller's key.
pub(crate) const LINK_PENDING: DocumentedProblem =
    problem!("the person has not consented yet" => Refusal::LinkPending);
/// For operations that need a live grant.
pub(crate) const RELINK_REQUIRED: DocumentedProblem = problem!(
    "the grant is over, and a person must consent again" => {
        let why = ProviderError::refused("invalid_grant", "the refresh token was revoked");
        Refusal::RelinkRequired(Fault::from(&why))
    }
);
/// For operations that ask the provider.
pub(crate) const PROVIDER_GONE: DocumentedProblem = problem!(
    "the provider is not in the configuration any more" => {
        let detail = "the provider github is not configured any more";
        Refusal::ProviderNotConfigured(detail.to_owned())
    }
);
/// For operations that need a body.
pub(crate) const NOT_JSON: DocumentedProblem =
    DocumentedProblem("the body is not application/json", not_json);
const COMMON: [DocumentedProblem; 2] = [
    DocumentedProblem("the body is larger than 64 KiB", body_too_large),
    DocumentedProblem(
        "the operator finds the cause in the service's log",
        Problem::internal_error,
    ),
];

/// Returns the problem of a provider that does not respond.
pub(crate) fn provider_unavailable() -> Problem {
    let error = ProviderError::Unavailable {
        detail: "the token endpoint answers 503".to_owned(),
        retry_after: Some(A_WHILE),
    };
    Refusal::from(error).into()
}

/// Returns the problem of a provider that rejects a request of the service.
pub(crate) fn provider_refused() -> Problem {
    let error = ProviderError::misconfigured("invalid_client", "the client secret has expired");
    Refusal::from(error).into()
}

/// Returns the problem of a request that cannot be processed.
pub(crate) fn unprocessable(detail: &str) -> Problem {
    Refusal::Unprocessable(detail.to_owned()).into()
}

impl<D, P: Into<Problem>> From<P> for Failure<D> {
    fn from(problem: P) -> Self {
        Self {
            problem: problem.into(),
            documented_by: PhantomData,
        }
    }
}

impl<D> From<Failure<D>> for poem::Error {
    fn from(failure: Failure<D>) -> Self {
        failure.problem.into()
    }
}

impl<D: Documented> ApiResponse for Failure<D> {
    fn meta() -> MetaResponses {
        let mut statuses: BTreeMap<StatusCode, Vec<(&str, Problem)>> = BTreeMap::new();
        let of_operation = D::KEY.first().iter().chain(D::PROBLEMS);
        let all = of_operation.chain(D::KEY.last()).chain(&COMMON);
        for DocumentedProblem(when, example) in all {
            let problem = example();
            let same_status = statuses.entry(problem.code.status()).or_default();
            same_status.push((when, problem));
        }
        let responses = statuses.into_iter();
        MetaResponses {
            responses: responses.map(|(status, all)| meta(status, all)).collect(),
        }
    }

    fn register(registry: &mut Registry) {
        ProblemDetails::register(registry);
    }
}

/// Packs the examples and the description of a response into the example of an inline schema, because poem-openapi has
/// no other place for them. [`unpack`] moves them to their places in the document.
fn meta(status: StatusCode, problems: Vec<(&str, Problem)>) -> MetaResponse {
    let words = problems
        .iter()
        .map(|(when, problem)| format!("`{}`: {when}", problem.code.as_str()));
    let description = Vec::from_iter(words).join("; ");
    let mut examples = Map::new();
    for (when, problem) in problems {
        let code = problem.code.as_str();
        let count = examples
            .keys()
            .filter(|name| name.starts_with(code))
            .count();
        let name = match count {
            0 => code.to_owned(),
            earlier => format!("{code}_{}", earlier + 1),
        };
        let example = json!({ "summary": when, "value": problem.into_details().to_json() });
        examples.insert(name, example);
    }
    let packed = MetaSchema {
        // poem-openapi omits schemas that nothing refers to.
        all_of: vec![ProblemDetails::schema_ref()],
        example: Some(json!({ "description": description, "examples": examples })),
        ..MetaSchema::ANY
    };
    MetaResponse {
        description: "",
        status: Some(status.as_u16()),
        status_range: None,
        content: vec![MetaMediaType {
            content_type: PROBLEM_JSON,
            schema: MetaSchemaRef::Inline(Box::new(packed)),
        }],
        headers: header(status).into_iter().collect(),
    }
}

/// Moves the description and the examples that `meta` has packed to their places in the document.
pub(crate) fn unpack(response: &mut Value) {
    let media_type = &mut response["content"][PROBLEM_JSON];
    let mut packed = media_type["schema"]["example"].take();
    let schema = format!("#/components/schemas/{}", ProblemDetails::name());
    *media_type = json!({ "schema": { "$ref": schema }, "examples": packed["examples"].take() });
    response["description"] = packed["description"].take();
}

/// Returns the description of the header that responses with this status have.
pub(crate) fn header(status: StatusCode) -> Option<MetaHeader> {
    match status {
        StatusCode::UNAUTHORIZED => Some(meta_header(
            "WWW-Authenticate",
            "`Bearer`; with `error=\"invalid_token\"` if the request had a bearer token",
            MetaSchema::new("string"),
        )),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Some(meta_header(
            "Retry-After",
            "Seconds to wait before the next attempt, if retrying may help",
            MetaSchema::new_with_format("integer", "int32"),
        )),
        _ => None,
    }
}

fn meta_header(name: &str, description: &str, schema: MetaSchema) -> MetaHeader {
    MetaHeader {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required: false,
        deprecated: false,
        schema: MetaSchemaRef::Inline(Box::new(schema)),
    }
}
