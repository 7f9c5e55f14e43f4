//! Records the results of workloads' requests in the log and the audit log. Only this module records them.

use std::net::IpAddr;

use super::{VerifiedWorkload, WorkloadCall, Workloads};
use crate::audit::{Actor, AuditEvent, AuditKind};
use crate::observe::BearerRefusal;
use crate::usecases::{Coded as _, Refusal};
use crate::workload::{Rule, WorkloadRefusal};

/// What the log and the audit log say about a request.
#[derive(Debug, Clone)]
pub(super) struct RequestContext {
    issuer: String,
    subject: Option<String>,
    run: Option<String>,
    action: &'static str,
    pub(super) address: IpAddr,
    pub(super) is_head: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum RefusalReason {
    Rule(Rule),
    /// Any other reason: the error code of the response, or `unanswered`.
    Code(&'static str),
}

impl RefusalReason {
    const fn pair(self) -> (&'static str, &'static str) {
        match self {
            Self::Rule(rule) => ("rule", rule.as_str()),
            Self::Code(code) => ("code", code),
        }
    }
}

impl RequestContext {
    /// Returns the context of a request whose JWT is not verified. The context contains no claim except the issuer.
    pub(super) fn unverified_jwt(
        call: &WorkloadCall<'_>,
        action: &'static str,
        issuer: Option<String>,
    ) -> Self {
        Self {
            issuer: issuer.unwrap_or_else(|| "unknown".to_owned()),
            subject: None,
            run: None,
            action,
            address: call.address,
            is_head: call.is_head,
        }
    }

    /// Adds claims, once the JWT is verified.
    pub(super) fn with_verified_claims(self, subject: Option<String>, run: Option<String>) -> Self {
        Self {
            subject,
            run,
            ..self
        }
    }

    fn event(&self, kind: AuditKind) -> AuditEvent {
        let mut event = AuditEvent::new(kind).named("issuer", &self.issuer);
        for (name, value) in [("subject", &self.subject), ("run", &self.run)] {
            event = value
                .iter()
                .fold(event, |event, value| event.named(name, value));
        }
        event.with("action", self.action)
    }
}

/// A guard for a request that has no response yet. If the guard is dropped before [`UnansweredRequest::mark_answered`],
/// because the caller has disconnected or a timeout has passed, it records a refusal.
pub(crate) struct UnansweredRequest<'a> {
    workloads: &'a Workloads,
    context: Option<&'a RequestContext>,
    note: fn(&Workloads, &RequestContext, RefusalReason),
}

impl UnansweredRequest<'_> {
    /// Disarms the guard, because the request has a response.
    pub(crate) fn mark_answered(mut self) {
        self.context = None;
    }
}

impl Drop for UnansweredRequest<'_> {
    fn drop(&mut self) {
        if let Some(context) = self.context {
            (self.note)(self.workloads, context, RefusalReason::Code("unanswered"));
        }
    }
}

impl Workloads {
    /// Returns a guard for the request of a verified workload.
    pub(crate) fn unanswered<'a>(
        &'a self,
        workload: &'a VerifiedWorkload,
    ) -> UnansweredRequest<'a> {
        UnansweredRequest {
            workloads: self,
            context: Some(&workload.context),
            note: Self::note_refusal,
        }
    }

    /// Returns a guard for a request whose JWT is being verified. It writes to the audit log but not to the log,
    /// because anybody can send a JWT and disconnect.
    pub(super) fn unanswered_unverified<'a>(
        &'a self,
        context: &'a RequestContext,
    ) -> UnansweredRequest<'a> {
        UnansweredRequest {
            workloads: self,
            context: Some(context),
            note: Self::audit_refusal,
        }
    }

    /// Records the result of a workload's request for a link code. Returns the response to send.
    pub(crate) fn record_link_result<T>(
        &self,
        workload: &VerifiedWorkload,
        outcome: Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        match outcome {
            Ok(value) => {
                self.accept(&workload.context, Actor::Anonymous);
                Ok(value)
            }
            Err(refusal) => Err(self.refuse(&workload.context, refusal)),
        }
    }

    /// Records that a workload's request has succeeded, unless it is a `HEAD`.
    pub(super) fn accept(&self, context: &RequestContext, actor: Actor) {
        if context.is_head {
            return;
        }
        let (issuer, action) = (&context.issuer, context.action);
        let (subject, run) = (context.subject.as_deref(), context.run.as_deref());
        tracing::info!(issuer, subject, run, action, "workload accepted");
        let event = context.event(AuditKind::WorkloadAccepted);
        self.audit.record(event, actor, Some(context.address));
    }

    /// Records a refusal and returns it. If the network has sent too many JWTs that violate a rule, writes to the audit
    /// log only, and returns [`Refusal::TooManyUnknownKeys`] instead.
    pub(super) fn refuse(&self, context: &RequestContext, refusal: Refusal) -> Refusal {
        let Refusal::WorkloadRefused(WorkloadRefusal { rule, .. }) = &refusal else {
            self.note_refusal(context, RefusalReason::Code(refusal.code()));
            return refusal;
        };
        let why = RefusalReason::Rule(*rule);
        match (self.keys).within_refusals(BearerRefusal::Workload, context.address) {
            Ok(()) => {
                self.note_refusal(context, why);
                refusal
            }
            Err(too_many) => {
                self.audit_refusal(context, why);
                too_many
            }
        }
    }

    pub(super) fn note_refusal(&self, context: &RequestContext, why: RefusalReason) {
        self.audit_refusal(context, why);
        let (issuer, action) = (&context.issuer, context.action);
        let (subject, run) = (context.subject.as_deref(), context.run.as_deref());
        match why {
            RefusalReason::Rule(rule) => {
                tracing::info!(issuer, subject, run, action, %rule, "workload refused");
            }
            RefusalReason::Code(code) => {
                tracing::info!(issuer, subject, run, action, code, "workload refused");
            }
        }
    }

    /// Records a refusal in the audit log only.
    pub(super) fn audit_refusal(&self, context: &RequestContext, why: RefusalReason) {
        let (name, value) = why.pair();
        let event = context.event(AuditKind::WorkloadRefused).with(name, value);
        let address = Some(context.address);
        self.audit.record(event, Actor::Anonymous, address);
    }
}
