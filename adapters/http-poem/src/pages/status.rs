//! `GET /device/status`: the status of this browser's link, for the page's script.

use std::sync::Arc;

use poem::web::{Data, Json};
use poem::{Request, Result, handler};
use serde::Serialize;

use super::site::Site;
use super::visit::Visit;
use super::{progress, show};
use crate::error::{Code, Problem};

#[derive(Serialize)]
struct Report {
    /// Changes when the page must reload.
    stage: &'static str,
    /// Seconds until the link expires.
    expires_in: u64,
}

/// Returns the status only to the browser that confirmed the link. Other browsers get 404.
#[handler]
pub(super) async fn report(
    request: &Request,
    Data(site): Data<&Arc<Site>>,
) -> Result<Json<Report>> {
    let visit = Visit::of(site, request);
    let view = match show::code_of(request) {
        Some(code) => visit.own_link(&code).await.map_err(Problem::from)?,
        None => None,
    };
    let view = view.ok_or_else(|| {
        Problem::new(
            Code::NotFound,
            "this browser has not confirmed a link with this code",
        )
    })?;
    Ok(Json(Report {
        stage: progress::stage(&view),
        expires_in: progress::time_left(&view).as_secs(),
    }))
}
