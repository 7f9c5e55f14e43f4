//! Servers for one test, and a provider that uses them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::{Identity, ProviderName, TokenGrant};
use central_oauth_domain::ports::{
    Clock, Consent, ConsentHandle, ConsentRequest, OAuthProvider, ProviderError, Redemption,
    RefreshAnswer, RefreshError, Revoked, TokenToRevoke,
};
use central_oauth_domain::secret::{AccessToken, CallbackQuery, DeviceCode, IdToken, RefreshToken};
use central_oauth_domain::testing::seeded_entropy;
use central_oauth_provider_openidconnect::{OpenIdConnectProvider, ProviderSettings};
use poem::http::{HeaderMap, StatusCode};
use poem::listener::TcpAcceptor;
use poem::{Endpoint, Request, Response, Server};
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use url::Url;

/// The device code that the tests send.
pub(crate) const DEVICE_CODE: &str = "device-code+1/2=3";
/// The access token that the tests send.
pub(crate) const ACCESS_TOKEN: &str = "access-token-1234";

/// The refresh token that the tests send.
pub(crate) const REFRESH_TOKEN: &str = "refresh-token+1/2=3";

/// The state that binds a callback to its link.
pub(crate) const STATE: &str = "state+1/2=3";
/// The redirect URI.
pub(crate) const REDIRECT_URI: &str = "https://broker.example.com/callback/work";

/// A received request.
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    /// Returns the value of a header. Returns an empty text if the header is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Returns the fields of the form in the body.
    pub(crate) fn form(&self) -> HashMap<String, String> {
        url::form_urlencoded::parse(self.body.as_bytes())
            .into_owned()
            .collect()
    }
}

/// A server that records its requests and sends scripted responses.
pub(crate) struct Stub {
    /// The base URL of the server, without a trailing slash.
    pub(crate) base: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Stub {
    /// Starts a server. The arguments of `answer` are the request and the base URL.
    pub(crate) async fn start(
        answer: impl Fn(&Seen, &str) -> Response + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::default();
        let endpoint = endpoint(base.clone(), Arc::clone(&seen), answer);
        let server = Server::new_with_acceptor(TcpAcceptor::from_tokio(listener).unwrap());
        let task = tokio::spawn(async move { server.run(endpoint).await.unwrap() });
        Self { base, seen, task }
    }

    /// Starts a server with the same response to all requests.
    pub(crate) async fn saying(status: u16, content_type: &'static str, body: &str) -> Self {
        let body = body.to_owned();
        Self::start(move |_, _| reply(status, content_type, body.clone())).await
    }

    /// Returns how often a path was requested.
    pub(crate) fn count(&self, path: &str) -> usize {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|request| request.path == path).count()
    }

    /// Calls `look` with the last request.
    pub(crate) fn last<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(self.seen.lock().unwrap().last().expect("a request"))
    }
}

/// Adds a header to a response.
pub(crate) trait WithHeader {
    fn with_header_value(self, name: &'static str, value: &'static str) -> Self;
}

impl WithHeader for Response {
    fn with_header_value(mut self, name: &'static str, value: &'static str) -> Self {
        let value = poem::http::HeaderValue::from_static(value);
        self.headers_mut().insert(name, value);
        self
    }
}

/// A base URL at which no server listens. Until this value is dropped, no other test can get its port.
pub(crate) struct Nobody {
    /// The address.
    pub(crate) base: String,
    _socket: TcpSocket,
}

impl Nobody {
    /// Binds a free port without listening.
    pub(crate) fn listens() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let base = format!("http://{}", socket.local_addr().unwrap());
        Self {
            base,
            _socket: socket,
        }
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn endpoint(
    base: String,
    log: Arc<Mutex<Vec<Seen>>>,
    answer: impl Fn(&Seen, &str) -> Response + Send + Sync + 'static,
) -> impl Endpoint<Output = Response> {
    let shared = Arc::new((base, log, answer));
    poem::endpoint::make(move |mut request: Request| {
        let shared = Arc::clone(&shared);
        async move {
            let (base, log, answer) = &*shared;
            let seen = Seen {
                method: request.method().to_string(),
                path: request.uri().path().to_owned(),
                headers: request.headers().clone(),
                body: request.take_body().into_string().await.unwrap(),
            };
            let response = answer(&seen, base);
            log.lock().unwrap().push(seen);
            response
        }
    })
}

/// Starts a TCP server and returns its base URL. Calls `serve` with the socket when a request has arrived.
pub(crate) async fn raw<F>(serve: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.read(&mut [0; 16 * 1024]).await;
            tokio::spawn(serve(socket));
        }
    });
    base
}

