//! The catalogue is complete, and callers cannot create further series.
#![allow(clippy::unwrap_used, reason = "this is test code")]

mod document;

use std::collections::BTreeSet;
use std::time::Duration;

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::{AccountStatus, ProviderName};
use central_oauth_domain::link::LinkId;
use central_oauth_domain::observe::{
    Cache, CallOutcome, Exchange, LinkEnd, Observer as _, ProviderCall, RefreshOutcome,
    RevocationOutcome,
};
use central_oauth_domain::ports::{AccountCount, Census, ExpiringCount, OverdueCount};
use central_oauth_domain::webhook::{DeliveryOutcome, ReceiverName};
use central_oauth_observer_opentelemetry::catalogue::ALL;
use central_oauth_observer_opentelemetry::{Metrics, Telemetry, TelemetryOptions};

use document::{LABELS, document, kind_name, prometheus_name};

fn scraped(providers: &[&str]) -> Telemetry {
    let providers = providers.iter().map(|name| ProviderName::new(*name));
    let options = TelemetryOptions {
        providers: providers.collect(),
        receivers: ReceiverName::parse("ops").into_iter().collect(),
        is_scraped: true,
        traces: None,
        metrics: None,
        service_name: None,
        attributes: Vec::new(),
        instance: "the test".to_owned(),
        started_at: Timestamp::from_millis(1_780_000_000_000),
    };
    Telemetry::start(options).unwrap()
}

/// Reports every event for this provider, once for each label value.
fn tell_everything(metrics: &Metrics, provider: &str) {
    let provider = ProviderName::new(provider);
    let second = Duration::from_secs(1);
    metrics.link_started(LinkId(1), &provider);
    metrics.link_confirmed(LinkId(1), &provider);
    for end in LinkEnd::ALL {
        metrics.link_ended(LinkId(1), &provider, *end);
    }
    for outcome in RefreshOutcome::ALL {
        metrics.refresh_attempted(&provider, *outcome, Some(second));
    }
    let receiver = ReceiverName::parse("ops").unwrap();
    for attempt in DeliveryOutcome::ALL {
        metrics.webhook_attempted(&receiver, *attempt);
    }
    for outcome in RevocationOutcome::ALL {
        metrics.revocation_attempted(&provider, *outcome);
    }
    metrics.outage(&provider, true);
    for exchange in Exchange::ALL {
        for outcome in CallOutcome::ALL {
            metrics.provider_called(&ProviderCall {
                provider: &provider,
                exchange: *exchange,
                outcome: *outcome,
                took: second,
            });
        }
    }
    for cache in Cache::ALL {
        metrics.cache_read(*cache, true);
        metrics.cache_read(*cache, false);
    }
    metrics.counted(&Census {
        accounts: vec![AccountCount {
            provider: provider.clone(),
            status: AccountStatus::Degraded,
            count: 7,
        }],
        expiring: vec![ExpiringCount {
            provider: provider.clone(),
            refresh_due: false,
            count: 3,
        }],
        overdue: vec![OverdueCount {
            provider,
            status: AccountStatus::Degraded,
            count: 2,
            longest: Duration::from_secs(21_600),
        }],
    });
    metrics.census_ended(Timestamp::from_millis(1_790_000_000_500), second);
}

fn answered(metrics: &Metrics, method: &'static str, route: Option<&str>, status: u16) {
    metrics.answered(method, route, status, Duration::from_millis(3));
}

/// Returns the series without comments and values.
fn series(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let names = lines.filter_map(|line| line.rsplit_once(' '));
    names.map(|(series, _)| series.to_owned()).collect()
}

