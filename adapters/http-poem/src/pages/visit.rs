//! One request to the page, and the browser behind it.

use std::net::IpAddr;
use std::sync::Arc;

use askama::Template;
use central_oauth_domain::link::LinkCode;
use central_oauth_domain::secret::BrowserToken;
use central_oauth_domain::usecases::{Consents, Visitor};
use poem::http::{HeaderValue, StatusCode, header};
use poem::{Request, Response};

use super::cookie::{csrf_field, is_csrf_token};
use super::form::Form;
use super::origin;
use super::site::Site;
use crate::address::client_address;

/// A request together with its browser.
pub(super) struct Visit<'a> {
    /// What all requests share.
    pub(super) site: &'a Site,
    /// The token of the browser: its cookie, or one that it gets with the answer.
    pub(super) browser: BrowserToken,
    /// What the browser's forms carry.
    pub(super) csrf: String,
    address: IpAddr,
    is_known: bool,
    is_own: bool,
}

impl<'a> Visit<'a> {
    pub(super) fn of(site: &'a Site, request: &Request) -> Self {
        let shown = site.cookie.read(request);
        let is_known = shown.is_some();
        let browser = shown.unwrap_or_else(|| site.consents.new_browser());
        Self {
            csrf: csrf_field(&site.consents.csrf_token(&browser)),
            address: client_address(request),
            is_own: origin::is_own(request, &site.public_url),
            site,
            browser,
            is_known,
        }
    }

    /// The rules.
    pub(super) fn consents(&self) -> &'a Arc<Consents> {
        &self.site.consents
    }

    /// The browser as the rules know it.
    pub(super) fn visitor(&self) -> Visitor<'_> {
        Visitor {
            browser: &self.browser,
            address: self.address,
        }
    }

    /// Whether this browser came with a cookie; a new one cannot own anything.
    pub(super) const fn is_known(&self) -> bool {
        self.is_known
    }

    /// Why a form cannot be trusted to be this person's own, if so.
    pub(super) fn distrust(&self, form: &Form) -> Option<Distrust> {
        let token = self.site.consents.csrf_token(&self.browser);
        if !self.is_own {
            Some(Distrust::OtherSite)
        } else if !self.is_known {
            Some(Distrust::NoCookie)
        } else if !is_csrf_token(&form.csrf, &token) {
            Some(Distrust::WrongToken)
        } else {
            None
        }
    }

    /// Answers with a page.
    pub(super) fn page(&self, status: StatusCode, page: &impl Template) -> Response {
        match page.render() {
            Ok(html) => self.remember(
                Response::builder()
                    .status(status)
                    .content_type("text/html; charset=utf-8")
                    .body(html),
            ),
            Err(error) => {
                tracing::error!(%error, "a page could not be rendered");
                StatusCode::INTERNAL_SERVER_ERROR.into()
            }
        }
    }

    /// Sends the browser to the page of a link that it confirmed, so that reloading repeats nothing.
    pub(super) fn to_link(&self, code: &LinkCode) -> Response {
        let response = Response::builder()
            .status(StatusCode::SEE_OTHER)
            .header(header::LOCATION, self.site.frame.link(code))
            .finish();
        self.remember(response)
    }

    /// Gives the browser its cookie, or lets it keep it for longer.
    fn remember(&self, mut response: Response) -> Response {
        let cookie = HeaderValue::try_from(self.site.cookie.write(&self.browser));
        let headers = response.headers_mut();
        headers.extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
        response
    }
}

/// Why a form is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Distrust {
    /// The browser says that another site sent it.
    OtherSite,
    /// The browser shows no cookie.
    NoCookie,
    /// It was made for another browser, or before the cookie was lost.
    WrongToken,
}
