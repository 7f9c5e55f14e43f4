//! A small OAuth provider on a raw socket that can be told to fail.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::trouble::{Trouble, answer};
use crate::support::process;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Endpoint {
    DeviceAuthorization,
    Token,
    Userinfo,
}

impl Endpoint {
    pub(super) const ALL: [Self; 3] = [Self::DeviceAuthorization, Self::Token, Self::Userinfo];

    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::DeviceAuthorization => "/device_authorization",
            Self::Token => "/token",
            Self::Userinfo => "/userinfo",
        }
    }
}

/// The provider. It ends with the runtime of its test.
pub(super) struct Provider {
    port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    port: u16,
    troubles: HashMap<Endpoint, Trouble>,
    asked: HashMap<Endpoint, Vec<Instant>>,
    listening: Option<JoinHandle<()>>,
    /// Whether the person has agreed.
    consented: bool,
    /// How often each device code was redeemed, successfully or not.
    redeemed: HashMap<String, usize>,
    secrets: Vec<String>,
    most_sent: usize,
}

impl Provider {
    pub(super) async fn start() -> Self {
        let port = process::free_port();
        let state = State {
            port,
            ..State::default()
        };
        let provider = Self {
            port,
            state: Arc::new(Mutex::new(state)),
        };
        provider.listen().await;
        provider
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Makes this endpoint fail from now on. Userinfo is requested right after the tokens have arrived: if it is to be
    /// refused, the provider stops listening with the token response.
    pub(super) async fn suffer(&self, endpoint: Endpoint, trouble: Trouble) {
        self.state().troubles.insert(endpoint, trouble);
        if trouble == Trouble::Refused && endpoint != Endpoint::Userinfo {
            stop_listening(&self.state).await;
        }
    }

    /// Ends all failures.
    pub(super) async fn recover(&self) {
        self.state().troubles.clear();
        if self.state().listening.is_none() {
            self.listen().await;
        }
    }

    /// Sets whether the person has consented.
    pub(super) fn consent(&self, consented: bool) {
        self.state().consented = consented;
    }

    /// Returns when this endpoint was requested.
    pub(super) fn asked(&self, endpoint: Endpoint) -> Vec<Instant> {
        let asked = self.state().asked.get(&endpoint).cloned();
        asked.unwrap_or_default()
    }

    /// Returns how often each device code was sent after the person had consented.
    pub(super) fn redemptions(&self) -> Vec<usize> {
        self.state().redeemed.values().copied().collect()
    }

    /// Returns all secrets that the provider has issued.
    pub(super) fn secrets(&self) -> Vec<String> {
        self.state().secrets.clone()
    }

    /// Returns the maximum number of bytes that a client read of one response.
    pub(super) fn most_sent(&self) -> usize {
        self.state().most_sent
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    async fn listen(&self) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await;
        let (listener, state) = (listener.unwrap(), Arc::clone(&self.state));
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&state)));
            }
        });
        self.state().listening = Some(listening);
    }
}

