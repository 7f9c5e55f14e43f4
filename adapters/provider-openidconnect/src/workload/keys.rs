use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use central_oauth_domain::lock::lock;
use central_oauth_domain::ports::{Clock, ProviderError};
use openidconnect::core::CoreJsonWebKeySet;
use url::Url;

use super::{KeySource, WorkloadIssuerError, WorkloadIssuerSettings};
use crate::address;
use crate::dialect::Dialect;
use crate::discovery::Metadata;
use crate::http::{Http, Names, Request};
use crate::identity::jws::key_set;

/// Minimum time between two requests to an issuer.
const ASK_EVERY: Duration = Duration::from_secs(60);
/// Minimum time between two requests while the issuer's keys are not known yet.
const RETRY_EVERY: Duration = Duration::from_secs(5);
/// Keys older than this are fetched again, so that a withdrawn key is dropped.
const FRESH_FOR: Duration = Duration::from_secs(5 * 60);
const TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum size of a key file. A larger file is a mistake.
const MAX_FILE_BYTES: u64 = 2 * 1024 * 1024;

/// The signing keys of an issuer, fetched when they are needed.
pub(super) struct Keys {
    issuer: String,
    source: Source,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Held by the task that fetches.
    fetching: tokio::sync::Mutex<()>,
}

enum Source {
    Discovery(Box<Http>, Url),
    Uri(Box<Http>, Url),
    File(std::path::PathBuf),
}

/// Times are uptimes.
#[derive(Default)]
struct State {
    known: Option<Arc<CoreJsonWebKeySet>>,
    fetched_at: Duration,
    asked_at: Option<Duration>,
    last_error: String,
}

