//! The metrics. The domain updates them through its `Observer` port. Prometheus scrapes them, or the SDK sends them over
//! OTLP.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::{AccountStatus, ProviderName};
use central_oauth_domain::link::LinkId;
use central_oauth_domain::observe::{
    BearerRefusal, Cache, LinkEnd, Observer, ProviderCall, RefreshOutcome, RevocationOutcome,
};
use central_oauth_domain::ports::Census;
use central_oauth_domain::webhook::{DeliveryOutcome, ReceiverName};
use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Registry, TextEncoder};

use crate::catalogue;
use crate::instruments::Instruments;
use crate::traces::LinkTraces;

/// The label value for a provider that is not configured.
const OTHER: &str = "other";
/// The instrumentation scope.
const SCOPE: &str = "central-oauth";

/// All metrics of this process.
pub struct Metrics {
    meters: SdkMeterProvider,
    meter: Meter,
    registry: Registry,
    is: Instruments,
    providers: BTreeSet<ProviderName>,
    /// Also receives the events of links, to connect their traces. Stores nothing while traces are off.
    links: LinkTraces,
}

impl Metrics {
    pub(crate) fn new(
        meters: SdkMeterProvider,
        registry: Registry,
        providers: BTreeSet<ProviderName>,
    ) -> Self {
        let meter = meters.meter(SCOPE);
        Self {
            is: Instruments::new(&meter),
            meters,
            meter,
            registry,
            providers,
            links: LinkTraces::default(),
        }
    }

    /// Sets the counters with known labels to zero, so that Prometheus sees their first event as an increase. Sets the
    /// time of the last account count to the start of the process, so that alerts notice if no count ever succeeds.
    pub(crate) fn begin(&self, receivers: &[ReceiverName], started_at: Timestamp) {
        self.census_ended(started_at, Duration::ZERO);
        let version = env!("CARGO_PKG_VERSION");
        let version = [KeyValue::new("version", version)];
        self.is.build_info.record(1, &version);
        for how in BearerRefusal::ALL {
            let reason = KeyValue::new("reason", how.as_str());
            self.is.bearers_refused.add(0, &[reason]);
        }
        self.is.keys_altered.add(0, &[]);
        self.is.audit_logs_altered.add(0, &[]);
        for receiver in receivers {
            for attempt in DeliveryOutcome::ALL {
                let of = [of_receiver(receiver), outcome(attempt.as_str())];
                self.is.webhooks.add(0, &of);
            }
        }
        for provider in &self.providers {
            let of = [self.provider(provider)];
            self.is.links_started.add(0, &of);
            self.is.links_confirmed.add(0, &of);
            self.is.outage.record(0, &of);
            let with = |word: &'static str| [self.provider(provider), outcome(word)];
            for end in LinkEnd::ALL {
                self.is.links_ended.add(0, &with(end.as_str()));
            }
            for tried in RefreshOutcome::ALL {
                self.is.refreshes.add(0, &with(tried.as_str()));
            }
            for tried in RevocationOutcome::ALL {
                self.is.revocations.add(0, &with(tried.as_str()));
            }
        }
    }

    /// Returns all metrics in Prometheus' text format. Reads memory only: accounts are counted in the background.
    #[must_use]
    pub fn text(&self) -> String {
        let families = self.registry.gather();
        // Writing to memory cannot fail, and every name is valid.
        TextEncoder::new()
            .encode_to_string(&families)
            .unwrap_or_default()
    }

    /// Records a completed HTTP request. `method` is `_OTHER` if it is not a standard method; `route` is the route
    /// template, never the path.
    pub fn answered(&self, method: &'static str, route: Option<&str>, status: u16, took: Duration) {
        let mut labels = vec![
            KeyValue::new("url.scheme", "http"),
            KeyValue::new("http.request.method", method),
            KeyValue::new("http.response.status_code", i64::from(status)),
        ];
        if let Some(route) = route {
            labels.push(KeyValue::new("http.route", route.to_owned()));
        }
        if status >= 500 {
            labels.push(KeyValue::new("error.type", status.to_string()));
        }
        let took = took.as_secs_f64();
        self.is.request_duration.record(took, &labels);
    }

    /// Registers `look`, which returns how many of the store's connections are busy and how many are open. Each
    /// collection of the metrics calls `look`.
    pub fn watch_connections(&self, look: impl Fn() -> (u64, u64) + Send + Sync + 'static) {
        let metric = &catalogue::STORE_CONNECTIONS;
        let gauge = self.meter.u64_observable_gauge(metric.name);
        let gauge = gauge
            .with_unit(metric.unit)
            .with_description(metric.meaning)
            .with_callback(move |observer| {
                let (busy, open) = look();
                let idle = open.saturating_sub(busy);
                observer.observe(busy, &[KeyValue::new("state", "busy")]);
                observer.observe(idle, &[KeyValue::new("state", "idle")]);
            });
        // The meter owns the instrument, so the handle can be dropped.
        let _ = gauge.build();
    }

    /// Records a finished count of accounts with its time and duration.
    pub fn census_ended(&self, at: Timestamp, took: Duration) {
        let at = Duration::from_millis(at.as_millis().try_into().unwrap_or(0));
        self.is.census_timestamp.record(at.as_secs_f64(), &[]);
        self.is.census_duration.record(took.as_secs_f64(), &[]);
    }

