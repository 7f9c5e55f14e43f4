//! Fills in the preset's URLs that the operator did not set.

use url::Url;

use super::template::Template;
use super::{Profile, ProfileError};
use crate::settings::ProviderSettings;

impl Profile {
    /// Removes the preset's value of this key, because the operator's table sets it to an empty string. The key is
    /// `issuer`, `token_endpoint_auth_method`, or that of an endpoint.
    pub fn forget(&mut self, key: &str) {
        match key {
            "issuer" => self.issuer = None,
            "token_endpoint_auth_method" => self.token_endpoint_auth_method = None,
            endpoint => drop(self.endpoints.remove(endpoint)),
        }
    }

    /// Fills in the issuer and the endpoints that the operator did not set.
    pub(super) fn complete_addresses(
        &self,
        settings: &mut ProviderSettings,
        template: &Template<'_>,
    ) -> Result<(), ProfileError> {
        self.check_issuer(settings, template)?;
        if let (None, Some(text)) = (&settings.issuer, &self.issuer) {
            settings.issuer = Some(address("issuer", text, template)?);
        }
        for (key, endpoint) in settings.endpoints() {
            if let (Some(text), None) = (self.endpoints.get(key), &endpoint) {
                *endpoint = Some(address(key, text, template)?);
            }
        }
        Ok(())
    }

    /// Rejects an issuer that is not the preset's if any endpoint would still come from the preset. Otherwise the
    /// client secret, authorization codes and PKCE verifiers would be sent to the preset's server.
    fn check_issuer(
        &self,
        settings: &mut ProviderSettings,
        template: &Template<'_>,
    ) -> Result<(), ProfileError> {
        let Some(issuer) = settings.issuer.clone() else {
            return Ok(());
        };
        let endpoints = settings.endpoints().into_iter();
        let left_out = endpoints
            .filter(|(key, endpoint)| endpoint.is_none() && self.endpoints.contains_key(*key));
        let left_out: Vec<_> = left_out.map(|(key, _)| key).collect();
        if left_out.is_empty() || self.owns(&issuer, template)? {
            return Ok(());
        }
        let placeholders = self.placeholders.iter();
        let keys: Vec<_> = placeholders
            .filter(|(_, placeholder)| !placeholder.optional)
            .map(|(key, _)| key.as_str())
            .collect();
        let instead = match keys.as_slice() {
            [] => "leave it out".to_owned(),
            keys => format!("set {} instead", keys.join(" and ")),
        };
        Err(ProfileError(format!(
            "issuer is on another server than this preset's endpoints: {instead}, or set these endpoints too (in a file \"\" \
             leaves one to the issuer's metadata): {}",
            left_out.join(", ")
        )))
    }

    /// Whether the issuer is the preset's. If the preset has none, the issuer must be on the server of the preset's
    /// token endpoint.
    fn owns(&self, issuer: &Url, template: &Template<'_>) -> Result<bool, ProfileError> {
        if let Some(own) = &self.issuer {
            let own = address("issuer", own, template)?;
            let bare = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
            return Ok(bare(&own) == bare(issuer));
        }
        match self.endpoints.get("token_endpoint") {
            Some(own) => Ok(address("token_endpoint", own, template)?.origin() == issuer.origin()),
            None => Ok(false),
        }
    }
}

fn address(key: &str, text: &str, template: &Template<'_>) -> Result<Url, ProfileError> {
    let problem = |_| ProfileError(format!("{key} is not an address with the given values"));
    Url::parse(&template.fill(text)?).map_err(problem)
}
