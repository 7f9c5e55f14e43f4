//! Metrics listener and OTLP collectors. The SDK reads most of the standard variables of OpenTelemetry. This section
//! decides whether anything is sent.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use central_oauth_observer_opentelemetry::Collector;
use percent_encoding::percent_decode_str;
use url::Url;

use super::{ConfigError, Environment};

pub(crate) struct TelemetryConfig {
    /// The address at which Prometheus scrapes.
    pub(crate) scraped_at: Option<SocketAddr>,
    pub(crate) traces: Option<Collector>,
    pub(crate) metrics: Option<Collector>,
    pub(crate) service_name: Option<String>,
    pub(crate) attributes: Vec<(String, String)>,
    /// Warnings about ignored variables, one sentence each.
    pub(crate) warnings: Vec<String>,
}

/// The default timeout of the OpenTelemetry specification.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

impl TelemetryConfig {
    pub(crate) fn read(environment: &Environment) -> Result<Self, ConfigError> {
        let address = environment.text("METRICS_ADDR").map(str::parse);
        let scraped_at = address.transpose().map_err(|_| {
            let problem = "is not an address and port such as 127.0.0.1:9464";
            ConfigError::variable("METRICS_ADDR", problem)
        })?;
        let traces = collector(environment, "TRACES")?;
        let metrics = collector(environment, "METRICS")?;
        let attributes = attributes(environment);
        let mut warnings = Vec::new();
        if traces.is_some() || metrics.is_some() {
            warnings.extend(ignored_variables(environment));
        }
        if attributes.is_none() {
            warnings.push(format!(
                "{ATTRIBUTES} is ignored: it must have the form key=value,..."
            ));
        }
        Ok(Self {
            scraped_at,
            traces,
            metrics,
            service_name: environment.other("OTEL_SERVICE_NAME").map(str::to_owned),
            attributes: attributes.unwrap_or_default(),
            warnings,
        })
    }

    /// Returns the effective exporters, by the standard names of their variables.
    pub(crate) fn exporters(&self) -> [(&'static str, &'static str); 2] {
        let exporter = |collector: &Option<Collector>| match collector {
            Some(_) => "otlp",
            None => "none",
        };
        [
            ("OTEL_TRACES_EXPORTER", exporter(&self.traces)),
            ("OTEL_METRICS_EXPORTER", exporter(&self.metrics)),
        ]
    }
}

const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";

/// Returns the percent-decoded resource attributes. Returns `None` if one attribute is malformed, because the
/// specification then discards all attributes.
fn attributes(environment: &Environment) -> Option<Vec<(String, String)>> {
    let text = environment.other(ATTRIBUTES).unwrap_or_default();
    let pairs = text.split_terminator(',').map(|pair| {
        let (key, value) = pair.split_once('=')?;
        Some((decoded(key)?, decoded(value)?))
    });
    pairs.collect()
}

fn decoded(text: &str) -> Option<String> {
    let text = percent_decode_str(text.trim()).decode_utf8();
    text.ok().map(Cow::into_owned)
}

/// Returns a warning for each OpenTelemetry variable that is not supported.
fn ignored_variables(environment: &Environment) -> impl Iterator<Item = String> {
    let of_exporters = ["", "TRACES_", "METRICS_"].into_iter().flat_map(|signal| {
        [
            "COMPRESSION",
            "CERTIFICATE",
            "CLIENT_CERTIFICATE",
            "CLIENT_KEY",
        ]
        .map(|suffix| format!("OTEL_EXPORTER_OTLP_{signal}{suffix}"))
    });
    let names = of_exporters.chain(["OTEL_PROPAGATORS".to_owned()]);
    names.filter_map(|name| {
        let value = environment.other(&name)?.trim().to_ascii_lowercase();
        let (is_heeded, what_is) = if name.ends_with("COMPRESSION") {
            (value == "none", "compression is not supported")
        } else if name == "OTEL_PROPAGATORS" {
            let mut wanted = value.split(',').map(str::trim);
            let is_there = wanted.any(|wanted| wanted == "tracecontext");
            (is_there, "only tracecontext is supported")
        } else {
            (false, "only the system's CA certificates are used")
        };
        (!is_heeded).then(|| format!("{name} is ignored: {what_is}"))
    })
}