/// Creates a response.
pub(crate) fn reply(status: u16, content_type: &str, body: impl Into<poem::Body>) -> Response {
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap())
        .content_type(content_type)
        .body(body)
}

pub(crate) fn json(status: u16, body: &Value) -> Response {
    reply(status, "application/json", body.to_string())
}

/// Returns a JWK set if the request accepts this media type, and 406 otherwise.
pub(crate) fn keys_as(media_type: &str, keys: &Value, seen: &Seen) -> Response {
    let mut accepted = seen.header("accept").split(',').map(str::trim);
    if accepted.any(|range| range == media_type) {
        reply(200, media_type, keys.to_string())
    } else {
        reply(406, "text/plain", "not acceptable")
    }
}

/// A clock that only the test advances.
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    /// 15 January 2027, 08:00:00 UTC.
    pub(crate) const START: i64 = 1_800_000_000;

    pub(crate) fn new() -> Self {
        Self(AtomicI64::new(Self::START * 1000))
    }

    pub(crate) fn advance(&self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap();
        self.0.fetch_add(millis, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }

    fn uptime(&self) -> Duration {
        self.now().since(Timestamp::from_millis(0))
    }
}

/// A provider under test and its clock.
pub(crate) struct Subject {
    pub(crate) provider: OpenIdConnectProvider,
    pub(crate) clock: Arc<TestClock>,
}

impl Subject {
    pub(crate) fn new(settings: ProviderSettings) -> Self {
        // Another test may have installed the provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = Arc::new(TestClock::new());
        let entropy = Arc::new(seeded_entropy(1));
        let provider = OpenIdConnectProvider::new(settings, clock.clone(), entropy).unwrap();
        Self { provider, clock }
    }

    /// Creates a provider for a plain OAuth 2.0 server at this base URL.
    pub(crate) fn plain(base: &str) -> Self {
        Self::new(plain(base))
    }

    pub(crate) async fn begin(&self) -> Result<Consent, ProviderError> {
        let request = ConsentRequest {
            state: STATE.to_owned(),
            redirect_uri: REDIRECT_URI.to_owned(),
        };
        self.provider.begin_consent(&request).await
    }

    pub(crate) async fn redeem(&self) -> Result<Redemption, ProviderError> {
        let handle = ConsentHandle::DeviceCode(DeviceCode::new(DEVICE_CODE));
        self.provider.redeem(&handle, None).await
    }

    /// Redeems a callback with this query.
    pub(crate) async fn come_back(
        &self,
        handle: &ConsentHandle,
        query: impl Into<String>,
    ) -> Result<Redemption, ProviderError> {
        let callback = CallbackQuery::new(query);
        self.provider.redeem(handle, Some(&callback)).await
    }

    /// Refreshes. Panics if the response has tokens but no usable access token.
    pub(crate) async fn refresh(&self) -> Result<TokenGrant, RefreshError> {
        match self.refresh_answer().await? {
            RefreshAnswer::Granted(grant) => Ok(*grant),
            RefreshAnswer::Unusable { why, .. } => panic!("{why}"),
        }
    }

    pub(crate) async fn refresh_answer(&self) -> Result<RefreshAnswer, RefreshError> {
        let granted = ["openid".to_owned(), "granted".to_owned()];
        let refresh_token = RefreshToken::new(REFRESH_TOKEN);
        self.provider.refresh(&refresh_token, &granted).await
    }

    /// Revokes the refresh token.
    pub(crate) async fn revoke(&self) -> Result<Revoked, ProviderError> {
        let refresh_token = RefreshToken::new(REFRESH_TOKEN);
        let token = TokenToRevoke::Refresh(&refresh_token);
        self.provider.revoke(token).await
    }

    pub(crate) async fn revoke_access_token(&self) -> Result<Revoked, ProviderError> {
        let access_token = AccessToken::new(ACCESS_TOKEN);
        let token = TokenToRevoke::Access(&access_token);
        self.provider.revoke(token).await
    }

