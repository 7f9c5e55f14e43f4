//! Providers.

use std::sync::Arc;

use central_oauth_domain::usecases::Broker;
use poem_openapi::OpenApi;
use poem_openapi::payload::Json;

use super::Tag;
use crate::dto::{Provider, ProviderList};
use crate::failure::{Answer, Documented, Failure};

pub(crate) struct Providers {
    broker: Arc<Broker>,
}

impl Providers {
    pub(super) const fn new(broker: Arc<Broker>) -> Self {
        Self { broker }
    }
}

#[OpenApi(prefix_path = "/v1", tag = "Tag::Providers")]
impl Providers {
    /// List the configured providers
    #[oai(path = "/providers", method = "get", operation_id = "list_providers")]
    async fn list(&self) -> Result<Json<ProviderList>, Failure<ListProviders>> {
        let providers = self.broker.providers().iter();
        let items = providers.map(|provider| Provider {
            name: provider.name().to_string(),
            display_name: provider.display_name().to_owned(),
        });
        Ok(Json(ProviderList {
            items: items.collect(),
        }))
    }
}

struct ListProviders;

impl Documented for ListProviders {
    const PROBLEMS: &'static [Answer] = &[];
}
