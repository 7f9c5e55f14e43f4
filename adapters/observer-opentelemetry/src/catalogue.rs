//! Every metric. The instruments and `docs/METRICS.md` are generated from this list.

/// A metric of the service.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// The OTLP name.
    pub name: &'static str,
    /// The kind of instrument.
    pub kind: Kind,
    /// The UCUM unit: `s` for seconds, or the counted thing in braces.
    pub unit: &'static str,
    /// The labels. Each has a closed set of values, listed in `docs/METRICS.md`.
    pub labels: &'static [&'static str],
    /// The help text.
    pub meaning: &'static str,
}

/// The kinds of instruments.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Only increases.
    Counter,
    /// Increases and decreases.
    Gauge,
    /// Counts values in buckets with these upper bounds.
    Histogram(&'static [f64]),
}

const REQUEST_SECONDS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0,
];
const CALL_SECONDS: &[f64] = &[
    0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0,
];
const LAG_SECONDS: &[f64] = &[
    0.1, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0, 86_400.0,
];

/// Defines a constant for each metric and the list of all of them.
macro_rules! catalogue {
    ($($constant:ident: $name:literal, $kind:expr, $unit:literal, [$($label:literal),*], $meaning:literal;)+) => {
        $(
            #[doc = $meaning]
            pub const $constant: Metric = Metric {
                name: $name,
                kind: $kind,
                unit: $unit,
                labels: &[$($label),*],
                meaning: $meaning,
            };
        )+

        /// All metrics, in the order of `docs/METRICS.md`.
        pub const ALL: &[Metric] = &[$($constant),+];
    };
}

catalogue! {
    REQUEST_DURATION: "http.server.request.duration", Kind::Histogram(REQUEST_SECONDS), "s",
        ["url.scheme", "http.request.method", "http.route", "http.response.status_code", "error.type"],
        "Duration of HTTP requests, until the response or until the client disconnected.";
    LINKS_STARTED: "central_oauth.links.started", Kind::Counter, "{link}", ["provider"],
        "Link codes handed out.";
    LINKS_CONFIRMED: "central_oauth.links.confirmed", Kind::Counter, "{link}", ["provider"],
        "Links that a person confirmed and whose flow started at the provider.";
    LINKS_ENDED: "central_oauth.links.ended", Kind::Counter, "{link}", ["provider", "outcome"],
        "Links that ended, by outcome. Codes that nobody confirms are counted as started and never as ended.";
    REFRESHES: "central_oauth.refreshes", Kind::Counter, "{refresh}", ["provider", "outcome"],
        "Attempts to refresh, by outcome.";
    REFRESH_LAG: "central_oauth.refresh.lag", Kind::Histogram(LAG_SECONDS), "s", ["provider"],
        "Delay between the scheduled time of a refresh and its start. A failure schedules a new time; see central_oauth.grants.overdue.age for the total delay. Refreshes on demand are not counted.";
    REVOCATIONS: "central_oauth.revocations", Kind::Counter, "{attempt}", ["provider", "outcome"],
        "Attempts to revoke tokens, by outcome.";
    WEBHOOKS: "central_oauth.webhooks", Kind::Counter, "{attempt}", ["receiver", "outcome"],
        "Attempts to deliver webhooks, by outcome.";
    CALL_DURATION: "central_oauth.provider.call.duration", Kind::Histogram(CALL_SECONDS), "s",
        ["provider", "exchange", "outcome"],
        "Duration of calls to providers, until the response or the timeout.";
    OUTAGE: "central_oauth.provider.outage", Kind::Gauge, "", ["provider"],
        "1 during an outage of the provider: several accounts in a row got no definite response, and the service probes with one account at a time.";
    BEARERS_REFUSED: "central_oauth.bearers.refused", Kind::Counter, "{request}", ["reason"],
        "Requests whose bearer was refused. If there are many, somebody is guessing keys, or a program still uses a \
         deleted key.";
    KEYS_ALTERED: "central_oauth.keys.altered", Kind::Counter, "{refusal}", [],
        "Access keys and links that were refused because their row was changed in the database, but not by this \
         service. Any value above 0 means that somebody writes to the database.";
    AUDIT_LOGS_ALTERED: "central_oauth.audit.altered", Kind::Counter, "{discovery}", [],
        "How often the service found that the audit log was changed in the database, but not by this service. Any \
         value above 0 means that somebody writes to the database.";
    CACHE_LOOKUPS: "central_oauth.cache.lookups", Kind::Counter, "{lookup}", ["cache", "result"],
        "Lookups in the caches of provider metadata and signing keys, by hit or miss.";
    ACCOUNTS: "central_oauth.accounts", Kind::Gauge, "{account}", ["provider", "status"],
        "Accounts by status, at the last count.";
    GRANTS_DYING: "central_oauth.grants.dying", Kind::Gauge, "{grant}", ["provider", "saved_by"],
        "Grants that end soon, at the last count. Within 7 days: grants with a fixed end, grants whose refresh token expires and is not renewed by use, and grants without a refresh token whose access token expires. Within a day: all other expiring refresh tokens.";
    GRANTS_OVERDUE: "central_oauth.grants.overdue", Kind::Gauge, "{grant}", ["provider", "status"],
        "Accounts that wait for a refresh, at the last count: the account has a refresh token and does not require a relink, and its access token has expired or the time of its next refresh has come. A failed refresh sets a new time, so until then the account counts only if its access token has expired. A healthy service has few, and none of them for long.";
    OVERDUE_AGE: "central_oauth.grants.overdue.age", Kind::Gauge, "s", ["provider", "status"],
        "Age of the most overdue grant: seconds since its access token expired or its refresh became due, whichever is earlier. Failed attempts do not reset it.";
    CENSUS_TIMESTAMP: "central_oauth.census.timestamp", Kind::Gauge, "s", [],
        "Unix time of the last count of accounts; at first the start of the service. Like all counts, it does not \
         change while the database does not respond.";
    CENSUS_DURATION: "central_oauth.census.duration", Kind::Gauge, "s", [],
        "Duration of the last count of accounts; 0 before the first one. The next one starts after 100 times this duration, and after 10 s at the earliest.";
    STORE_CONNECTIONS: "central_oauth.store.connections", Kind::Gauge, "{connection}", ["state"],
        "Connections to the database, busy or idle. On SQLite only reader connections.";
    TELEMETRY_EXPORTS: "central_oauth.telemetry.exports", Kind::Counter, "{request}", ["result"],
        "Requests to the OTLP collector, by whether it accepted the data.";
    BUILD_INFO: "central_oauth.build.info", Kind::Gauge, "", ["version"],
        "Always 1. The label names the running version.";
}
