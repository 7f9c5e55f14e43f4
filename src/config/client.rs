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
    pub(crate) access_key: Option<AccessKey>,
    /// The enrolment key.
    pub(crate) enroll_key: Option<AccessKey>,
    /// The admin key, for commands of operators.
    pub(crate) admin_key: Option<AccessKey>,
}

impl ClientConfig {
    pub(crate) fn read(environment: &Environment) -> Result<Self, ConfigError> {
        let raw: Raw = environment.section()?;
        let server = raw.server.as_deref().map(parse_server).transpose();
        Ok(Self {
            server: server.map_err(|problem| ConfigError::variable("SERVER", problem))?,
            access_key: bearer(environment, "ACCESS_KEY")?,
            enroll_key: bearer(environment, "ENROLL_KEY")?,
            admin_key: bearer(environment, "ADMIN_KEY")?,
        })
    }
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
