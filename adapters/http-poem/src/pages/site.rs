//! The state that all requests to the pages share.

use std::sync::Arc;

use central_oauth_domain::link::LinkCode;
use central_oauth_domain::usecases::Consents;
use url::Url;

use super::assets::{self, Asset};
use super::cookie::BrowserCookie;
use crate::operator_details::OperatorDetails;

/// The state of the pages at `/device`.
pub(super) struct Site {
    pub(super) consents: Arc<Consents>,
    pub(super) public_url: Url,
    pub(super) cookie: BrowserCookie,
    /// The parts that every page shows.
    pub(super) frame: Frame,
}

/// The parts that every page shows. The URLs are paths, so they work under any host name.
pub(super) struct Frame {
    pub(super) page: String,
    pub(super) style: String,
    pub(super) script: String,
    pub(super) icon: String,
    pub(super) logo: Option<String>,
    pub(super) operator: OperatorDetails,
}

impl Site {
    pub(super) fn new(
        consents: Arc<Consents>,
        public_url: &Url,
        operator: OperatorDetails,
        logo: Option<&Asset>,
    ) -> Self {
        Self {
            consents,
            public_url: public_url.clone(),
            cookie: BrowserCookie::new(public_url),
            frame: Frame::below(public_url, operator, logo),
        }
    }
}

impl Frame {
    /// Creates the frame for pages below the path of the public URL. The URL has a path if a proxy serves this service
    /// below that path.
    fn below(public_url: &Url, operator: OperatorDetails, logo: Option<&Asset>) -> Self {
        let page = format!("{}/device", public_url.path().trim_end_matches('/'));
        Self {
            style: assets::address(&page, &assets::STYLE),
            script: assets::address(&page, &assets::SCRIPT),
            icon: assets::address(&page, &assets::ICON),
            logo: logo.map(|logo| assets::address(&page, logo)),
            operator,
            page,
        }
    }

    /// Returns the path of the page of one link, in the browser that confirmed it.
    pub(super) fn link(&self, code: &LinkCode) -> String {
        format!("{}?code={}", self.page, code.digits())
    }

    /// Returns the path that the script polls.
    pub(super) fn status(&self, code: &LinkCode) -> String {
        format!("{}/status?code={}", self.page, code.digits())
    }
}
