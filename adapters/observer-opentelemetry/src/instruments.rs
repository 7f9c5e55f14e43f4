//! The instruments, made from the catalogue.

use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter};

use crate::catalogue::{self, Kind, Metric};

/// Defines a field for each instrument, and creates it from its metric in the catalogue.
macro_rules! instruments {
    ($($name:ident: $kind:ty = $make:ident($metric:ident);)+) => {
        pub(crate) struct Instruments {
            $(pub(crate) $name: $kind),+
        }

        impl Instruments {
            pub(crate) fn new(meter: &Meter) -> Self {
                Self {
                    $($name: $make(meter, &catalogue::$metric)),+
                }
            }
        }
    };
}

instruments! {
    request_duration: Histogram<f64> = histogram(REQUEST_DURATION);
    links_started: Counter<u64> = counter(LINKS_STARTED);
    links_confirmed: Counter<u64> = counter(LINKS_CONFIRMED);
    links_ended: Counter<u64> = counter(LINKS_ENDED);
    refreshes: Counter<u64> = counter(REFRESHES);
    refresh_lag: Histogram<f64> = histogram(REFRESH_LAG);
    revocations: Counter<u64> = counter(REVOCATIONS);
    webhooks: Counter<u64> = counter(WEBHOOKS);
    call_duration: Histogram<f64> = histogram(CALL_DURATION);
    outage: Gauge<u64> = gauge(OUTAGE);
    bearers_refused: Counter<u64> = counter(BEARERS_REFUSED);
    keys_altered: Counter<u64> = counter(KEYS_ALTERED);
    audit_logs_altered: Counter<u64> = counter(AUDIT_LOGS_ALTERED);
    cache_lookups: Counter<u64> = counter(CACHE_LOOKUPS);
    accounts: Gauge<u64> = gauge(ACCOUNTS);
    grants_dying: Gauge<u64> = gauge(GRANTS_DYING);
    grants_overdue: Gauge<u64> = gauge(GRANTS_OVERDUE);
    overdue_age: Gauge<f64> = seconds(OVERDUE_AGE);
    census_timestamp: Gauge<f64> = seconds(CENSUS_TIMESTAMP);
    census_duration: Gauge<f64> = seconds(CENSUS_DURATION);
    build_info: Gauge<u64> = gauge(BUILD_INFO);
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
