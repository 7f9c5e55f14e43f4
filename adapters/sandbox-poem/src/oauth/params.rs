use poem::{FromRequest, Request, RequestBody};
use url::form_urlencoded;

use super::error::OAuthError;

const LARGEST: usize = 16 * 1024;

/// The fields of a form or a query string.
#[derive(Debug)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    fn parse(encoded: &[u8]) -> Self {
        Self(form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// Parses the query string of a request.
    pub(crate) fn of_query(request: &Request) -> Self {
        Self::parse(request.uri().query().unwrap_or_default().as_bytes())
    }

    /// Returns a field. An empty field counts as missing (RFC 6749 section 3.2).
    ///
    /// # Errors
    /// If the field occurs twice.
    pub(crate) fn optional(&self, name: &str) -> Result<Option<&str>, OAuthError> {
        let mut values = self.0.iter().filter(|(key, _)| key == name);
        let value = values.next().map(|(_, value)| value.as_str());
        if values.next().is_some() {
            let problem = format!("{name} occurs more than once");
            return Err(OAuthError::invalid_request(problem));
        }
        Ok(value.filter(|value| !value.is_empty()))
    }

    /// Returns a required field.
    ///
    /// # Errors
    /// If the field is missing or occurs twice.
    pub(crate) fn required(&self, name: &str) -> Result<&str, OAuthError> {
        let missing = || OAuthError::invalid_request(format!("{name} is missing"));
        self.optional(name)?.ok_or_else(missing)
    }

    /// Returns the first field of this name, or an empty text. Only pages use it; they ignore duplicate fields.
    pub(crate) fn first(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }

    /// Returns the requested scopes (RFC 6749 section 3.3).
    ///
    /// # Errors
    /// If a scope is empty or contains an invalid character, or if the field occurs twice.
    pub(crate) fn scopes(&self) -> Result<Option<Vec<String>>, OAuthError> {
        let Some(text) = self.optional("scope")? else {
            return Ok(None);
        };
        let is_allowed = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\');
        let scopes: Vec<String> = text.split(' ').map(str::to_owned).collect();
        if scopes
            .iter()
            .all(|s| !s.is_empty() && s.chars().all(is_allowed))
        {
            return Ok(Some(scopes));
        }
        Err(OAuthError::new("invalid_scope", "scope is malformed"))
    }
}

/// Reads the form in a request's body.
pub(crate) struct Form(pub(crate) Params);

impl<'a> FromRequest<'a> for Form {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> poem::Result<Self> {
        let media_type = request.content_type().unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            let problem = "the body must be application/x-www-form-urlencoded";
            return Err(OAuthError::invalid_request(problem).into());
        }
        let bytes = body.take()?.into_bytes_limit(LARGEST).await?;
        Ok(Self(Params::parse(&bytes)))
    }
}
