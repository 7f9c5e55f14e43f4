//! Documents the problem responses of each operation in the OpenAPI document.

use std::marker::PhantomData;

use poem_openapi::ApiResponse;
use poem_openapi::registry::{
    MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::Type as _;

use crate::dto::ProblemDetails;
use crate::error::{PROBLEM_JSON, Problem};

/// The error of an operation, documented by `D`.
pub(crate) struct Failure<D> {
    problem: Problem,
    documented_by: PhantomData<fn() -> D>,
}

/// The problem responses of an operation; implemented next to the operation.
pub(crate) trait Documented {
    /// Its problem responses, besides those of every operation.
    const PROBLEMS: &'static [Answer];
}

/// A problem response in the OpenAPI document: the status and the codes that come with it.
#[derive(Clone, Copy)]
pub(crate) struct Answer(pub(crate) u16, pub(crate) &'static str);

/// For operations that need a key.
pub(crate) const UNAUTHORIZED: Answer = Answer(
    401,
    "`unauthorized`: the key is missing, unknown, expired or revoked",
);
/// For operations that accept the JWT of a workload too.
pub(crate) const UNAUTHORIZED_OR_REFUSED: Answer = Answer(
    401,
    "`unauthorized`: the key is missing, unknown, expired or revoked; `workload_refused`: the workload's JWT breaks a rule, \
     which the detail names",
);
/// For operations that recognise keys.
pub(crate) const TOO_MANY_UNKNOWN_KEYS: Answer = Answer(
    429,
    "`rate_limited`: too many unknown or expired keys from this network (30 at once, then one every 2 seconds get a 401; \
     a valid key still works); or this key was used more often than its `max_uses_per_minute`",
);
/// For operations that read the store and have no other reason for a 503.
pub(crate) const STORE_UNAVAILABLE: Answer = Answer(
    503,
    "`store_unavailable`: the service cannot use its database at the moment",
);
/// For operations on accounts.
pub(crate) const ENROLMENT_ONLY: Answer =
    Answer(403, "`forbidden`: the enrolment key may not see accounts");
/// For operations of the admin key and the key that came with a link code.
pub(crate) const OWNERS_ONLY: Answer = Answer(
    403,
    "`forbidden`: the enrolment key may not see accounts, and a key that was made for an account later only reads the \
     token and the account",
);
/// For operations on one account.
pub(crate) const NO_SUCH_ACCOUNT: Answer =
    Answer(404, "`not_found`: there is no such account for this key");
/// For operations on what a key opens.
pub(crate) const LINK_PENDING: Answer =
    Answer(409, "`link_pending`: the person has not consented yet");
/// For operations that need a body.
pub(crate) const NOT_JSON: Answer = Answer(
    415,
    "`unsupported_media_type`: the body is not application/json",
);
/// For all operations.
const COMMON: [Answer; 2] = [
    Answer(413, "`payload_too_large`: the body is larger than 64 KiB"),
    Answer(
        500,
        "`internal_error`: the operator finds the cause in the service's log",
    ),
];

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
        let answers = D::PROBLEMS.iter().chain(&COMMON);
        MetaResponses {
            responses: answers.map(Answer::meta).collect(),
        }
    }

    fn register(registry: &mut Registry) {
        ProblemDetails::register(registry);
    }
}

impl Answer {
    fn meta(&self) -> MetaResponse {
        self.meta_with(PROBLEM_JSON, ProblemDetails::schema_ref())
    }

    /// Describes the response with a body of another type.
    pub(crate) fn meta_with(
        &self,
        content_type: &'static str,
        schema: MetaSchemaRef,
    ) -> MetaResponse {
        MetaResponse {
            description: self.1,
            status: Some(self.0),
            status_range: None,
            content: vec![MetaMediaType {
                content_type,
                schema,
            }],
            headers: self.header().into_iter().collect(),
        }
    }

    fn header(&self) -> Option<MetaHeader> {
        match self.0 {
            401 => Some(meta_header(
                "WWW-Authenticate",
                "`Bearer`; with `error=\"invalid_token\"` if the request had a bearer token",
                MetaSchema::new("string"),
            )),
            429 | 503 => Some(meta_header(
                "Retry-After",
                "Seconds to wait before the next attempt, if retrying may help",
                MetaSchema::new_with_format("integer", "int32"),
            )),
            _ => None,
        }
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
