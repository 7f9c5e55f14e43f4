//! A request, and what of it is secret.

use central_oauth_domain::ports::ProviderError;
use reqwest::Method;
use reqwest::header::HeaderValue;
use url::Url;
use url::form_urlencoded::Serializer;

use crate::scrub::Scrubber;

/// One request to a provider. It knows its secrets, so that the answer can be rid of them.
pub(crate) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) authorization: Option<HeaderValue>,
    pub(super) secrets: Scrubber,
    form: String,
}

impl Request {
    /// A form to be posted, as every endpoint of RFC 6749, 7009 and 8628 takes it.
    pub(crate) fn post(url: &Url) -> Self {
        Self::new(Method::POST, url)
    }

    /// Something to be fetched.
    pub(crate) fn get(url: &Url) -> Self {
        Self::new(Method::GET, url)
    }

    fn new(method: Method, url: &Url) -> Self {
        Self {
            method,
            url: url.clone(),
            authorization: None,
            secrets: Scrubber::default(),
            form: String::new(),
        }
    }

    /// Adds a parameter that anybody may know.
    pub(crate) fn field(&mut self, name: &str, value: &str) {
        Serializer::for_suffix(&mut self.form, 0).append_pair(name, value);
    }

    /// Adds a secret parameter.
    pub(crate) fn secret_field(&mut self, name: &str, value: &str) {
        self.hide(value);
        self.field(name, value);
    }

    /// Keeps a secret that goes out in some other form out of whatever is told about the answer.
    pub(crate) fn hide(&mut self, secret: &str) {
        self.secrets.add(secret);
    }

    /// Sets the `Authorization` header.
    pub(crate) fn authorize(
        &mut self,
        scheme: &str,
        credentials: &str,
    ) -> Result<(), ProviderError> {
        self.hide(credentials);
        let mut value = HeaderValue::try_from(format!("{scheme} {credentials}")).map_err(|_| {
            ProviderError::Nonsense {
                detail: "a token has characters that no header can carry".to_owned(),
            }
        })?;
        value.set_sensitive(true);
        self.authorization = Some(value);
        Ok(())
    }

    /// The body, where there is one.
    pub(super) fn take_form(&mut self) -> Option<String> {
        (self.method == Method::POST).then(|| std::mem::take(&mut self.form))
    }
}
