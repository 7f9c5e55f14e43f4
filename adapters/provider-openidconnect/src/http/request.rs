//! A request and its secrets.

use std::collections::BTreeMap;

use central_oauth_domain::ports::ProviderError;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};
use url::Url;
use url::form_urlencoded::Serializer;

use crate::scrub::Scrubber;

/// A request to a provider. It keeps a list of the secrets in it, so that they can be removed from the response.
#[derive(Clone)]
pub(crate) struct Request {
    pub(super) method: Method,
    pub(crate) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) secrets: Scrubber,
    fields: Vec<(String, String)>,
    is_json: bool,
}

impl Request {
    /// Creates a form post, as RFC 6749, 7009 and 8628 require.
    pub(crate) fn post(url: &Url) -> Self {
        Self::new(Method::POST, url)
    }

    pub(crate) fn get(url: &Url) -> Self {
        Self::new(Method::GET, url)
    }

    /// Creates a request for a set of keys. Some servers send it only as `application/jwk-set+json` (RFC 7517 section
    /// 8.5.1), such as the API server of Kubernetes (ramosbugs/openidconnect-rs#238).
    pub(crate) fn get_keys(url: &Url) -> Self {
        let mut request = Self::get(url);
        request.header("accept", "application/json, application/jwk-set+json");
        request
    }

    /// Creates a DELETE request (GitHub's grants).
    pub(crate) fn delete(url: &Url) -> Self {
        Self::new(Method::DELETE, url)
    }

    fn new(method: Method, url: &Url) -> Self {
        Self {
            method,
            url: url.clone(),
            headers: HeaderMap::new(),
            secrets: Scrubber::default(),
            fields: Vec::new(),
            is_json: false,
        }
    }

    /// Whether a parameter of this name is sent.
    pub(crate) fn has_field(&self, name: &str) -> bool {
        self.fields.iter().any(|(field, _)| field == name)
    }

    /// Sends the parameters as a JSON object if `is_json` (Notion).
    pub(crate) fn json_if(mut self, is_json: bool) -> Self {
        self.is_json = is_json;
        self
    }

    /// Adds a parameter that is not secret.
    pub(crate) fn field(&mut self, name: &str, value: &str) {
        self.fields.push((name.to_owned(), value.to_owned()));
    }

    /// Adds parameters from the operator's configuration or a preset.
    pub(crate) fn extra_fields(&mut self, parameters: &BTreeMap<String, String>) {
        for (name, value) in parameters {
            self.field(name, value);
        }
    }

    pub(crate) fn secret_field(&mut self, name: &str, value: &str) {
        self.hide(value);
        self.field(name, value);
    }

    /// Registers a secret that is sent in another form, so that it is removed from the response.
    pub(crate) fn hide(&mut self, secret: &str) {
        self.secrets.add(secret);
    }

    /// Sets a header of a profile; invalid headers are left out.
    pub(crate) fn header(&mut self, name: &str, value: &str) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            self.headers.insert(name, value);
        }
    }

    pub(crate) fn authorize(
        &mut self,
        scheme: &str,
        credentials: &str,
    ) -> Result<(), ProviderError> {
        self.hide(credentials);
        let mut value = HeaderValue::try_from(format!("{scheme} {credentials}")).map_err(|_| {
            ProviderError::nonsense("a token contains characters that are invalid in a header")
        })?;
        value.set_sensitive(true);
        self.headers.insert(AUTHORIZATION, value);
        Ok(())
    }

    /// Returns the body and its content type, if there is one.
    pub(super) fn take_body(&mut self) -> Option<(&'static str, String)> {
        let fields = std::mem::take(&mut self.fields);
        if fields.is_empty() {
            return None;
        }
        if self.is_json {
            let members = fields.into_iter();
            let members: Map<_, _> = members.map(|(k, v)| (k, Value::String(v))).collect();
            return Some(("application/json", Value::Object(members).to_string()));
        }
        let mut form = Serializer::new(String::new());
        form.extend_pairs(fields);
        Some(("application/x-www-form-urlencoded", form.finish()))
    }
}
