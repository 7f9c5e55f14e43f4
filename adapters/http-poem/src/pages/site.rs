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
    /// Where people reach the service.
    pub(super) public_url: Url,
    /// How browsers are recognised.
    pub(super) cookie: BrowserCookie,
    /// The addresses in every page.
    pub(super) frame: Frame,
}

/// The addresses in every page: paths, so they hold under whatever name the service is reached.
pub(super) struct Frame {
    /// The page itself.
    pub(super) page: String,
    /// Its stylesheet.
    pub(super) style: String,
    /// Its script.
    pub(super) script: String,
    /// Its icon.
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
    /// A proxy may serve us below a path of its own: the public address says so.
    fn below(public_url: &Url) -> Self {
        let page = format!("{}/device", public_url.path().trim_end_matches('/'));
        Self {
            style: assets::address(&page, &assets::STYLE),
            script: assets::address(&page, &assets::SCRIPT),
            icon: assets::address(&page, &assets::ICON),
            page,
        }
    }

    /// The page of one link, in the browser that confirmed it.
    pub(super) fn link(&self, code: &LinkCode) -> String {
        format!("{}?code={}", self.page, code.digits())
    }

    /// Where the script asks how a link stands.
    pub(super) fn status(&self, code: &LinkCode) -> String {
        format!("{}/status?code={}", self.page, code.digits())
    }
}
