//! Workloads that may use an account.

use std::collections::BTreeMap;

use central_oauth_domain::usecases::WorkloadRequest;
use central_oauth_domain::workload::WorkloadRecord;
use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::Deserialize;
use time::OffsetDateTime;

use super::key::AccessKeyRole;
use super::{A_DECADE, example_time, page, utc};
use crate::body::RequestObject;

/// A request to let a workload read an account.
#[derive(Object, Deserialize)]
// The schema is already published under this name.
#[oai(rename = "WorkloadGrant", skip_serializing_if_is_none, example)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewWorkloadAccess {
    /// The name of the workload in the configuration.
    #[oai(validator(max_length = 100))]
    workload: String,
    /// The claims that identify the workload permanently, with their values: `repository_id` and `repository_owner_id`
    /// for GitHub Actions, `project_id` for GitLab.
    #[oai(validator(max_length = 255))]
    claims: BTreeMap<String, String>,
}

/// A workload that may use an account. It sends a JWT of its platform and has no key.
#[derive(Object)]
#[oai(skip_serializing_if_is_none, example)]
pub(crate) struct Workload {
    /// The id of this workload at the account: `workload_id` of `DELETE /v1/accounts/{id}/workloads/{workload_id}`.
    id: String,
    /// The name of the workload in the configuration.
    workload: String,
    /// The issuer of the workload's JWTs.
    issuer: String,
    /// The claims that identify the workload permanently.
    claims: BTreeMap<String, String>,
    /// `owner` if the workload has linked the account, `reader` if it was granted later. The workload may read the
    /// token and the account, and an owner may link the account again.
    role: AccessKeyRole,
    /// When the workload linked the account or was granted access.
    created_at: OffsetDateTime,
    /// When the access expires: together with the access key that granted it. Absent if it lasts until it is withdrawn.
    expires_at: Option<OffsetDateTime>,
    /// When the workload last used the account, if ever.
    last_used_at: Option<OffsetDateTime>,
}

page! {
    /// One page of an account's workloads.
    WorkloadList,
    /// The workloads of this page, the oldest first.
    Workload
}

impl RequestObject for NewWorkloadAccess {}

impl From<NewWorkloadAccess> for WorkloadRequest {
    fn from(new: NewWorkloadAccess) -> Self {
        Self {
            workload: new.workload,
            claims: new.claims.into_iter().collect(),
        }
    }
}

impl From<WorkloadRecord> for Workload {
    fn from(record: WorkloadRecord) -> Self {
        let claims = record.binding.claims.iter();
        Self {
            id: record.id.to_string(),
            claims: claims.map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
            workload: record.binding.workload,
            issuer: record.binding.issuer,
            role: record.role.into(),
            created_at: utc(record.created_at),
            expires_at: record.expires_at.map(utc),
            last_used_at: record.last_used_at.map(utc),
        }
    }
}

fn example_claims() -> BTreeMap<String, String> {
    let claims = [("repository_id", "74"), ("repository_owner_id", "65")];
    claims
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

impl Example for NewWorkloadAccess {
    fn example() -> Self {
        Self {
            workload: "nightly".to_owned(),
            claims: example_claims(),
        }
    }
}

impl Example for Workload {
    fn example() -> Self {
        Self {
            id: "8".to_owned(),
            workload: "nightly".to_owned(),
            issuer: "https://token.actions.githubusercontent.com".to_owned(),
            claims: example_claims(),
            role: AccessKeyRole::Reader,
            created_at: example_time(0),
            expires_at: Some(example_time(A_DECADE)),
            last_used_at: Some(example_time(30)),
        }
    }
}