async fn stop_listening(state: &Mutex<State>) {
    let task = state.lock().unwrap().listening.take();
    if let Some(task) = task {
        task.abort();
        // The socket is closed only when the task has ended.
        let _ = task.await;
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let Some(request) = read(&mut stream).await else {
        return;
    };
    let path = request.split(' ').nth(1).unwrap_or_default();
    let Some(endpoint) = Endpoint::ALL.into_iter().find(|at| at.path() == path) else {
        let _ = stream.write_all(answer(404, "", "").as_bytes()).await;
        return;
    };
    let (trouble, good) = {
        let mut state = state.lock().unwrap();
        state
            .asked
            .entry(endpoint)
            .or_default()
            .push(Instant::now());
        match state.troubles.get(&endpoint).copied() {
            Some(trouble) => (Some(trouble), state.bait(endpoint)),
            None => (None, state.answer(endpoint, &request)),
        }
    };
    let Some(trouble) = trouble else {
        if goes_with(&state, endpoint) {
            stop_listening(&state).await;
        }
        let _ = stream.write_all(good.as_bytes()).await;
        return;
    };
    let sent = trouble.make(&mut stream, &request, &good).await;
    let mut state = state.lock().unwrap();
    state.most_sent = state.most_sent.max(sent);
}

/// Returns whether the provider stops listening after this response.
fn goes_with(state: &Mutex<State>, endpoint: Endpoint) -> bool {
    let state = state.lock().unwrap();
    let next = state.troubles.get(&Endpoint::Userinfo);
    endpoint == Endpoint::Token && !state.redeemed.is_empty() && next == Some(&Trouble::Refused)
}

/// Reads a request with its body, as text.
async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                let found = name.eq_ignore_ascii_case("content-length");
                found.then(|| value.trim().parse::<usize>().ok())?
            });
            if body.len() >= length.unwrap_or_default() {
                return Some(text.into_owned());
            }
        }
        let mut piece = [0; 4096];
        let read = stream
            .read(&mut piece)
            .await
            .ok()
            .filter(|read| *read > 0)?;
        bytes.extend_from_slice(&piece[..read]);
    }
}

impl State {
    /// Returns a response that looks good but has unusable tokens. It reveals a client that takes tokens from a broken
    /// response.
    fn bait(&self, endpoint: Endpoint) -> String {
        match endpoint {
            Endpoint::DeviceAuthorization => self.prompt("bait", "bait"),
            Endpoint::Token => json!({ "access_token": "bait", "token_type": "Bearer" }),
            Endpoint::Userinfo => json!({ "sub": "bait" }),
        }
        .to_string()
    }

    fn answer(&mut self, endpoint: Endpoint, request: &str) -> String {
        let (status, body) = match endpoint {
            Endpoint::DeviceAuthorization => self.begin(),
            Endpoint::Token => self.redeem(request),
            Endpoint::Userinfo => self.describe(request),
        };
        answer(status, "", &body.to_string())
    }

    fn begin(&mut self) -> (u16, Value) {
        let (device_code, user_code) = (self.secret("device-code"), self.secret("UC"));
        (200, self.prompt(&device_code, &user_code))
    }

    fn prompt(&self, device_code: &str, user_code: &str) -> Value {
        let uri = format!("http://127.0.0.1:{}/activate", self.port);
        json!({
            "device_code": device_code,
            "user_code": user_code,
            "verification_uri": uri,
            "verification_uri_complete": format!("{uri}?user_code={user_code}"),
            "expires_in": 600,
            "interval": 1,
        })
    }

    fn redeem(&mut self, request: &str) -> (u16, Value) {
        let error = |code: &str| (400, json!({ "error": code }));
        let code = request.split("device_code=").nth(1).unwrap_or_default();
        let code = code.split('&').next().unwrap_or_default().to_owned();
        if !self.secrets.contains(&code) {
            return error("invalid_grant");
        }
        if !self.consented {
            return error("authorization_pending");
        }
        let times = self.redeemed.entry(code).or_default();
        *times += 1;
        if *times > 1 {
            return error("invalid_grant");
        }
        let tokens = json!({
            "access_token": self.secret("access-token"),
            "refresh_token": self.secret("refresh-token"),
            "token_type": "Bearer",
            "expires_in": 3600,
            "scope": "read write",
        });
        (200, tokens)
    }

    fn describe(&self, request: &str) -> (u16, Value) {
        let is_ours = |secret: &String| {
            secret.starts_with("access-token") && request.contains(&format!("Bearer {secret}\r\n"))
        };
        if self.secrets.iter().any(is_ours) {
            (200, json!({ "sub": "person-7", "name": "Kim Example" }))
        } else {
            (401, json!({ "error": "invalid_token" }))
        }
    }

    fn secret(&mut self, kind: &str) -> String {
        let secret = format!("{kind}-{:016x}", RandomState::new().hash_one(kind));
        self.secrets.push(secret.clone());
        secret
    }
}
