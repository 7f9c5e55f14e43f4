//! A request to a page, and the browser that sent it.

use std::net::IpAddr;
use std::sync::Arc;

use askama::Template;
use central_oauth_domain::link::{LinkCode, Network};
use central_oauth_domain::secret::BrowserToken;
use central_oauth_domain::usecases::{Consents, LinkView, Refusal, Visitor};
use poem::http::{HeaderValue, StatusCode, header};
use poem::{Request, Response};

use super::cookie::{csrf_field, is_csrf_token};
use super::form::Fields;
use super::see_other;
use super::site::Site;
use super::texts::Texts;
use crate::address::client_address;
use crate::middleware::id_of;
use crate::origin;

/// The query parameter of a link's page after a temporary error at the provider.
const AGAIN: &str = "again";

/// A request with its browser.
pub(super) struct Visit<'a> {
    /// The state that all requests to the pages share.
    pub(super) site: &'a Site,
    /// The token of the browser: its cookie, or a new one that the response sets.
    pub(super) browser: BrowserToken,
    pub(super) csrf: String,
    /// The texts in the language of the browser.
    pub(super) texts: Texts,
    /// The request id, with which the operator finds the request in the log.
    pub(super) request_id: String,
    pub(super) address: IpAddr,
    /// Whether the person comes back from the provider with a temporary error.
    pub(super) is_sent_again: bool,
    /// Whether this browser sent a cookie. A new browser cannot own a link.
    pub(super) is_known: bool,
    is_own: bool,
    /// Whether responses set the cookie.
    sets_cookie: bool,
}

impl<'a> Visit<'a> {
    pub(super) fn of(site: &'a Site, request: &Request) -> Self {
        Self::with_token(site, request, site.cookie.read(request))
    }

    /// Returns the visit of a browser with this token, or of a new browser.
    pub(super) fn with_token(
        site: &'a Site,
        request: &Request,
        token: Option<BrowserToken>,
    ) -> Self {
        let is_known = token.is_some();
        let browser = token.unwrap_or_else(|| site.consents.new_browser());
        let is_own = origin::is_own(request, &site.public_url);
        Self {
            csrf: csrf_field(&site.consents.csrf_token(&browser)),
            texts: Texts::accepted(request),
            request_id: id_of(request).to_owned(),
            address: client_address(request),
            is_sent_again: Fields::of_query(request).get(AGAIN).is_some(),
            // Browsers omit their cookie when another site submits a form. A new cookie in the response would overwrite
            // it.
            sets_cookie: is_known || is_own || request.method().is_safe(),
            site,
            browser,
            is_known,
            is_own,
        }
    }

    /// Uses the English texts, whatever the browser prefers.
    pub(super) fn in_english(self) -> Self {
        let texts = Texts::english();
        Self { texts, ..self }
    }

    pub(super) fn consents(&self) -> &'a Arc<Consents> {
        &self.site.consents
    }

    /// Returns the browser as the domain sees it.
    pub(super) fn visitor(&self) -> Visitor<'_> {
        Visitor {
            browser: &self.browser,
            address: self.address,
        }
    }

    /// Looks up a link by a code that the person has entered or confirmed.
    pub(super) async fn look_up(&self, code: &LinkCode) -> Result<LinkView, Refusal> {
        let consents = self.consents();
        consents.look_up(code.digits(), &self.visitor()).await
    }

    /// Whether an address is in the network of this browser, if that is known.
    pub(super) fn is_near(&self, address: &str) -> Option<bool> {
        is_near(address.parse().ok()?, self.address)
    }

    /// Returns the link with this code, if this browser has confirmed it.
    pub(super) async fn own_link(&self, code: &LinkCode) -> Result<Option<LinkView>, Refusal> {
        if !self.is_known {
            return Ok(None);
        }
        let consents = self.consents();
        consents.confirmed_by(code.digits(), &self.browser).await
    }

    /// Returns the reason not to trust a form, if there is one.
    pub(super) fn distrust(&self, csrf: &str) -> Option<Distrust> {
        let token = self.site.consents.csrf_token(&self.browser);
        if !self.is_own {
            Some(Distrust::OtherSite)
        } else if !self.is_known {
            Some(Distrust::NoCookie)
        } else if !is_csrf_token(csrf, &token) {
            Some(Distrust::WrongToken)
        } else {
            None
        }
    }

    pub(super) fn page(&self, status: StatusCode, page: &impl Template) -> Response {
        let mut response = html(status, page);
        let headers = response.headers_mut();
        let language = HeaderValue::from_static(self.texts.tag());
        headers.insert(header::CONTENT_LANGUAGE, language);
        let varies = HeaderValue::from_static("accept-language");
        headers.insert(header::VARY, varies);
        match self.sets_cookie {
            true => self.site.cookie.set(response, &self.browser),
            false => response,
        }
    }

    /// Redirects to the page of a link that the browser confirmed, so that reloading repeats nothing.
    pub(super) fn to_link(&self, code: &LinkCode) -> Response {
        self.to(&self.site.frame.link(code))
    }

    /// Redirects to the page of a link. The page says that the sign-in was not completed.
    pub(super) fn to_link_again(&self, code: &LinkCode) -> Response {
        self.to(&format!("{}&{AGAIN}", self.site.frame.link(code)))
    }

    fn to(&self, address: &str) -> Response {
        self.site.cookie.set(see_other(address), &self.browser)
    }
}

pub(super) fn html(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => Response::builder()
            .status(status)
            .content_type("text/html; charset=utf-8")
            .body(html),
        Err(error) => {
            tracing::error!(%error, "page failed: it could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into()
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Distrust {
    /// The headers say that another site sent the form.
    OtherSite,
    NoCookie,
    /// The form was made for another browser, or before the cookie was lost.
    WrongToken,
}

/// Whether two addresses are in one network. `None` for private addresses, which may be those of proxies in front of
/// any network. `None` also for an IPv4 and an IPv6 address, because one network often has both.
fn is_near(one: IpAddr, other: IpAddr) -> Option<bool> {
    let (one, other) = (one.to_canonical(), other.to_canonical());
    let is_known = |address: &IpAddr| match address {
        IpAddr::V4(ip) => !(ip.is_loopback() || ip.is_private() || ip.is_unspecified()),
        IpAddr::V6(ip) => !(ip.is_loopback() || ip.is_unique_local() || ip.is_unspecified()),
    };
    let are_comparable = is_known(&one) && is_known(&other) && one.is_ipv4() == other.is_ipv4();
    are_comparable.then(|| Network::of(one) == Network::of(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_compared_where_they_are_known() {
        let near = |one: &str, other: &str| is_near(one.parse().unwrap(), other.parse().unwrap());
        assert_eq!(near("198.51.100.7", "198.51.100.7"), Some(true));
        assert_eq!(near("198.51.100.7", "::ffff:198.51.100.7"), Some(true));
        assert_eq!(near("198.51.100.7", "198.51.100.8"), Some(false));
        assert_eq!(near("2001:db8::1", "2001:db8::2"), Some(true));
        assert_eq!(near("2001:db8::1", "2001:db8:0:1::1"), Some(false));
        assert_eq!(near("198.51.100.7", "2001:db8::1"), None);
        assert_eq!(near("2001:db8::1", "::ffff:198.51.100.7"), None);
        for inward in ["127.0.0.1", "10.0.0.1", "::1", "fd00::1", "0.0.0.0"] {
            assert_eq!(near(inward, inward), None, "{inward}");
            assert_eq!(near(inward, "198.51.100.7"), None, "{inward}");
        }
    }
}
