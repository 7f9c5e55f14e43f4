use central_oauth_domain::operator::OperatorKey;

use super::secret_keys::WrappedKeys;
use super::{ConfigError, Effective, Environment, HIDDEN, hidden, operators};

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

    /// Returns which secrets are set, and the key management service.
    pub(crate) fn effective(
        &self,
        environment: &Environment,
    ) -> Result<Vec<Effective>, ConfigError> {
        let is_set = |name| Ok(hidden(environment.secret(name)?.is_some()));
        let mut values = vec![
            ("SECRET_KEY", HIDDEN.to_owned()),
            ("PREVIOUS_SECRET_KEYS", hidden(self.secret.previous() > 0)),
        ];
        values.extend(self.secret.effective_kms());
        for name in [
            "KMS_TOKEN",
            "KMS_PIN",
            "ADMIN_KEY",
            "ENROLL_KEY",
            "OPERATOR_KEYS",
        ] {
            values.push((name, is_set(name)?));
        }
        Ok(values)
    }
}