impl Keys {
    /// Validates the settings, and reads a key file.
    pub(super) fn new(
        settings: WorkloadIssuerSettings,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, WorkloadIssuerError> {
        let mut state = State::default();
        let issuer = Url::parse(&settings.issuer).ok();
        let http = |own: &Url| {
            let names = Names::new(issuer.as_ref(), issuer.iter().chain([own]));
            let http = Http::new(&settings.name, Dialect::default(), names, Arc::clone(clock))?;
            http.prepare(own)?;
            Ok::<_, WorkloadIssuerError>(Box::new(http))
        };
        let source = match settings.keys {
            KeySource::Discovery => {
                let url = issuer.clone().ok_or(WorkloadIssuerError::NotAnAddress)?;
                address::check(&url).map_err(WorkloadIssuerError::Issuer)?;
                Source::Discovery(http(&url)?, url)
            }
            KeySource::JwksUri(url) => {
                address::check(&url).map_err(WorkloadIssuerError::JwksUri)?;
                Source::Uri(http(&url)?, url)
            }
            KeySource::JwksFile(path) => {
                let keys = read(&path).map_err(WorkloadIssuerError::JwksFile)?;
                state.known = Some(Arc::new(keys));
                state.fetched_at = clock.uptime();
                Source::File(path)
            }
        };
        Ok(Self {
            issuer: settings.issuer,
            source,
            clock: Arc::clone(clock),
            state: Mutex::new(state),
            fetching: tokio::sync::Mutex::default(),
        })
    }

    /// Returns the known keys. Fetches them first if there are none, or if they are old and no other task is fetching
    /// them.
    ///
    /// # Errors
    /// Why no keys are known.
    pub(super) async fn current(this: &Arc<Self>) -> Result<Arc<CoreJsonWebKeySet>, String> {
        let known = {
            let state = lock(&this.state);
            let is_fresh = this.clock.uptime() < state.fetched_at + FRESH_FOR;
            match &state.known {
                Some(known) if is_fresh => return Ok(Arc::clone(known)),
                known => known.clone(),
            }
        };
        match known {
            Some(known) if this.fetching.try_lock().is_err() => Ok(known),
            _ => Self::newer(this).await,
        }
    }

    /// Returns newly fetched keys, or the known ones if the issuer was contacted a short time ago. Waits for a fetch in
    /// progress, because it may bring the key that the caller needs.
    ///
    /// # Errors
    /// As [`Keys::current`].
    pub(super) async fn newer(this: &Arc<Self>) -> Result<Arc<CoreJsonWebKeySet>, String> {
        if this.may_ask() || this.fetching.try_lock().is_err() {
            // Runs in a task of its own, so that a caller that disconnects does not cancel the fetch for others.
            let keys = Arc::clone(this);
            let fetched = tokio::spawn(async move { keys.fetch_alone().await });
            let _ = fetched.await;
        }
        let state = lock(&this.state);
        state.known.clone().ok_or_else(|| state.last_error.clone())
    }

    fn may_ask(&self) -> bool {
        let state = lock(&self.state);
        let every = if state.known.is_some() {
            ASK_EVERY
        } else {
            RETRY_EVERY
        };
        let now = self.clock.uptime();
        state
            .asked_at
            .is_none_or(|asked_at| now >= asked_at + every)
    }

    async fn fetch_alone(&self) {
        let _alone = self.fetching.lock().await;
        // Another caller may have fetched the keys while this one waited for the lock.
        if !self.may_ask() {
            return;
        }
        let now = self.clock.uptime();
        lock(&self.state).asked_at = Some(now);
        let fetched = self.fetch().await;
        let mut state = lock(&self.state);
        // The pause begins after the fetch, because a hanging issuer takes longer than the pause.
        state.asked_at = Some(self.clock.uptime());
        match fetched {
            Ok(keys) => {
                state.known = Some(Arc::new(keys));
                state.fetched_at = now;
            }
            Err(detail) => {
                let issuer = &self.issuer;
                let has_keys = state.known.is_some();
                tracing::warn!(
                    issuer,
                    detail,
                    has_keys,
                    "signing keys of a workload issuer not fetched; known ones stay in use"
                );
                state.last_error =
                    format!("the keys of the issuer {issuer} are not known: {detail}");
            }
        }
    }

    /// Fetches the keys. An empty set is an error, because it would reject every token.
    async fn fetch(&self) -> Result<CoreJsonWebKeySet, String> {
        let fetched = match &self.source {
            Source::File(path) => return read(path),
            Source::Uri(http, uri) => fetch(http, uri).await,
            Source::Discovery(http, url) => self.discover(http, url).await,
        };
        usable(fetched.map_err(|error| error.to_string())?)
    }

    async fn discover(&self, http: &Http, url: &Url) -> Result<CoreJsonWebKeySet, ProviderError> {
        let metadata = Metadata::discover(http, url, None, http.deadline(TIMEOUT)).await?;
        let nonsense = |detail: &str| ProviderError::nonsense(detail);
        if metadata.issuer != self.issuer {
            return Err(nonsense("the metadata name another issuer"));
        }
        let uri = metadata.endpoint("jwks_uri")?;
        fetch(
            http,
            &uri.ok_or_else(|| nonsense("the metadata name no jwks_uri"))?,
        )
        .await
    }
}

async fn fetch(http: &Http, uri: &Url) -> Result<CoreJsonWebKeySet, ProviderError> {
    let outcome = http
        .send(Request::get_keys(uri), http.deadline(TIMEOUT))
        .await;
    let outcome = outcome.map_err(ProviderError::from)?;
    key_set(outcome.success()?.into_value())
        .ok_or_else(|| ProviderError::nonsense("not a set of keys (RFC 7517)"))
}

fn read(path: &Path) -> Result<CoreJsonWebKeySet, String> {
    let unreadable = |error| format!("{} cannot be read: {error}", path.display());
    if std::fs::metadata(path).map_err(unreadable)?.len() > MAX_FILE_BYTES {
        return Err(format!("{} is too large", path.display()));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    // RFC 8259 section 8.1 allows parsers to ignore a byte order mark.
    let keys = serde_json::from_slice(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes));
    let keys = keys.ok().and_then(key_set);
    usable(keys.ok_or_else(|| format!("{} is not a set of keys (RFC 7517)", path.display()))?)
}

/// Fails if the set has no key.
fn usable(keys: CoreJsonWebKeySet) -> Result<CoreJsonWebKeySet, String> {
    if keys.keys().is_empty() {
        return Err("the set of keys is empty".to_owned());
    }
    Ok(keys)
}
