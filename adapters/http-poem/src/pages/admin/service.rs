//! Revocations, providers and replicas.

use std::sync::Arc;

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::revocation::Revocation;
use central_oauth_domain::replica::Replica;
use central_oauth_domain::usecases::{ProviderState, ServiceState};
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, Result, handler};

use super::AdminSite;
use super::accounts::PAGE;
use super::desk::{self, Desk};
use super::templates::{ProviderRow, ReplicaRow, RevocationRow, Revocations, Service, Status};
use crate::api::REVOCATIONS;
use crate::pages::form::Fields;
use crate::pages::words::Moment;

/// `GET /admin/revocations`.
#[handler]
pub(super) async fn revocations(
    request: &Request,
    Data(site): Data<&Arc<AdminSite>>,
) -> Result<Response> {
    let desk = Desk::open(site, request).await?;
    let query = Fields::of_query(request);
    let after = REVOCATIONS.read(query.get("cursor"))?;
    let revoker = &desk.services().revoker;
    let listed = revoker.list(desk.caller(), after, PAGE).await;
    Ok(desk.answer(listed.map(|page| {
        let next = page.next.map(|id| {
            let cursor = REVOCATIONS.write(id);
            format!("{}/revocations?cursor={cursor}", site.base)
        });
        let rows = page.items.into_iter();
        let page = Revocations {
            frame: &site.device.frame,
            desk: desk.frame(desk::REVOCATIONS),
            done: desk::done(&query),
            revocations: rows.map(|one| revocation(one, desk.now)).collect(),
            next,
        };
        desk.page(StatusCode::OK, &page)
    })))
}

fn revocation(one: Revocation, now: Timestamp) -> RevocationRow {
    let moment = |at: Timestamp| Moment::of(at, now);
    RevocationRow {
        id: one.id.to_string(),
        account: one.account.map(|id| id.to_string()),
        provider: one.provider.to_string(),
        status: one.status.into(),
        trouble: one.last_error.map(|fault| fault.code),
        requested: Some(moment(one.created_at)),
        next_attempt: one.next_attempt_at.map(moment),
        failures: one.failures,
    }
}

/// `GET /admin/service`.
#[handler]
pub(super) async fn state(
    request: &Request,
    Data(site): Data<&Arc<AdminSite>>,
) -> Result<Response> {
    let desk = Desk::open(site, request).await?;
    let state = desk.services().overview.state(desk.caller()).await;
    Ok(desk.answer(state.map(|state| {
        let ServiceState {
            providers,
            replicas,
            now,
        } = state;
        let page = Service {
            frame: &site.device.frame,
            desk: desk.frame(desk::SERVICE),
            providers: providers
                .into_iter()
                .map(|one| provider(one, now))
                .collect(),
            replicas: replicas.into_iter().map(|one| replica(one, now)).collect(),
        };
        desk.page(StatusCode::OK, &page)
    })))
}

fn provider(one: ProviderState, now: Timestamp) -> ProviderRow {
    let outage = one.outage.as_ref();
    ProviderRow {
        name: one.name.to_string(),
        display_name: one.display_name,
        status: outage.map_or(Status::WELL, |_| Status::OUTAGE),
        trouble: outage.map(|outage| outage.fault.code.clone()),
        asked_again: outage.map(|outage| Moment::of(outage.probe_at, now)),
        failures: outage.map(|outage| outage.failed_probes),
    }
}

fn replica(one: Replica, now: Timestamp) -> ReplicaRow {
    ReplicaRow {
        status: match one.is_there(now) {
            true => Status::RUNS,
            false => Status::GONE,
        },
        started: Some(Moment::of(one.presence.started_at, now)),
        seen: Some(Moment::of(one.seen_at, now)),
        name: one.presence.name,
        version: one.presence.version,
    }
}
