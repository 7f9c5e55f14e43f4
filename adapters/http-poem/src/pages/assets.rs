//! Stylesheet, script and icon, compiled in, and the operator's logo.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use poem::error::NotFoundError;
use poem::http::{HeaderValue, StatusCode, header};
use poem::web::{Data, Path};
use poem::{Request, Response, Result, handler};

use crate::operator_details::{Logo, LogoFormat};

/// A file that the pages load.
pub(super) struct Asset {
    name: &'static str,
    content_type: &'static str,
    bytes: Cow<'static, [u8]>,
}

/// The policy of the files. An SVG that a browser opens as a page can neither run scripts nor load anything.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

pub(super) static STYLE: Asset = Asset {
    name: "device.css",
    content_type: "text/css; charset=utf-8",
    bytes: Cow::Borrowed(include_bytes!("../../assets/device/device.css")),
};
pub(super) static ADMIN_STYLE: Asset = Asset {
    name: "admin.css",
    content_type: "text/css; charset=utf-8",
    bytes: Cow::Borrowed(include_bytes!("../../assets/device/admin.css")),
};
pub(super) static SCRIPT: Asset = Asset {
    name: "device.js",
    content_type: "text/javascript; charset=utf-8",
    bytes: Cow::Borrowed(include_bytes!("../../assets/device/device.js")),
};
pub(super) static ICON: Asset = Asset {
    name: "icon.svg",
    content_type: "image/svg+xml",
    bytes: Cow::Borrowed(include_bytes!("../../assets/device/icon.svg")),
};

/// Returns the path of a file. It contains a version, so browsers may cache the file forever.
pub(super) fn address(page: &str, asset: &Asset) -> String {
    format!("{page}/assets/{}?v={}", asset.name, asset.version())
}

impl From<&Logo> for Asset {
    fn from(logo: &Logo) -> Self {
        let (name, content_type) = match logo.format {
            LogoFormat::Png => ("logo.png", "image/png"),
            LogoFormat::Svg => ("logo.svg", "image/svg+xml"),
        };
        Self {
            name,
            content_type,
            bytes: Cow::Owned(logo.bytes.clone()),
        }
    }
}

impl Asset {
    /// Returns a hash of the content.
    fn version(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.bytes.hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }
}

/// `GET /device/assets/{name}`.
#[handler]
pub(super) fn serve(
    request: &Request,
    Path(name): Path<String>,
    Data(logo): Data<&Arc<Option<Asset>>>,
) -> Result<Response> {
    let asset = [&STYLE, &ADMIN_STYLE, &SCRIPT, &ICON]
        .into_iter()
        .chain(&**logo)
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
            .body(asset.bytes.to_vec())
    };
    let caching = if named_exactly {
        "public, max-age=31536000, immutable"
    } else {
        "public, no-cache"
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(CONTENT_SECURITY_POLICY),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.extend(HeaderValue::try_from(etag).map(|etag| (header::ETAG, etag)));
    Ok(response)
}
