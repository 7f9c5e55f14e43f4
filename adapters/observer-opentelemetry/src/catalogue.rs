//! Every metric there is. The instruments are made from this list, and so is `docs/METRICS.md`.

/// A metric: what it is called, what it counts, and what its series differ by.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name over OTLP.
    pub name: &'static str,
    /// What kind of instrument.
    pub kind: Kind,
    /// The unit, as UCUM has it: `s` for seconds, what is counted in braces.
    pub unit: &'static str,
    /// What its series differ by. The values of each are a closed set: see [`LABELS`].
    pub labels: &'static [&'static str],
    /// What it says.
    pub meaning: &'static str,
}

/// The kinds of instruments.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Stands where it stands.
    Gauge,
    /// Counts by size, with these bounds.
    Histogram(&'static [f64]),
}

impl Metric {
    /// Its name for Prometheus: the unit is a part of it, and the kind.
    #[must_use]
    pub fn prometheus_name(&self) -> String {
        let mut name = self.name.replace('.', "_");
        if self.unit == "s" {
            name.push_str("_seconds");
        }
        if matches!(self.kind, Kind::Counter) {
            name.push_str("_total");
        }
        name
    }
}

impl Kind {
    /// The word for it.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
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

/// The catalogue: a constant for each metric, and all of them in one list.
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

        /// All of them, in the order of the document.
        pub const ALL: &[Metric] = &[$($constant),+];
    };
}

catalogue! {
    REQUEST_DURATION: "http.server.request.duration", Kind::Histogram(REQUEST_SECONDS), "s",
        ["url.scheme", "http.request.method", "http.route", "http.response.status_code", "error.type"],
        "Requests, and how long each took to be answered or given up by its client. The count is the number of requests.";
    LINKS_STARTED: "central_oauth.links.started", Kind::Counter, "{link}", ["provider"],
        "Link codes handed out.";
    LINKS_CONFIRMED: "central_oauth.links.confirmed", Kind::Counter, "{link}", ["provider"],
        "Links that a person has confirmed, and whose flow has started at the provider.";
    LINKS_ENDED: "central_oauth.links.ended", Kind::Counter, "{link}", ["provider", "outcome"],
        "Links that came to an end, by how. A code that nobody ever confirms is in none of them: it is among those started.";
    REFRESHES: "central_oauth.refreshes", Kind::Counter, "{refresh}", ["provider", "outcome"],
        "Attempts to refresh, by what came of them.";
    REFRESH_LAG: "central_oauth.refresh.lag", Kind::Histogram(LAG_SECONDS), "s", ["provider"],
        "How long after the time planned for it a refresh began. A failure plans a new time, so how long a grant has waited in all is in central_oauth.grants.overdue.age. Those that somebody asked for earlier are not in it.";
    REVOCATIONS: "central_oauth.revocations", Kind::Counter, "{attempt}", ["provider", "outcome"],
        "Attempts to give tokens back, by what came of them.";
    CALL_DURATION: "central_oauth.provider.call.duration", Kind::Histogram(CALL_SECONDS), "s",
        ["provider", "exchange", "outcome"],
        "Questions to providers, and how long each took to be answered or given up.";
    OUTAGE: "central_oauth.provider.outage", Kind::Gauge, "", ["provider"],
        "1 while the provider has an outage: five different accounts got no definite answer, and one account at a time is tried.";
    CACHE_LOOKUPS: "central_oauth.cache.lookups", Kind::Counter, "{lookup}", ["cache", "result"],
        "How often what is kept of a provider's (its discovered metadata, its signing keys) was there.";
    ACCOUNTS: "central_oauth.accounts", Kind::Gauge, "{account}", ["provider", "status"],
        "Accounts by health, as of the last census.";
    GRANTS_DYING: "central_oauth.grants.dying", Kind::Gauge, "{grant}", ["provider", "saved_by"],
        "Grants that die soon, each once, as of the last census: within 7 days of age, by a refresh token whose end has been seen to stand, or because there is none and the access token expires; within a day by any other refresh token.";
    GRANTS_OVERDUE: "central_oauth.grants.overdue", Kind::Gauge, "{grant}", ["provider", "status"],
        "Grants with a refresh token, and not given up, whose access token has expired or whose refresh is due, as of the last census. In a healthy service they are few, and not the same ones for long.";
    OVERDUE_AGE: "central_oauth.grants.overdue.age", Kind::Gauge, "s", ["provider", "status"],
        "For how long one of them has waited: since its access token expired or its refresh was due, whichever is longer ago. Failing moves neither the expiry nor, therefore, this.";
    CENSUS_TIMESTAMP: "central_oauth.census.timestamp", Kind::Gauge, "s", [],
        "When accounts were last counted, as Unix time; before the first time, when the service started. While the database does not answer it stands still, and so do the figures.";
    CENSUS_DURATION: "central_oauth.census.duration", Kind::Gauge, "s", [],
        "How long the last census took; 0 before the first one. A hundred times that passes before the next one, and 10 s at the least.";
    STORE_CONNECTIONS: "central_oauth.store.connections", Kind::Gauge, "{connection}", ["state"],
        "Connections to the database (with SQLite those that read), by whether they are busy.";
    TELEMETRY_EXPORTS: "central_oauth.telemetry.exports", Kind::Counter, "{request}", ["result"],
        "Requests to the OTLP collector, by whether it took what was sent.";
    BUILD_INFO: "central_oauth.build.info", Kind::Gauge, "", ["version"],
        "Always 1; says which version runs.";
}

/// The labels, as OTLP names them, and the values that each may have. Nothing that a caller sends becomes a value.
pub const LABELS: &[(&str, &str)] = &[
    (
        "provider",
        "the name of a configured provider; `other` for one that was taken out of the configuration",
    ),
    (
        "http.route",
        "the template of a route, such as `/v1/accounts/{id}`; not there for an address that there is not",
    ),
    (
        "url.scheme",
        "`http`: what the service itself speaks, whatever a proxy before it does",
    ),
    (
        "http.request.method",
        "`GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE`, `OPTIONS`; `_OTHER` for anything else",
    ),
    (
        "http.response.status_code",
        "the status of the answer; `499`: the client went away before there was one",
    ),
    (
        "error.type",
        "the status again where the service has failed (5xx); else not there",
    ),
    (
        "outcome",
        "of a link: `linked`, `denied`, `expired`, `failed`; of a refresh: `refreshed`, `relink_required` (the grant was \
         given up), `refused`, `misconfigured` (the operator must act), `unavailable`; of a revocation: `revoked`, `unsupported`, \
         `failed`, `cancelled`, `again` (not confirmed yet); of a \
         call: `answered`, `refused`, `misconfigured`, `nonsense`, `unavailable`",
    ),
    (
        "exchange",
        "`consent`, `redeem`, `refresh`, `revoke`, `identify`",
    ),
    ("cache", "`metadata`, `keys`"),
    ("status", "`active`, `degraded`, `relink_required`"),
    (
        "saved_by",
        "`refresh`: a refresh is due before, refreshing works, and no end is near that a refresh does not put off, as far \
         as is known; `person`: nothing but a new consent helps",
    ),
    ("state", "`busy`, `idle`"),
    (
        "result",
        "of a lookup: `hit`, `miss`; of an export: `taken`, `failed`",
    ),
    ("version", "of the running binary"),
];
