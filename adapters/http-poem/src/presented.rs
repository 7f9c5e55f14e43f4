//! API requests whose bearer token is the JWT of a workload.

use std::net::IpAddr;

use central_oauth_domain::secret::WorkloadToken;
use central_oauth_domain::usecases::{WorkloadCall, Workloads};
use poem::{Request, Response, Result};

use crate::address::client_address;
use crate::auth::{OperationReached, bearer_of};
use crate::error::code_of;
use crate::head::is_head;
use crate::middleware::answer_error;

pub(crate) struct PresentedJwt {
    token: WorkloadToken,
    address: IpAddr,
    is_head: bool,
    operation_reached: OperationReached,
}

impl PresentedJwt {
    /// Returns the bearer token, if it looks like the JWT of a workload and the service trusts any workload.
    pub(crate) fn of(request: &mut Request, workloads: &Workloads) -> Option<Self> {
        if !workloads.are_trusted() {
            return None;
        }
        let bearer = bearer_of(request.headers()).ok()??;
        let bearer = bearer.expose();
        if !WorkloadToken::is_like(bearer) {
            return None;
        }
        let operation_reached = OperationReached::default();
        request.set_data(operation_reached.clone());
        Some(Self {
            token: WorkloadToken::new(bearer),
            address: client_address(request),
            is_head: is_head(request),
            operation_reached,
        })
    }

    /// Waits for the response. If it is an error and no operation has accepted the JWT, records the error as a
    /// rejection. This happens, for example, if a parameter is invalid or if workloads may not call the operation.
    pub(crate) async fn await_and_record(
        self,
        workloads: &Workloads,
        answer: impl Future<Output = Result<Response>>,
    ) -> Result<Response> {
        let response = answer.await.unwrap_or_else(answer_error);
        if let Some(code) = code_of(&response)
            && !self.operation_reached.is_set()
        {
            let call = WorkloadCall {
                token: &self.token,
                address: self.address,
                is_head: self.is_head,
            };
            workloads.record_rejection(call, "other", code).await;
        }
        Ok(response)
    }
}
