//! Checks each issuer when the service starts.

use std::error::Error;
use std::sync::Arc;

use central_oauth_domain::usecases::Providers;

/// Fetches the metadata of each issuer in the background and warns about failures. The service starts nevertheless, and
/// fetches the metadata again when it needs them.
pub(crate) fn look_up_issuers(providers: &Providers) {
    for provider in providers.iter() {
        let provider = Arc::clone(provider);
        tokio::spawn(async move {
            if let Err(error) = provider.origin().await {
                tracing::warn!(
                    provider = %provider.name(),
                    error = &error as &dyn Error,
                    "the metadata of the issuer cannot be fetched; links and refreshes at this provider fail until they can"
                );
            }
        });
    }
}
