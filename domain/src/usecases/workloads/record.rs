//! Records the results of workloads' requests. Only this module writes about them to the audit log.

use std::net::IpAddr;

use super::{ShownWorkload, WorkloadCall, Workloads};
use crate::audit::{Actor, AuditEvent, AuditKind};
use crate::observe::BearerRefusal;
use crate::usecases::{Coded as _, Refusal};
use crate::workload::{Rule, WorkloadRefusal};

/// A request, as logs describe it.
#[derive(Debug, Clone)]
pub(super) struct Visit {
    issuer: String,
    subject: Option<String>,
    run: Option<String>,
    action: &'static str,
    pub(super) address: IpAddr,
    pub(super) is_head: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Why {
    Rule(Rule),
    /// The JWT is valid, or cannot be verified now, and the answer has this code.
    Code(&'static str),
}

impl Why {
    const fn pair(self) -> (&'static str, &'static str) {
        match self {
            Self::Rule(rule) => ("rule", rule.as_str()),
            Self::Code(code) => ("code", code),
        }
    }
}

impl Visit {
    /// A request whose JWT is not verified: nothing but the issuer that it names is worth a log line.
    pub(super) fn unproven(
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

    /// The same request, once the JWT is verified.
    pub(super) fn proven(self, subject: Option<String>, run: Option<String>) -> Self {
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

/// A request that has no answer yet. Dropping it before it is settled (the caller has disconnected, the time is up) records
/// a refusal.
pub(crate) struct Unsettled<'a> {
    workloads: &'a Workloads,
    visit: Option<&'a Visit>,
    note: fn(&Workloads, &Visit, Why),
}

impl Unsettled<'_> {
    /// The request has an answer.
    pub(crate) fn settle(mut self) {
        self.visit = None;
    }
}

impl Drop for Unsettled<'_> {
    fn drop(&mut self) {
        if let Some(visit) = self.visit {
            (self.note)(self.workloads, visit, Why::Code("unanswered"));
        }
    }
}

impl Workloads {
    /// Marks the request of a workload as not answered yet.
    pub(crate) fn unsettled<'a>(&'a self, shown: &'a ShownWorkload) -> Unsettled<'a> {
        Unsettled {
            workloads: self,
            visit: Some(&shown.visit),
            note: Self::note_refusal,
        }
    }

    /// Marks a request whose JWT is being verified. Anybody can send one and disconnect, so the log does not say that.
    pub(super) fn unverified<'a>(&'a self, visit: &'a Visit) -> Unsettled<'a> {
        Unsettled {
            workloads: self,
            visit: Some(visit),
            note: Self::audit_refusal,
        }
    }

    /// Records the result of a workload's request for a link code. Returns it.
    pub(crate) fn settled<T>(
        &self,
        shown: &ShownWorkload,
        outcome: Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        match outcome {
            Ok(value) => {
                self.accept(&shown.visit, Actor::Anonymous);
                Ok(value)
            }
            Err(refusal) => Err(self.refuse(&shown.visit, refusal)),
        }
    }

    /// Records that a workload got what it asked for. A `HEAD` asks for nothing.
    pub(super) fn accept(&self, visit: &Visit, actor: Actor) {
        if visit.is_head {
            return;
        }
        let (issuer, action) = (&visit.issuer, visit.action);
        let (subject, run) = (visit.subject.as_deref(), visit.run.as_deref());
        tracing::info!(issuer, subject, run, action, "workload accepted");
        let event = visit.event(AuditKind::WorkloadAccepted);
        self.audit.record(event, actor, Some(visit.address));
    }

    /// Records that a request was refused. Returns the answer: [`Refusal::TooManyUnknownKeys`], and no line in the log,
    /// where the network has sent too many JWTs that violate a rule.
    pub(super) fn refuse(&self, visit: &Visit, refusal: Refusal) -> Refusal {
        let Refusal::WorkloadRefused(WorkloadRefusal { rule, .. }) = &refusal else {
            self.note_refusal(visit, Why::Code(refusal.code()));
            return refusal;
        };
        let why = Why::Rule(*rule);
        match (self.keys).within_refusals(BearerRefusal::Workload, visit.address) {
            Ok(()) => {
                self.note_refusal(visit, why);
                refusal
            }
            Err(too_many) => {
                self.audit_refusal(visit, why);
                too_many
            }
        }
    }

    pub(super) fn note_refusal(&self, visit: &Visit, why: Why) {
        self.audit_refusal(visit, why);
        let (issuer, action) = (&visit.issuer, visit.action);
        let (subject, run) = (visit.subject.as_deref(), visit.run.as_deref());
        match why {
            Why::Rule(rule) => {
                tracing::info!(issuer, subject, run, action, %rule, "workload refused");
            }
            Why::Code(code) => {
                tracing::info!(issuer, subject, run, action, code, "workload refused");
            }
        }
    }

    /// Records a refusal and does not log it.
    pub(super) fn audit_refusal(&self, visit: &Visit, why: Why) {
        let (name, value) = why.pair();
        let event = visit.event(AuditKind::WorkloadRefused).with(name, value);
        let address = Some(visit.address);
        self.audit.record(event, Actor::Anonymous, address);
    }
}
