//! The instruments, made from the catalogue.

use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter};

use crate::catalogue::{self, Kind, Metric};

pub(crate) struct Instruments {
    pub(crate) request_duration: Histogram<f64>,
    pub(crate) links_started: Counter<u64>,
    pub(crate) links_confirmed: Counter<u64>,
    pub(crate) links_ended: Counter<u64>,
    pub(crate) refreshes: Counter<u64>,
    pub(crate) refresh_lag: Histogram<f64>,
    pub(crate) revocations: Counter<u64>,
    pub(crate) webhooks: Counter<u64>,
    pub(crate) call_duration: Histogram<f64>,
    pub(crate) outage: Gauge<u64>,
    pub(crate) bearers_refused: Counter<u64>,
    pub(crate) keys_altered: Counter<u64>,
    pub(crate) audit_logs_altered: Counter<u64>,
    pub(crate) cache_lookups: Counter<u64>,
    pub(crate) accounts: Gauge<u64>,
    pub(crate) grants_dying: Gauge<u64>,
    pub(crate) grants_overdue: Gauge<u64>,
    pub(crate) overdue_age: Gauge<f64>,
    pub(crate) census_timestamp: Gauge<f64>,
    pub(crate) census_duration: Gauge<f64>,
    pub(crate) build_info: Gauge<u64>,
}

impl Instruments {
    pub(crate) fn new(meter: &Meter) -> Self {
        let counter = |metric| counter(meter, metric);
        Self {
            request_duration: histogram(meter, &catalogue::REQUEST_DURATION),
            links_started: counter(&catalogue::LINKS_STARTED),
            links_confirmed: counter(&catalogue::LINKS_CONFIRMED),
            links_ended: counter(&catalogue::LINKS_ENDED),
            refreshes: counter(&catalogue::REFRESHES),
            refresh_lag: histogram(meter, &catalogue::REFRESH_LAG),
            revocations: counter(&catalogue::REVOCATIONS),
            webhooks: counter(&catalogue::WEBHOOKS),
            call_duration: histogram(meter, &catalogue::CALL_DURATION),
            outage: gauge(meter, &catalogue::OUTAGE),
            bearers_refused: counter(&catalogue::BEARERS_REFUSED),
            keys_altered: counter(&catalogue::KEYS_ALTERED),
            audit_logs_altered: counter(&catalogue::AUDIT_LOGS_ALTERED),
            cache_lookups: counter(&catalogue::CACHE_LOOKUPS),
            accounts: gauge(meter, &catalogue::ACCOUNTS),
            grants_dying: gauge(meter, &catalogue::GRANTS_DYING),
            grants_overdue: gauge(meter, &catalogue::GRANTS_OVERDUE),
            overdue_age: seconds(meter, &catalogue::OVERDUE_AGE),
            census_timestamp: seconds(meter, &catalogue::CENSUS_TIMESTAMP),
            census_duration: seconds(meter, &catalogue::CENSUS_DURATION),
            build_info: gauge(meter, &catalogue::BUILD_INFO),
        }
    }
}

fn counter(meter: &Meter, metric: &Metric) -> Counter<u64> {
    let counter = meter.u64_counter(metric.name);
    let counter = counter.with_unit(metric.unit);
    counter.with_description(metric.meaning).build()
}

fn gauge(meter: &Meter, metric: &Metric) -> Gauge<u64> {
    let gauge = meter.u64_gauge(metric.name).with_unit(metric.unit);
    gauge.with_description(metric.meaning).build()
}

fn seconds(meter: &Meter, metric: &Metric) -> Gauge<f64> {
    let gauge = meter.f64_gauge(metric.name).with_unit(metric.unit);
    gauge.with_description(metric.meaning).build()
}

fn histogram(meter: &Meter, metric: &Metric) -> Histogram<f64> {
    let histogram = meter.f64_histogram(metric.name).with_unit(metric.unit);
    let bounds = match metric.kind {
        Kind::Histogram(bounds) => bounds.to_vec(),
        Kind::Counter | Kind::Gauge => Vec::new(),
    };
    let histogram = histogram.with_boundaries(bounds);
    histogram.with_description(metric.meaning).build()
}
