use central_oauth_domain::secret::AccessKey;
use secrecy::SecretString;
use url::Url;

use super::bearer::{SHORTEST, bearer};
use super::{ConfigError, Environment};

/// Settings of the client commands. A key is read when a command needs it, so that a malformed key fails only commands
/// that use it.
pub(crate) struct ClientConfig<'a> {
    pub(crate) server: Option<Url>,
    environment: &'a Environment,
}

/// A key, and the variable that it comes from.
pub(crate) struct NamedKey {
    pub(crate) key: AccessKey,
    pub(crate) variable: String,
}

impl<'a> ClientConfig<'a> {
    /// The variable of a key that overrides a saved key.
    pub(crate) const ACCESS_KEY: &'static str = "ACCESS_KEY";
    pub(crate) const ENROLL_KEY: &'static str = "ENROLL_KEY";
    pub(crate) const ADMIN_KEY: &'static str = "ADMIN_KEY";
    pub(crate) const ID_TOKEN: &'static str = "ID_TOKEN";

    pub(crate) fn read(environment: &'a Environment) -> Result<Self, ConfigError> {
        let server = environment.text("SERVER").map(parse_server).transpose();
        Ok(Self {
            server: server.map_err(|problem| ConfigError::variable("SERVER", problem))?,
            environment,
        })
    }

    /// Reads the key in one of the variables above.
    pub(crate) fn key(&self, name: &str) -> Result<Option<NamedKey>, ConfigError> {
        let key = bearer(self.environment, name, SHORTEST)?;
        let variable = self.environment.variable_of(name);
        Ok(key.map(|key| NamedKey { key, variable }))
    }

    /// Returns the full name of the variable that provides a secret, if it is set, without reading the secret.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        let is_set = self.environment.is_set(name);
        is_set.then(|| self.environment.variable_of(name))
    }

    /// Returns the JWT that the CI or cloud platform issued to this job. Reads the file again each time, because the
    /// platform may replace it.
    pub(crate) fn id_token(&self) -> Result<Option<SecretString>, ConfigError> {
        self.environment.secret(Self::ID_TOKEN)
    }

    /// Returns the URL at which GitHub Actions issues JWTs, and the bearer token for it.
    pub(crate) fn github_actions(&self) -> Option<(&str, SecretString)> {
        let variable = |name: &str| {
            self.environment
                .other(&format!("ACTIONS_ID_TOKEN_REQUEST_{name}"))
        };
        let bearer = variable("TOKEN").map(SecretString::from);
        variable("URL").zip(bearer)
    }
}

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
