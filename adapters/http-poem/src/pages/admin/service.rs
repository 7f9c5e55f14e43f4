use askama::Template;
use central_oauth_domain::Timestamp;
use central_oauth_domain::replica::Replica;
use central_oauth_domain::usecases::{ProviderState, ServiceState};
use central_oauth_domain::webhook::Receiver;
use poem::{Response, handler};

use super::desk::{self, Desk};
use super::templates::{DeskFrame, Status};
use crate::pages::site;
use crate::pages::words::Moment;

#[derive(Template)]
#[template(path = "admin/service.html")]
struct Service<'a> {
    frame: &'a site::Frame,
    desk: DeskFrame<'a>,
    providers: Vec<ProviderRow>,
    replicas: Vec<ReplicaRow>,
    receivers: Vec<ReceiverRow>,
}

struct ProviderRow {
    name: String,
    display_name: String,
    status: Status,
    trouble: Option<String>,
    asked_again: Option<Moment>,
    accounts_probed: Option<usize>,
}

struct ReplicaRow {
    name: String,
    version: String,
    status: Status,
    started: Option<Moment>,
    seen: Option<Moment>,
}

struct ReceiverRow {
    name: String,
    status: Status,
    trouble: Option<String>,
    delivered: Option<Moment>,
    failing_since: Option<Moment>,
    dropped: u64,
}

/// `GET /admin/service`.
#[handler]
pub(super) async fn state(desk: Desk<'_>) -> Response {
    let state = desk.services().overview.state(desk.caller()).await;
    desk.answer(state.map(|state| {
        let ServiceState {
            providers,
            replicas,
            receivers,
            now,
        } = state;
        desk.page(&Service {
            frame: &desk.site.device.frame,
            desk: desk.frame(desk::SERVICE),
            providers: providers
                .into_iter()
                .map(|one| provider(one, now))
                .collect(),
            replicas: replicas.into_iter().map(|one| replica(one, now)).collect(),
            receivers: receivers
                .into_iter()
                .map(|one| receiver(one, now))
                .collect(),
        })
    }))
}

fn provider(one: ProviderState, now: Timestamp) -> ProviderRow {
    let outage = one.outage.as_ref();
    ProviderRow {
        name: one.name.to_string(),
        display_name: one.display_name,
        status: outage.map_or(Status::WELL, |_| Status::OUTAGE),
        trouble: outage.map(|outage| outage.fault.code.to_string()),
        asked_again: outage.map(|outage| Moment::of(outage.probe_at, now)),
        accounts_probed: outage.map(|outage| outage.probed.len()),
    }
}

fn replica(one: Replica, now: Timestamp) -> ReplicaRow {
    ReplicaRow {
        status: match one.is_running(now) {
            true => Status::RUNS,
            false => Status::GONE,
        },
        started: Some(Moment::of(one.report.started_at, now)),
        seen: Some(Moment::of(one.seen_at, now)),
        name: one.report.name,
        version: one.report.version,
    }
}

fn receiver(one: Receiver, now: Timestamp) -> ReceiverRow {
    let moment = |at: Timestamp| Moment::of(at, now);
    ReceiverRow {
        name: one.name.to_string(),
        status: match one.failing_since {
            None => Status::WELL,
            Some(_) => Status::FAILS,
        },
        trouble: one.last_error.map(|fault| fault.detail),
        delivered: one.delivered_at.map(moment),
        failing_since: one.failing_since.map(moment),
        dropped: one.dropped,
    }
}
