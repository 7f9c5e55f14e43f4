//! The headers of responses that are for one person only.

use poem::http::header;
use poem::middleware::SetHeader;

/// Allows only this service's own files, and forbids framing.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
     img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Sets the headers. The referrer stays within the site, so that the provider never sees a link code. With
/// `no-referrer`, Chromium would send the forms of these pages with `Origin: null`.
pub(super) fn private() -> SetHeader {
    SetHeader::new()
        .overriding(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY)
        .overriding(header::CACHE_CONTROL, "no-store")
        .overriding(header::X_FRAME_OPTIONS, "DENY")
        .overriding(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .overriding(header::REFERRER_POLICY, "same-origin")
        .overriding("cross-origin-opener-policy", "same-origin")
        .overriding("cross-origin-resource-policy", "same-origin")
        .overriding("x-robots-tag", "noindex, nofollow")
}
