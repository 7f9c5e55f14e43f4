use std::sync::Arc;

use central_oauth_domain::usecases::Services;
use poem_openapi::OpenApi;
use poem_openapi::payload::Json;

use super::Tag;
use crate::dto::{Provider, ProviderList};
use crate::failure::{Failure, documented};

pub(crate) struct Providers {
    pub(super) services: Arc<Services>,
}

#[OpenApi(prefix_path = "/v1", tag = "Tag::Service")]
impl Providers {
    /// List the configured providers
    ///
    /// Their names, for `provider` in a request for a link code.
    #[oai(path = "/providers", method = "get", operation_id = "list_providers")]
    async fn list(&self) -> Result<Json<ProviderList>, Failure<ListProviders>> {
        let providers = self.services.providers.iter();
        let items = providers.map(|provider| Provider {
            name: provider.name().to_string(),
            display_name: provider.display_name().to_owned(),
        });
        Ok(Json(ProviderList {
            items: items.collect(),
        }))
    }
}

documented!(ListProviders, None, []);
