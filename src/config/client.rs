//! Variables of the client commands.

use central_oauth_domain::secret::AccessKey;
use serde::Deserialize;
use url::Url;

use super::keys::bearer;
use super::{ConfigError, Environment};

#[derive(Deserialize)]
struct Raw {
    server: Option<String>,
}

/// Settings of the client commands.
pub(crate) struct ClientConfig {
    /// The address of the service.
    pub(crate) server: Option<Url>,
    /// A key to use instead of a saved one.
    pub(crate) access_key: Option<NamedKey>,
    /// The enrolment key.
    pub(crate) enroll_key: Option<NamedKey>,
    /// The admin key, for commands of operators.
    pub(crate) admin_key: Option<NamedKey>,
}

/// A key, and the variable that it comes from.
#[derive(Clone)]
pub(crate) struct NamedKey {
    pub(crate) key: AccessKey,
    pub(crate) variable: String,
}

impl ClientConfig {
    pub(crate) fn read(environment: &Environment) -> Result<Self, ConfigError> {
        let raw: Raw = environment.section()?;
        let server = raw.server.as_deref().map(parse_server).transpose();
        Ok(Self {
            server: server.map_err(|problem| ConfigError::variable("SERVER", problem))?,
            access_key: named(environment, "ACCESS_KEY")?,
            enroll_key: named(environment, "ENROLL_KEY")?,
            admin_key: named(environment, "ADMIN_KEY")?,
        })
    }
}

fn named(environment: &Environment, name: &str) -> Result<Option<NamedKey>, ConfigError> {
    let key = bearer(environment, name)?;
    let variable = environment.variable_of(name);
    Ok(key.map(|key| NamedKey { key, variable }))
}

/// Parses the address of a service.
pub(crate) fn parse_server(text: &str) -> Result<Url, &'static str> {
    const PROBLEM: &str = "is not an http or https URL such as https://auth.example.com";
    let url = Url::parse(text).map_err(|_| PROBLEM)?;
    let plain = url.username().is_empty() && url.password().is_none();
    let plain = plain && url.query().is_none() && url.fragment().is_none();
    if matches!(url.scheme(), "https" | "http") && url.has_host() && plain {
        Ok(url)
    } else {
        Err(PROBLEM)
    }
}