#[test]
fn everything_that_is_scraped_is_in_the_catalogue_and_the_other_way_round() {
    let telemetry = scraped(&["work"]);
    let metrics = telemetry.metrics().unwrap();
    tell_everything(metrics, "work");
    metrics.watch_connections(|| (1, 4));
    answered(metrics, "GET", Some("/v1/token"), 503);
    let text = metrics.text();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let told: BTreeSet<_> = types
        .filter(|line| !line.starts_with("target_info"))
        .collect();
    let listed: Vec<_> = ALL
        .iter()
        .map(|metric| format!("{} {}", prometheus_name(metric), kind_name(metric.kind)))
        .collect();
    let listed: BTreeSet<_> = listed.iter().map(String::as_str).collect();
    assert_eq!(told, listed);
    let labels: BTreeSet<_> = LABELS.iter().map(|(label, _)| *label).collect();
    let used: BTreeSet<_> = ALL
        .iter()
        .flat_map(|metric| metric.labels)
        .copied()
        .collect();
    assert_eq!(used, labels);
    for metric in ALL {
        for label in metric.labels {
            let label = format!("{}=\"", label.replace('.', "_"));
            let name = prometheus_name(metric);
            let of = text
                .lines()
                .find(|line| line.starts_with(&name) && line.contains('{'));
            assert!(of.unwrap().contains(&label), "{name} has no {label}");
        }
    }
}

#[test]
fn metrics_match_the_reported_events() {
    let telemetry = scraped(&["work"]);
    let metrics = telemetry.metrics().unwrap();
    let before = metrics.text();
    assert!(
        before.contains("central_oauth_links_started_total{provider=\"work\"} 0"),
        "{before}"
    );
    for attempt in DeliveryOutcome::ALL {
        let outcome = attempt.as_str();
        let line =
            format!("central_oauth_webhooks_total{{outcome=\"{outcome}\",receiver=\"ops\"}} 0");
        assert!(before.contains(&line), "{before}");
    }
    // Until the first count of accounts, the timestamp is the start of the service.
    assert!(before.contains("central_oauth_census_timestamp_seconds 1780000000"));
    assert!(before.contains("central_oauth_census_duration_seconds 0"));
    tell_everything(metrics, "work");
    answered(metrics, "GET", Some("/v1/accounts/:id"), 404);
    answered(metrics, "GET", None, 503);
    let text = metrics.text();
    for line in [
        "central_oauth_links_started_total{provider=\"work\"} 1",
        "central_oauth_links_ended_total{outcome=\"linked\",provider=\"work\"} 1",
        "central_oauth_refreshes_total{outcome=\"relink_required\",provider=\"work\"} 1",
        "central_oauth_refresh_lag_seconds_count{provider=\"work\"} 5",
        "central_oauth_accounts{provider=\"work\",status=\"degraded\"} 7",
        "central_oauth_accounts{provider=\"work\",status=\"active\"} 0",
        "central_oauth_grants_dying{provider=\"work\",saved_by=\"person\"} 3",
        "central_oauth_grants_overdue{provider=\"work\",status=\"degraded\"} 2",
        "central_oauth_grants_overdue_age_seconds{provider=\"work\",status=\"degraded\"} 21600",
        "central_oauth_provider_outage{provider=\"work\"} 1",
        "central_oauth_census_timestamp_seconds 1790000000.5",
        "http_server_request_duration_seconds_count{http_request_method=\"GET\",\
         http_response_status_code=\"404\",http_route=\"/v1/accounts/:id\",url_scheme=\"http\"} 1",
        "http_server_request_duration_seconds_count{error_type=\"503\",http_request_method=\"GET\",\
         http_response_status_code=\"503\",url_scheme=\"http\"} 1",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    metrics.counted(&Census::default());
    let gone = "central_oauth_accounts{provider=\"work\",status=\"degraded\"} 0";
    assert!(metrics.text().contains(gone));
}

#[test]
fn hostile_words_make_no_new_series() {
    let telemetry = scraped(&["work"]);
    let metrics = telemetry.metrics().unwrap();
    tell_everything(metrics, "work");
    tell_everything(metrics, "gone");
    let before = series(&metrics.text());
    for number in 0..5000 {
        let name = format!("x{number}\"}} 1\n# HELP evil{{");
        tell_everything(metrics, &name);
    }
    assert_eq!(series(&metrics.text()), before);
    assert!(!metrics.text().contains("evil"));
}

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/METRICS.md");

#[test]
fn the_document_is_current() {
    let written = std::fs::read_to_string(DOCUMENT).unwrap();
    assert!(
        written == document(),
        "out of date: run cargo test --workspace --test catalogue print_the_document -- --ignored"
    );
}

#[test]
#[ignore = "writes docs/METRICS.md"]
fn print_the_document() {
    std::fs::write(DOCUMENT, document()).unwrap();
}
