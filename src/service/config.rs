//! Everything that the service needs to know before it starts.

use std::net::SocketAddr;

use central_oauth_domain::usecases::AuditSettings;
use central_oauth_http_poem::OperatorDetails;

use crate::config::{
    self, ConfigError, Environment, HttpConfig, Keys, LinkConfig, ProviderConfig, StoreConfig,
    TelemetryConfig, WebhookConfig, WorkloadConfig,
};

pub(crate) struct ServiceConfig {
    pub(crate) store: StoreConfig,
    pub(crate) keys: Keys,
    pub(crate) http: HttpConfig,
    pub(crate) links: LinkConfig,
    pub(crate) operator: OperatorDetails,
    pub(crate) providers: ProviderConfig,
    pub(crate) webhooks: Option<WebhookConfig>,
    pub(crate) workloads: Option<WorkloadConfig>,
    pub(crate) audit: AuditSettings,
    pub(crate) metrics: Option<SocketAddr>,
}

impl ServiceConfig {
    /// Reads all sections. Fails at the first malformed variable.
    pub(crate) fn read(
        environment: &Environment,
        telemetry: &TelemetryConfig,
    ) -> Result<Self, ConfigError> {
        let links = LinkConfig::read(environment)?;
        let providers = ProviderConfig::read(environment, links.provider_timeout)?;
        Ok(Self {
            store: StoreConfig::read(environment)?,
            keys: Keys::read(environment)?,
            http: HttpConfig::read(environment)?,
            webhooks: WebhookConfig::read(environment)?,
            operator: config::operator_details(environment)?,
            workloads: WorkloadConfig::read(environment, &providers)?,
            providers,
            links,
            audit: config::audit_settings(environment)?,
            metrics: telemetry.scraped_at,
        })
    }
}