    pub(crate) async fn identify(&self, id_token: Option<&str>) -> Result<Identity, ProviderError> {
        let id_token = id_token.map(IdToken::new);
        let access_token = AccessToken::new(ACCESS_TOKEN);
        self.provider
            .identify(&access_token, id_token.as_ref(), self.clock.now())
            .await
    }
}

/// Returns the settings of a client that has an id but no secret.
pub(crate) fn client() -> ProviderSettings {
    ProviderSettings {
        scopes: vec!["openid".to_owned(), "repo".to_owned()],
        // Tests of timeouts set a shorter timeout.
        timeout: Duration::from_secs(60),
        ..ProviderSettings::new(ProviderName::new("work"), "client-1")
    }
}

/// Returns settings for a plain OAuth 2.0 server.
pub(crate) fn plain(base: &str) -> ProviderSettings {
    let at = |path: &str| Some(Url::parse(&format!("{base}{path}")).unwrap());
    ProviderSettings {
        device_authorization_endpoint: at("/device"),
        token_endpoint: at("/token"),
        revocation_endpoint: at("/revoke"),
        userinfo_endpoint: at("/userinfo"),
        ..client()
    }
}

/// Returns settings for an issuer.
pub(crate) fn issuer(base: &str) -> ProviderSettings {
    ProviderSettings {
        issuer: Some(Url::parse(base).unwrap()),
        ..client()
    }
}

/// Returns valid metadata of an issuer.
pub(crate) fn metadata(base: &str) -> Value {
    serde_json::json!({
        "issuer": base,
        "device_authorization_endpoint": format!("{base}/device"),
        "token_endpoint": format!("{base}/token"),
        "revocation_endpoint": format!("{base}/revoke"),
        "userinfo_endpoint": format!("{base}/userinfo"),
        "jwks_uri": format!("{base}/jwks"),
        "id_token_signing_alg_values_supported": ["RS256", "EdDSA"],
    })
}

/// Returns a JSON object with some members replaced.
pub(crate) fn changed(mut object: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else {
        panic!("an object");
    };
    for (name, value) in changes {
        object[name] = value;
    }
    object
}

/// Returns a known identity.
pub(crate) fn known(id: &str, name: Option<&str>) -> Identity {
    Identity::Known {
        account_id: id.to_owned(),
        display_name: name.map(str::to_owned),
    }
}

/// Returns the error. Replaces `unwrap_err`, which would need a success that implements `Debug`.
pub(crate) fn error_of<T>(outcome: Result<T, ProviderError>) -> ProviderError {
    match outcome {
        Ok(_) => panic!("no error"),
        Err(error) => error,
    }
}

/// Returns the kind and the code of an error.
pub(crate) fn kind(error: &ProviderError) -> (&'static str, &str) {
    match error {
        ProviderError::Unavailable { .. } => ("unavailable", ""),
        ProviderError::Nonsense { .. } => ("nonsense", ""),
        ProviderError::Misconfigured { code, .. } => ("misconfigured", code),
        ProviderError::Refused { code, .. } => ("refused", code),
    }
}

/// Returns the reason why a granted access token must not be used. Panics if the grant has no refresh token.
pub(crate) fn unusable(outcome: Result<Redemption, ProviderError>) -> ProviderError {
    match outcome {
        Ok(Redemption::Unusable { grant, why }) if grant.refresh_token.is_some() => why,
        other => panic!("{}", step(&other)),
    }
}

/// Returns the provider's description of its refusal.
pub(crate) fn words_of(outcome: &Result<Redemption, ProviderError>) -> Option<&str> {
    match outcome {
        Ok(Redemption::Denied(words)) => words.as_deref(),
        other => panic!("{}", step(other)),
    }
}

/// Returns a short text for the outcome of a redemption.
pub(crate) fn step(outcome: &Result<Redemption, ProviderError>) -> String {
    match outcome {
        Ok(Redemption::Granted(_)) => "granted".to_owned(),
        Ok(Redemption::Pending { interval: None }) => "pending".to_owned(),
        Ok(Redemption::Pending { interval }) => format!("pending {interval:?}"),
        Ok(Redemption::SlowDown { interval }) => format!("slow down {interval:?}"),
        Ok(Redemption::Denied(_)) => "denied".to_owned(),
        Ok(Redemption::Expired) => "expired".to_owned(),
        Ok(Redemption::Unusable { why: error, .. }) | Err(error) => {
            let (kind, code) = kind(error);
            format!("{kind} {code}").trim().to_owned()
        }
    }
}
