//! Workloads of an account.

use std::sync::Arc;

use central_oauth_domain::grant::AccessKeyId;
use central_oauth_domain::usecases::{Services, refusals};
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use super::accounts::account_id;
use super::cursor::{BAD_PAGE, WORKLOADS, page_size};
use super::{Tag, id};
use crate::auth::NeededBearer;
use crate::body::{JsonBody, no_body, rejected};
use crate::dto::{NewWorkloadAccess, Workload, WorkloadList};
use crate::failure::{
    AUDITORS_ONLY_READ, ENROLMENT_ONLY, Failure, NO_SUCH_ACCOUNT, NOT_FOR_WORKLOADS, NOT_JSON,
    OWNERS_ONLY, documented, unprocessable,
};

pub(crate) struct Workloads {
    pub(super) services: Arc<Services>,
}

#[derive(ApiResponse)]
enum Granted {
    /// The workload may read the token and the account.
    #[oai(status = 201)]
    Created(Json<Workload>),
}

#[derive(ApiResponse)]
enum Withdrawn {
    /// The workload may not use the account any more.
    #[oai(status = 204)]
    Withdrawn,
}

#[OpenApi(prefix_path = "/v1", tag = "Tag::Keys")]
impl Workloads {
    /// List an account's workloads
    ///
    /// Workloads that may use the account with a JWT of their platform, and those whose access has expired, until they
    /// are deleted. Needs an admin's or an auditor's key, or the key that came with a link code of the account.
    #[oai(
        path = "/accounts/:id/workloads",
        method = "get",
        operation_id = "list_workloads"
    )]
    async fn list(
        &self,
        bearer: NeededBearer,
        /// The id of the account.
        #[oai(example = "id::example")]
        id: Path<String>,
        /// Maximum number of workloads to return.
        #[oai(
            default = "page_size",
            validator(minimum(value = "1"), maximum(value = "200"))
        )]
        limit: Query<u32>,
        /// Cursor of the page to return: the `next_cursor` of the previous page.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<String>>,
    ) -> Result<Json<WorkloadList>, Failure<ListWorkloads>> {
        let caller = bearer.caller(&self.services.keys).await?;
        let after = WORKLOADS.read(cursor.0.as_deref())?;
        let (id, limit) = (account_id(&id), u64::from(limit.0));
        let workloads = &self.services.workloads;
        let page = workloads.list(&caller, id, after, limit).await?;
        Ok(Json(WorkloadList {
            items: page.items.into_iter().map(Workload::from).collect(),
            next_cursor: page.next.map(|id| WORKLOADS.write(id)),
        }))
    }

    /// Grant a workload
    ///
    /// The workload may read the token and the account, and nothing else. Its access expires with the key that makes
    /// this request: see `expires_at`. Needs the admin key or the key that came with a link code of the account.
    #[oai(
        path = "/accounts/:id/workloads",
        method = "post",
        operation_id = "grant_workload"
    )]
    async fn grant(
        &self,
        bearer: NeededBearer,
        /// The id of the account.
        #[oai(example = "id::example")]
        id: Path<String>,
        body: JsonBody<NewWorkloadAccess>,
    ) -> Result<Granted, Failure<GrantWorkload>> {
        let caller = bearer.caller(&self.services.keys).await?;
        let JsonBody(asked) = body;
        let workloads = &self.services.workloads;
        let granted = workloads.grant(&caller, account_id(&id), asked.into(), bearer.address);
        Ok(Granted::Created(Json(granted.await?.into())))
    }

    /// Withdraw a workload
    ///
    /// Also deletes the links that the workload has started; the account stays. Needs the admin key or the key that
    /// came with a link code of the account.
    #[oai(
        path = "/accounts/:id/workloads/:workload_id",
        method = "delete",
        operation_id = "withdraw_workload"
    )]
    async fn withdraw(
        &self,
        bearer: NeededBearer,
        /// The id of the account.
        #[oai(example = "id::example")]
        id: Path<String>,
        /// The id of the workload.
        #[oai(example = "example_workload")]
        workload_id: Path<String>,
    ) -> Result<Withdrawn, Failure<WithdrawWorkload>> {
        let caller = bearer.caller(&self.services.keys).await?;
        let workload = id::read(&workload_id, AccessKeyId(-1));
        let workloads = &self.services.workloads;
        workloads
            .withdraw(&caller, account_id(&id), workload, bearer.address)
            .await?;
        Ok(Withdrawn::Withdrawn)
    }
}

fn example_workload() -> String {
    "8".to_owned()
}

documented!(
    ListWorkloads,
    [
        BAD_PAGE,
        ENROLMENT_ONLY,
        OWNERS_ONLY,
        NOT_FOR_WORKLOADS,
        NO_SUCH_ACCOUNT,
    ]
);

documented!(GrantWorkload, [
    "the body is missing or not JSON" => no_body(),
    ENROLMENT_ONLY,
    OWNERS_ONLY,
    AUDITORS_ONLY_READ,
    NOT_FOR_WORKLOADS,
    NO_SUCH_ACCOUNT,
    NOT_JSON,
    "an unknown field or a wrong type" => rejected::<NewWorkloadAccess>(r#"{"workload": "nightly"}"#),
    "no such workload is configured" => unprocessable(refusals::NO_SUCH_POLICY),
    "the workload may not read tokens of the account's provider" =>
        unprocessable("the workload nightly may not read tokens of github"),
    "the claims are not exactly those that identify the workload permanently" =>
        unprocessable("claims must be exactly repository_id, repository_owner_id, as texts"),
    "the account has as many keys and workloads as it may have" =>
        unprocessable("the account has 100 keys and workloads already"),
]);

documented!(WithdrawWorkload, [
    ENROLMENT_ONLY,
    OWNERS_ONLY,
    AUDITORS_ONLY_READ,
    NOT_FOR_WORKLOADS,
    NO_SUCH_ACCOUNT,
    "the account has no such workload" => refusals::NO_SUCH_WORKLOAD,
]);
