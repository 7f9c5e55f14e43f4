//! Checks each issuer when the service starts.

use std::error::Error;

use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::usecases::Providers;
use url::Url;

/// Fetches the metadata of each issuer in the background and warns about failures. The service starts nevertheless, and
/// fetches the metadata again when it needs them.
pub(crate) fn look_up_issuers(providers: &Providers, issuers: Vec<(ProviderName, Url)>) {
    for (name, issuer) in issuers {
        let provider = providers.iter().find(|provider| *provider.name() == name);
        let Some(provider) = provider.cloned() else {
            continue;
        };
        tokio::spawn(async move {
            if let Err(error) = provider.origin().await {
                tracing::warn!(
                    provider = %name,
                    %issuer,
                    error = &error as &dyn Error,
                    "the metadata of the issuer cannot be fetched; links and refreshes at this provider fail until they can"
                );
            }
        });
    }
}
