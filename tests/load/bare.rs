//! The cost of a poem-openapi handler without a service behind it: with the request id and the headers of the service,
//! and responses of the same size.

use std::sync::atomic::{AtomicU64, Ordering};

use poem::http::{HeaderName, HeaderValue, header};
use poem::listener::{Acceptor as _, Listener as _, TcpListener};
use poem::{EndpointExt as _, IntoEndpoint as _, Response, Server};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi, OpenApiService};

/// The headers that the service adds to every response.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::CACHE_CONTROL, "no-store"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
];

struct Bare;

#[derive(Object)]
struct Status {
    status: String,
}

/// As the service answers `GET /v1/token` for an account of the benchmark.
#[derive(Object)]
struct Token {
    access_token: String,
    token_type: String,
    expires_at: String,
    expires_in: u64,
    scopes: Vec<String>,
    account: Account,
}

#[derive(Object)]
struct Account {
    id: String,
    provider: String,
    account_id: String,
    display_name: String,
    status: String,
}

#[OpenApi(prefix_path = "/v1")]
impl Bare {
    #[oai(path = "/healthz", method = "get")]
    async fn health(&self) -> Json<Status> {
        let status = "ok".to_owned();
        Json(Status { status })
    }

    #[oai(path = "/token", method = "get")]
    async fn token(&self) -> Json<Token> {
        Json(Token {
            access_token: "a".repeat(43),
            token_type: "Bearer".to_owned(),
            expires_at: "2026-01-01T00:00:00Z".to_owned(),
            expires_in: 86_399,
            scopes: vec!["read:org".to_owned(), "repo".to_owned()],
            account: Account {
                id: "1000".to_owned(),
                provider: "default".to_owned(),
                account_id: "person-1000".to_owned(),
                display_name: "Person 1000".to_owned(),
                status: "active".to_owned(),
            },
        })
    }
}

/// Serves without any limits.
pub(super) async fn serve() {
    let listener = TcpListener::bind("127.0.0.1:0").into_acceptor().await;
    let listener = listener.expect("no port");
    let address = listener.local_addr();
    let address = address.first().and_then(|one| one.as_socket_addr());
    println!("{}", address.expect("no address").port());
    let api = OpenApiService::new(Bare, "bare", "1").into_endpoint();
    let api = api.after(|answer| async move { answer.map(with_headers) });
    let server = Server::new_with_acceptor(listener);
    let until = super::wait_for_the_end();
    let served = server.run_with_graceful_shutdown(api, until, None).await;
    served.expect("it does not serve");
}

fn with_headers(mut response: Response) -> Response {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let id = format!("{:016x}", NEXT.fetch_add(1, Ordering::Relaxed));
    let headers = response.headers_mut();
    headers.reserve(HEADERS.len() + 1);
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let id = HeaderValue::try_from(id).expect("digits");
    headers.insert("x-request-id", id);
    response
}
