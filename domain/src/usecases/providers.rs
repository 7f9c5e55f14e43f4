//! The configured providers, and how the service chooses one for a request.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Refusal;
use crate::grant::ProviderName;
use crate::ports::OAuthProvider;

/// The configured providers by name.
#[derive(Clone, Default)]
pub struct Providers {
    by_name: BTreeMap<ProviderName, Arc<dyn OAuthProvider>>,
    default: Option<ProviderName>,
}

impl Providers {
    /// Indexes the providers by name. `default` names the provider for requests that name none.
    pub fn new(
        providers: impl IntoIterator<Item = Arc<dyn OAuthProvider>>,
        default: Option<ProviderName>,
    ) -> Self {
        let by_name = providers
            .into_iter()
            .map(|provider| (provider.name().clone(), provider))
            .collect();
        Self { by_name, default }
    }

    /// Returns all providers in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn OAuthProvider>> {
        self.by_name.values()
    }

    /// Whether no provider is configured.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Returns the provider of a request: the named one, the only one, or the default.
    pub(super) fn choose(&self, named: Option<&str>) -> Result<&Arc<dyn OAuthProvider>, Refusal> {
        if self.is_empty() {
            let detail = "no provider is configured on this service".to_owned();
            return Err(Refusal::ProviderNotConfigured(detail));
        }
        let chosen = match named {
            Some(name) => self.by_name.get(&ProviderName::new(name)),
            None if self.by_name.len() == 1 => self.by_name.values().next(),
            None => self
                .default
                .as_ref()
                .and_then(|name| self.by_name.get(name)),
        };
        chosen.ok_or_else(|| {
            let problem = named.map_or_else(
                || "name a provider".to_owned(),
                |name| format!("there is no provider {:?}", shorten(name)),
            );
            Refusal::Unprocessable(format!("{problem}; this service has: {}", self.names()))
        })
    }

    /// Returns the provider that a stored row names. The provider may have been removed from the configuration since.
    pub(super) fn get(&self, name: &ProviderName) -> Result<&Arc<dyn OAuthProvider>, Refusal> {
        self.by_name.get(name).ok_or_else(|| {
            Refusal::ProviderNotConfigured(format!(
                "the provider {name} is not configured any more"
            ))
        })
    }

    fn names(&self) -> String {
        let names: Vec<_> = self.by_name.keys().map(ProviderName::as_str).collect();
        names.join(", ")
    }
}

fn shorten(name: &str) -> String {
    name.chars().take(60).collect()
}
