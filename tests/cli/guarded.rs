//! A server that requires a token: a git repository, a WebDAV folder.

use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use poem::http::{StatusCode, header};
use poem::listener::{Acceptor as _, Listener as _, TcpListener};
use poem::{Endpoint, Request, Response};

/// One file in the root of the WebDAV folder (RFC 4918).
const LISTING: &str = r#"<?xml version="1.0"?><d:multistatus xmlns:d="DAV:">
<d:response><d:href>/</d:href><d:propstat><d:prop><d:resourcetype><d:collection/></d:resourcetype></d:prop>
<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>
<d:response><d:href>/report.txt</d:href><d:propstat><d:prop><d:resourcetype/><d:getcontentlength>2</d:getcontentlength>
<d:getlastmodified>Mon, 05 Jan 2026 08:00:00 GMT</d:getlastmodified></d:prop>
<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response></d:multistatus>"#;

struct Guarded {
    /// The `Authorization` headers that are accepted.
    accepted: [String; 2],
    files: PathBuf,
}

/// Serves these files to holders of this token, as bearer or as the password of `oauth2`. Returns the address.
pub(super) async fn serve(token: &str, files: PathBuf) -> String {
    let basic = BASE64_STANDARD.encode(format!("oauth2:{token}"));
    let guarded = Guarded {
        accepted: [format!("Bearer {token}"), format!("Basic {basic}")],
        files,
    };
    let listener = TcpListener::bind("127.0.0.1:0");
    let acceptor = listener.into_acceptor().await.unwrap();
    let address = acceptor.local_addr()[0]
        .as_socket_addr()
        .unwrap()
        .to_string();
    tokio::spawn(poem::Server::new_with_acceptor(acceptor).run(guarded));
    address
}

impl Endpoint for Guarded {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let shown = request.header("authorization").unwrap_or_default();
        if !self.accepted.iter().any(|accepted| accepted == shown) {
            let refused = Response::builder().status(StatusCode::UNAUTHORIZED);
            return Ok(refused.header(header::WWW_AUTHENTICATE, "Basic").finish());
        }
        if request.method().as_str() == "PROPFIND" {
            let listing = Response::builder().status(StatusCode::MULTI_STATUS);
            return Ok(listing.content_type("application/xml").body(LISTING));
        }
        let path = request.uri().path().trim_start_matches('/').to_owned();
        Ok(match std::fs::read(self.files.join(path)) {
            Ok(bytes) => Response::builder().body(bytes),
            Err(_) => Response::builder().status(StatusCode::NOT_FOUND).finish(),
        })
    }
}
