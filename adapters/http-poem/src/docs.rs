//! Serves the OpenAPI document and Swagger UI, without any external host.

use std::sync::LazyLock;

use hyper::body::Bytes;
use poem::endpoint::make_sync;
use poem::http::header;
use poem::{Body, Response, Route, RouteMethod, get};
use poem_openapi::OpenApiService;
use url::Url;

use crate::spec::{spec_json, spec_yaml};

/// Swagger UI's scripts set styles through the DOM, which this policy allows. Its icons are `data:` URLs.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Relative URLs also work if a proxy serves this page below a path.
const PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Central OAuth API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
<script src="docs/swagger-ui.js" defer></script>
<script src="docs/start.js" defer></script>
</head>
<body>
<noscript>Swagger UI needs JavaScript. The document itself is <a href="openapi.json">openapi.json</a>.</noscript>
<div id="ui"></div>
</body>
</html>
"#;

/// `validatorUrl: null` stops Swagger UI from sending the document's URL to a validator on the internet.
const START: &str = r##"SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#ui",
  deepLinking: true,
  validatorUrl: null,
});
"##;

/// The parts of Swagger UI, extracted from poem-openapi's page. The page itself is not served, because its inline
/// scripts and styles violate a strict policy.
struct Assets {
    style: String,
    script: String,
}

static ASSETS: LazyLock<Assets> = LazyLock::new(|| {
    let page = OpenApiService::new((), "", "").swagger_ui_html();
    Assets {
        style: inner(&page, "style"),
        script: inner(&page, "script"),
    }
});

/// Returns the content of the first element of this name.
fn inner(page: &str, element: &str) -> String {
    let content = page
        .split_once(&format!("<{element} charset=\"UTF-8\">"))
        .and_then(|(_, rest)| rest.split_once(&format!("</{element}>")));
    content.map_or_else(String::new, |(content, _)| content.to_owned())
}

/// Returns the routes of the documents and the page. If a proxy serves this service below a path, the public URL has
/// that path. Each document is generated at its first request, so that it does not delay the start.
pub(crate) fn routes(public_url: &Url) -> Route {
    const HOUR: &str = "public, max-age=3600";
    let document = |content_type, write: fn(&str) -> String| {
        let server = match public_url.path().trim_end_matches('/') {
            "" => "/".to_owned(),
            path => path.to_owned(),
        };
        let text = LazyLock::new(move || Bytes::from(write(&server)));
        file(content_type, "no-cache", move || Bytes::clone(&text))
    };
    Route::new()
        .at("/openapi.json", document("application/json", spec_json))
        .at("/openapi.yaml", document("application/yaml", spec_yaml))
        .at(
            "/docs",
            file("text/html; charset=utf-8", "no-cache", || PAGE),
        )
        .at(
            "/docs/swagger-ui.css",
            file("text/css; charset=utf-8", HOUR, || ASSETS.style.as_str()),
        )
        .at(
            "/docs/swagger-ui.js",
            file("text/javascript; charset=utf-8", HOUR, || {
                ASSETS.script.as_str()
            }),
        )
        .at(
            "/docs/start.js",
            file("text/javascript; charset=utf-8", HOUR, || START),
        )
}

/// Serves a file from memory.
fn file<T: Into<Body>>(
    content_type: &'static str,
    caching: &'static str,
    text: impl Fn() -> T + Send + Sync + 'static,
) -> RouteMethod {
    get(make_sync(move |_| {
        Response::builder()
            .content_type(content_type)
            .header(header::CACHE_CONTROL, caching)
            .header(header::CONTENT_SECURITY_POLICY, POLICY)
            .body(text())
    }))
}