/// Returns the collector of a signal. A variable of the signal overrides the general one.
fn collector(environment: &Environment, signal: &str) -> Result<Option<Collector>, ConfigError> {
    let is = |name: &str, word: &str| {
        let value = environment.other(name);
        value.is_some_and(|value| value.trim().eq_ignore_ascii_case(word))
    };
    if is("OTEL_SDK_DISABLED", "true") || is(&format!("OTEL_{signal}_EXPORTER"), "none") {
        return Ok(None);
    }
    let Some((name, endpoint)) = of_signal(environment, signal, "ENDPOINT") else {
        return Ok(None);
    };
    let url = Url::parse(endpoint).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let url = url.ok_or_else(|| {
        ConfigError::place(
            name,
            "is not an http or https URL such as http://127.0.0.1:4318",
        )
    })?;
    if let Some((name, protocol)) = of_signal(environment, signal, "PROTOCOL")
        && protocol != "http/protobuf"
    {
        return Err(ConfigError::place(
            name,
            "must be http/protobuf, the only supported protocol",
        ));
    }
    Ok(Some(Collector {
        is_plain: url.scheme() == "http",
        timeout: timeout(environment, signal)?,
    }))
}

fn timeout(environment: &Environment, signal: &str) -> Result<Duration, ConfigError> {
    let Some((name, text)) = of_signal(environment, signal, "TIMEOUT") else {
        return Ok(DEFAULT_TIMEOUT);
    };
    let millis = text.parse().map(Duration::from_millis);
    millis.map_err(|_| ConfigError::place(name, "is not a number of milliseconds"))
}

fn of_signal<'a>(
    environment: &'a Environment,
    signal: &str,
    suffix: &str,
) -> Option<(String, &'a str)> {
    let names = [
        format!("OTEL_EXPORTER_OTLP_{signal}_{suffix}"),
        format!("OTEL_EXPORTER_OTLP_{suffix}"),
    ];
    let mut found = names
        .into_iter()
        .filter_map(|name| environment.other(&name).map(|value| (name, value)));
    found.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<TelemetryConfig, ConfigError> {
        let variables = variables
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        TelemetryConfig::read(&Environment::new(variables).unwrap())
    }

    #[test]
    fn nothing_is_reported_without_an_observer() {
        let config = read(&[]).unwrap();
        assert!(config.scraped_at.is_none());
        assert!(config.traces.is_none() && config.metrics.is_none());
    }

    #[test]
    fn the_standard_variables_decide() {
        let all = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.test");
        let config = read(&[all, ("OTEL_EXPORTER_OTLP_TIMEOUT", "500")]).unwrap();
        assert!(config.traces.is_some_and(|traces| !traces.is_plain));
        let timeout = config.metrics.unwrap().timeout;
        assert_eq!(timeout, Duration::from_millis(500));
        let config = read(&[all, ("OTEL_TRACES_EXPORTER", "none")]).unwrap();
        assert!(config.traces.is_none() && config.metrics.is_some());
        let config = read(&[all, ("OTEL_SDK_DISABLED", "TRUE")]).unwrap();
        assert!(config.traces.is_none() && config.metrics.is_none());
        let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1");
        let config = read(&[own]).unwrap();
        assert!(config.traces.is_some_and(|traces| traces.is_plain) && config.metrics.is_none());
    }

    #[test]
    fn ignored_variables_are_named() {
        let all = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.test");
        let heeded = [
            all,
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "none"),
            ("OTEL_PROPAGATORS", "tracecontext,baggage"),
            ("OTEL_RESOURCE_ATTRIBUTES", "a=b,"),
        ];
        assert_eq!(read(&heeded).unwrap().warnings, [""; 0]);
        for ignored_variables in [
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"),
            ("OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY", "/key.pem"),
            ("OTEL_PROPAGATORS", "b3"),
            ("OTEL_RESOURCE_ATTRIBUTES", "team"),
            ("OTEL_RESOURCE_ATTRIBUTES", "team=%ff"),
        ] {
            let warnings = read(&[all, ignored_variables]).unwrap().warnings;
            assert_eq!(warnings.len(), 1, "{ignored_variables:?}: {warnings:?}");
            assert!(warnings[0].starts_with(ignored_variables.0), "{warnings:?}");
            assert!(!warnings[0].contains(ignored_variables.1), "{warnings:?}");
        }
        let nothing_is_sent = [("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem")];
        assert_eq!(read(&nothing_is_sent).unwrap().warnings, [""; 0]);
    }

    #[test]
    fn attributes_are_decoded() {
        let said = "team=a%2Cb, deployment.environment.name = test%20one";
        let config = read(&[("OTEL_RESOURCE_ATTRIBUTES", said)]).unwrap();
        let expected = [("team", "a,b"), ("deployment.environment.name", "test one")];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(config.attributes, expected);
    }

    #[test]
    fn malformed_variables_are_named() {
        let all = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        for (variables, name) in [
            (
                &[("CENTRAL_OAUTH_METRICS_ADDR", "9464")][..],
                "METRICS_ADDR",
            ),
            (
                &[("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317")],
                "_ENDPOINT",
            ),
            (&[all, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], "_PROTOCOL"),
            (&[all, ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s")], "_TIMEOUT"),
        ] {
            let error = read(variables).err().unwrap().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
