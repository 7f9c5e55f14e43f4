//! The ways in which a provider fails, in raw bytes.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::sleep;

/// More than the service may ever read. The provider stops sending here if the service has not disconnected.
const MOST_BYTES: usize = 64 * 1024 * 1024;
/// Longer than any call of these tests may take.
const FOR_EVER: Duration = Duration::from_secs(60);

/// A provider's failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Nobody listens.
    Refused,
    /// Accepts the request and closes the connection.
    HangsUp,
    /// Accepts the request and never responds.
    Silent,
    /// Sends a byte every 300 ms: no single pause is long, but the whole response takes too long.
    Drips,
    Html,
    Http500,
    /// Responds with `Retry-After`, in seconds.
    Http503(u32),
    /// Announces more than it sends.
    Truncated,
    BrokenJson,
    /// JSON with values of wrong types.
    WrongShape,
    Empty,
    /// A good response after 10 MB of white space.
    Huge,
    /// A body without an end.
    Endless,
    /// Headers without an end.
    EndlessHead,
    /// A redirect to another host.
    Redirects(u16),
    Garbage,
    /// Quotes the whole request, secrets and all.
    Echoes,
    /// Sends this body with status 200.
    Says(&'static str),
    /// A definite OAuth error, with the whole request quoted.
    Refuses(&'static str),
}

impl Trouble {
    /// Temporary failures, and what the log says about them.
    pub(super) const PASSING: [(Self, &'static str); 17] = [
        (Self::Refused, "onnection refused"),
        (Self::HangsUp, "error sending request"),
        (Self::Silent, "no response in time"),
        (Self::Drips, "no response in time"),
        (Self::Html, "HTML (HTTP 200)"),
        (Self::Http500, "HTTP 500"),
        (Self::Http503(3), "HTTP 503"),
        (Self::Truncated, "error decoding response body"),
        (Self::BrokenJson, "broken JSON"),
        (Self::WrongShape, "invalid response"),
        (Self::Empty, "an empty body"),
        (Self::Huge, "more than 2097152 bytes"),
        (Self::Endless, "more than 2097152 bytes"),
        (Self::EndlessHead, "error sending request"),
        (
            Self::Redirects(0),
            "a redirect, which the service does not follow",
        ),
        (Self::Garbage, "error sending request"),
        (Self::Echoes, "[removed]"),
    ];

    /// Performs the failure on a connection with this `request`, whose correct response would be `good`. Returns the
    /// number of sent bytes.
    pub(super) async fn make(self, stream: &mut TcpStream, request: &str, good: &str) -> usize {
        match self {
            Self::Refused | Self::HangsUp => 0,
            Self::Silent => until_closed(stream).await,
            Self::Drips => pour(stream, &head(200, good.len(), ""), b" ", Some(300)).await,
            Self::Huge => {
                let padding = " ".repeat(10 * 1024 * 1024);
                write(stream, &answer(200, "", &format!("{padding}{good}"))).await
            }
            Self::Endless => {
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n";
                pour(stream, head, &[b' '; 65_536], None).await
            }
            Self::EndlessHead => {
                pour(
                    stream,
                    "HTTP/1.1 200 OK\r\n",
                    &b"X-More: and more\r\n".repeat(3000),
                    None,
                )
                .await
            }
            _ => write(stream, &self.text(request, good)).await,
        }
    }

    fn text(self, request: &str, good: &str) -> String {
        const HTML: &str = "<!doctype html><title>Sign in</title><h1>Sign in</h1>";
        let quoted = |code: &str| {
            serde_json::json!({ "error": code, "error_description": request }).to_string()
        };
        match self {
            Self::Html => answer(200, "", HTML),
            Self::Http500 => answer(500, "", HTML),
            Self::Http503(wait) => answer(503, &format!("Retry-After: {wait}\r\n"), HTML),
            Self::Truncated => format!("{}{}", head(200, good.len(), ""), &good[..good.len() / 2]),
            Self::BrokenJson => answer(200, "", &good[..good.len() / 2]),
            Self::WrongShape => answer(
                200,
                "",
                r#"{"device_code":7,"user_code":[],"access_token":{"a":1},"sub":["x"],"id":{}}"#,
            ),
            Self::Redirects(port) => {
                let location = format!("Location: http://localhost:{port}/elsewhere\r\n");
                // Status 307 makes a client repeat the method and the body.
                answer(307, &location, good)
            }
            Self::Garbage => "\u{16}\u{3}\u{1}\0\u{5}hello\0\0\r\n\r\nthis is no HTTP".to_owned(),
            Self::Says(text) => answer(200, "", text),
            Self::Echoes => answer(500, "", &quoted("server_error")),
            Self::Refuses(code) => {
                let status = if code == "invalid_token" { 401 } else { 400 };
                answer(status, "", &quoted(code))
            }
            _ => answer(200, "", ""),
        }
    }
}

/// Returns a complete response. It ends the connection, so that each request meets the provider's current state.
pub(super) fn answer(status: u16, headers: &str, body: &str) -> String {
    format!("{}{body}", head(status, body.len(), headers))
}

fn head(status: u16, length: usize, headers: &str) -> String {
    format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n{headers}\r\n"
    )
}

/// Returns the number of written bytes. The client may have disconnected.
async fn write(stream: &mut TcpStream, text: &str) -> usize {
    let written = stream.write_all(text.as_bytes()).await;
    written.map_or(0, |()| text.len())
}

async fn until_closed(stream: &mut TcpStream) -> usize {
    let mut rest = [0; 64];
    let closed = async { while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {} };
    // Nobody waits that long, and no test may hang.
    let _ = tokio::time::timeout(FOR_EVER, closed).await;
    0
}

/// Repeats the text, with a pause in milliseconds, until the client disconnects.
async fn pour(stream: &mut TcpStream, head: &str, piece: &[u8], pause: Option<u64>) -> usize {
    let mut sent = write(stream, head).await;
    while sent < MOST_BYTES && stream.write_all(piece).await.is_ok() {
        sent += piece.len();
        if let Some(pause) = pause {
            sleep(Duration::from_millis(pause)).await;
        }
    }
    sent
}
