//! What all requests to the page share.

use std::sync::Arc;

use central_oauth_domain::link::LinkCode;
use central_oauth_domain::usecases::Consents;
use url::Url;

use super::assets;
use super::cookie::BrowserCookie;

/// The page of one service.
pub(super) struct Site {
    /// The rules.
    pub(super) consents: Arc<Consents>,
    /// The public address of the service.
    pub(super) public_url: Url,
    /// The cookie of browsers.
    pub(super) cookie: BrowserCookie,
    /// The addresses in every page.
    pub(super) frame: Frame,
}

/// The addresses in every page. They are paths, so they work under any host name.
pub(super) struct Frame {
    /// The page itself.
    pub(super) page: String,
    /// The stylesheet.
    pub(super) style: String,
    /// The script.
    pub(super) script: String,
    /// The icon.
    pub(super) icon: String,
}

impl Site {
    pub(super) fn new(consents: Arc<Consents>, public_url: &Url) -> Self {
        Self {
            consents,
            public_url: public_url.clone(),
            cookie: BrowserCookie::new(public_url),
            frame: Frame::below(public_url),
        }
    }
}

impl Frame {
    /// The public address may contain a path, if a proxy serves us below one.
    fn below(public_url: &Url) -> Self {
        let page = format!("{}/device", public_url.path().trim_end_matches('/'));
        Self {
            style: assets::address(&page, &assets::STYLE),
            script: assets::address(&page, &assets::SCRIPT),
            icon: assets::address(&page, &assets::ICON),
            page,
        }
    }

    /// Returns the page of one link, in the browser that confirmed it.
    pub(super) fn link(&self, code: &LinkCode) -> String {
        format!("{}?code={}", self.page, code.digits())
    }

    /// Returns the address that the script polls.
    pub(super) fn status(&self, code: &LinkCode) -> String {
        format!("{}/status?code={}", self.page, code.digits())
    }
}
