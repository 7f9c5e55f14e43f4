use central_oauth_domain::operator::OperatorKey;

use super::secret_keys::WrappedKeys;
use super::{ConfigError, Environment, operators};

pub(crate) struct Keys {
    /// The keys that encrypt and decrypt the stored values.
    pub(crate) secret: WrappedKeys,
    /// The bearer keys of operators.
    pub(crate) operators: Vec<OperatorKey>,
}

impl Keys {
    pub(crate) fn read(environment: &Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            secret: WrappedKeys::read(environment)?,
            operators: operators::read(environment)?,
        })
    }
}