    /// Registers `look`, which returns how many exports were accepted and how many failed. Each collection of the
    /// metrics calls `look`.
    pub(crate) fn watch_exports(&self, look: impl Fn() -> (u64, u64) + Send + Sync + 'static) {
        let metric = &catalogue::TELEMETRY_EXPORTS;
        let counter = self.meter.u64_observable_counter(metric.name);
        let counter = counter
            .with_unit(metric.unit)
            .with_description(metric.meaning)
            .with_callback(move |observer| {
                let (taken, failed) = look();
                observer.observe(taken, &[KeyValue::new("result", "taken")]);
                observer.observe(failed, &[KeyValue::new("result", "failed")]);
            });
        // The meter owns the instrument, so the handle can be dropped.
        let _ = counter.build();
    }

    pub(crate) const fn meters(&self) -> &SdkMeterProvider {
        &self.meters
    }

    fn provider(&self, name: &ProviderName) -> KeyValue {
        let known = self.providers.get(name);
        let name = known.map_or(Cow::Borrowed(OTHER), |name| name.as_str().to_owned().into());
        KeyValue::new("provider", Value::from(name))
    }
}

impl Observer for Metrics {
    fn link_started(&self, link: LinkId, provider: &ProviderName) {
        self.is.links_started.add(1, &[self.provider(provider)]);
        self.links.link_started(link, provider);
    }

    fn link_confirmed(&self, _: LinkId, provider: &ProviderName) {
        self.is.links_confirmed.add(1, &[self.provider(provider)]);
    }

    fn link_resumed(&self, link: LinkId) {
        self.links.link_resumed(link);
    }

    fn link_ended(&self, link: LinkId, provider: &ProviderName, how: LinkEnd) {
        let labels = [self.provider(provider), outcome(how.as_str())];
        self.is.links_ended.add(1, &labels);
        self.links.link_ended(link, provider, how);
    }

    fn refresh_attempted(
        &self,
        provider: &ProviderName,
        tried: RefreshOutcome,
        lag: Option<Duration>,
    ) {
        let labels = [self.provider(provider), outcome(tried.as_str())];
        self.is.refreshes.add(1, &labels);
        if let Some(lag) = lag {
            self.is.refresh_lag.record(lag.as_secs_f64(), &labels[..1]);
        }
    }

    fn revocation_attempted(&self, provider: &ProviderName, tried: RevocationOutcome) {
        let labels = [self.provider(provider), outcome(tried.as_str())];
        self.is.revocations.add(1, &labels);
    }

    fn webhook_attempted(&self, receiver: &ReceiverName, attempt: DeliveryOutcome) {
        let of = [of_receiver(receiver), outcome(attempt.as_str())];
        self.is.webhooks.add(1, &of);
    }

    fn outage(&self, provider: &ProviderName, is_down: bool) {
        let down = u64::from(is_down);
        self.is.outage.record(down, &[self.provider(provider)]);
    }

    fn provider_called(&self, call: &ProviderCall<'_>) {
        let labels = [
            self.provider(call.provider),
            KeyValue::new("exchange", call.exchange.as_str()),
            outcome(call.outcome.as_str()),
        ];
        let took = call.took.as_secs_f64();
        self.is.call_duration.record(took, &labels);
    }

    fn bearer_refused(&self, how: BearerRefusal) {
        let reason = KeyValue::new("reason", how.as_str());
        self.is.bearers_refused.add(1, &[reason]);
    }

    fn key_altered(&self) {
        self.is.keys_altered.add(1, &[]);
    }

    fn audit_log_altered(&self) {
        self.is.audit_logs_altered.add(1, &[]);
    }

    fn cache_read(&self, cache: Cache, hit: bool) {
        let labels = [
            KeyValue::new("cache", cache.as_str()),
            KeyValue::new("result", if hit { "hit" } else { "miss" }),
        ];
        self.is.cache_lookups.add(1, &labels);
    }

    /// Records the counts. Series without accounts are set to zero, because a gauge would keep its last value.
    fn counted(&self, census: &Census) {
        let configured: Vec<_> = self.providers.iter().map(Some).chain([None]).collect();
        for provider in configured {
            let is_of = |name: &ProviderName| self.providers.get(name) == provider;
            let label = provider.map_or_else(
                || KeyValue::new("provider", OTHER),
                |provider| self.provider(provider),
            );
            for &status in AccountStatus::ALL {
                let of = census.accounts.iter();
                let of = of.filter(|count| count.status == status && is_of(&count.provider));
                let labels = [label.clone(), KeyValue::new("status", status.as_str())];
                let sum = of.map(|count| count.count).sum();
                self.is.accounts.record(sum, &labels);
                let of = census.overdue.iter();
                let of = of.filter(|overdue| overdue.status == status && is_of(&overdue.provider));
                let (mut count, mut longest) = (0, Duration::ZERO);
                for overdue in of {
                    count += overdue.count;
                    longest = longest.max(overdue.longest);
                }
                self.is.grants_overdue.record(count, &labels);
                self.is.overdue_age.record(longest.as_secs_f64(), &labels);
            }
            for (refresh_due, saved_by) in [(true, "refresh"), (false, "person")] {
                let of = census.expiring.iter();
                let of = of.filter(|expiring| {
                    expiring.refresh_due == refresh_due && is_of(&expiring.provider)
                });
                let labels = [label.clone(), KeyValue::new("saved_by", saved_by)];
                let sum = of.map(|expiring| expiring.count).sum();
                self.is.grants_dying.record(sum, &labels);
            }
        }
    }
}

fn of_receiver(name: &ReceiverName) -> KeyValue {
    KeyValue::new("receiver", name.to_string())
}

fn outcome(word: &'static str) -> KeyValue {
    KeyValue::new("outcome", word)
}
