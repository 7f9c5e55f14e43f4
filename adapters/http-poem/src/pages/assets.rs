//! Stylesheet, script and icon, compiled in.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use poem::error::NotFoundError;
use poem::http::{HeaderValue, StatusCode, header};
use poem::web::Path;
use poem::{Request, Response, Result, handler};

/// A file that the pages load.
pub(super) struct Asset {
    name: &'static str,
    content_type: &'static str,
    text: &'static str,
}

pub(super) const STYLE: Asset = Asset {
    name: "device.css",
    content_type: "text/css; charset=utf-8",
    text: include_str!("../../assets/device/device.css"),
};
pub(super) const ADMIN_STYLE: Asset = Asset {
    name: "admin.css",
    content_type: "text/css; charset=utf-8",
    text: include_str!("../../assets/device/admin.css"),
};
pub(super) const SCRIPT: Asset = Asset {
    name: "device.js",
    content_type: "text/javascript; charset=utf-8",
    text: include_str!("../../assets/device/device.js"),
};
pub(super) const ICON: Asset = Asset {
    name: "icon.svg",
    content_type: "image/svg+xml",
    text: include_str!("../../assets/device/icon.svg"),
};

/// Returns the address of a file. It contains a version, so browsers may cache the file forever.
pub(super) fn address(page: &str, asset: &Asset) -> String {
    format!("{page}/assets/{}?v={}", asset.name, asset.version())
}

impl Asset {
    /// A hash of the content.
    fn version(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.text.hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }
}

/// `GET /device/assets/{name}`.
#[handler]
pub(super) fn serve(request: &Request, Path(name): Path<String>) -> Result<Response> {
    let asset = [STYLE, ADMIN_STYLE, SCRIPT, ICON]
        .into_iter()
        .find(|asset| asset.name == name)
        .ok_or(NotFoundError)?;
    let version = asset.version();
    let etag = format!("\"{version}\"");
    let is_known = request.header(header::IF_NONE_MATCH) == Some(etag.as_str());
    let named_exactly = request.uri().query() == Some(format!("v={version}").as_str());
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into()
    } else {
        Response::builder()
            .content_type(asset.content_type)
            .body(asset.text)
    };
    let keep = if named_exactly {
        "public, max-age=31536000, immutable"
    } else {
        "public, no-cache"
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.extend(HeaderValue::try_from(etag).map(|etag| (header::ETAG, etag)));
    Ok(response)
}
