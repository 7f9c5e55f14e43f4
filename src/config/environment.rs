//! The environment variables of this program.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};

use secrecy::SecretString;
use serde::de::DeserializeOwned;

use super::{ConfigError, KNOWN};

/// Variables with our prefix as text, all others unchanged.
#[derive(Clone, Default)]
pub(crate) struct Environment {
    ours: Vec<(String, String)>,
    others: HashMap<OsString, OsString>,
}

impl Environment {
    /// The prefix of our variables.
    pub(crate) const PREFIX: &'static str = "CENTRAL_OAUTH_";

    /// Reads the environment. An empty value counts as unset, because compose files write it.
    ///
    /// # Errors
    /// If one of our variables is not UTF-8.
    pub(crate) fn new(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let mut environment = Self::default();
        for (name, value) in variables.into_iter().filter(|(_, value)| !value.is_empty()) {
            match name.to_str().filter(|name| name.starts_with(Self::PREFIX)) {
                Some(ours) => {
                    let value = value.into_string();
                    let value = value.map_err(|_| ConfigError::place(ours, "is not UTF-8"))?;
                    environment.ours.push((ours.to_owned(), value));
                }
                None => _ = environment.others.insert(name, value),
            }
        }
        Ok(environment)
    }

    /// Returns a variable by its full name, for settings that name one.
    pub(crate) fn secret(&self, name: &str) -> Option<SecretString> {
        let other = || self.others.get(OsStr::new(name))?.to_str();
        let ours = self.ours.iter().find(|(ours, _)| ours == name);
        let value = ours.map(|(_, value)| value.as_str()).or_else(other)?;
        Some(SecretString::from(value))
    }

    /// Returns a foreign variable by its full name, if it is text.
    pub(crate) fn other(&self, name: &str) -> Option<&str> {
        self.others.get(OsStr::new(name))?.to_str()
    }

    /// Whether one of our variables, named without the prefix, has a value.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        let mut names = self.ours.iter().map(|(name, _)| name);
        names.any(|ours| ours.strip_prefix(Self::PREFIX) == Some(name))
    }

    /// Reads one section: a flat struct of optional strings.
    pub(crate) fn section<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        // Sections contain only strings, so parsing cannot fail here.
        envy::prefixed(Self::PREFIX)
            .from_iter(self.ours.iter().cloned())
            .map_err(|_| ConfigError::place(Self::PREFIX, "the environment cannot be read"))
    }

    /// Returns a warning for each unknown variable, with the nearest known name.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let unknown = self.ours.iter().filter_map(|(name, _)| {
            let short = name.strip_prefix(Self::PREFIX)?;
            (!KNOWN.contains(&short)).then(|| {
                let near = nearest(short);
                format!("{name} is unknown; did you mean {}{near}?", Self::PREFIX)
            })
        });
        unknown.collect()
    }
}

/// Returns the nearest known name: one that ends with this text (`CLIENT_ID`), or else the most similar.
fn nearest(name: &str) -> &'static str {
    let is_end_of = |known: &&&str| {
        let start = known.strip_suffix(name);
        start.is_some_and(|start| start.ends_with('_'))
    };
    let similarity = |known: &&&str| (strsim::jaro_winkler(name, known) * 1000.0) as u32;
    let near = KNOWN.iter().find(is_end_of);
    near.or_else(|| KNOWN.iter().max_by_key(similarity))
        .unwrap_or(&KNOWN[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let variables = variables
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        Environment::new(variables).unwrap_or_default()
    }

    #[test]
    fn unknown_variables_get_a_suggestion() {
        let warnings = environment(&[
            ("CENTRAL_OAUTH_SECRETKEY", "x"),
            ("CENTRAL_OAUTH_LISTEN_ADDR", "x"),
            ("HOME", "x"),
        ])
        .warnings();
        assert_eq!(
            warnings,
            ["CENTRAL_OAUTH_SECRETKEY is unknown; did you mean CENTRAL_OAUTH_SECRET_KEY?"]
        );
    }

    #[test]
    fn a_missing_prefix_is_suggested() {
        for (short, near) in [
            ("CLIENT_ID", "PROVIDER_CLIENT_ID"),
            ("CLIENT_SECRET", "PROVIDER_CLIENT_SECRET"),
            ("ISSUER", "PROVIDER_ISSUER"),
            ("SCOPES", "PROVIDER_SCOPES"),
            ("TOKEN_ENDPOINT", "PROVIDER_TOKEN_ENDPOINT"),
            ("DB_PATHS", "DB_PATH"),
        ] {
            assert_eq!(nearest(short), near);
        }
    }

    #[test]
    fn variables_from_kubernetes_only_cause_warnings() {
        let warnings = environment(&[("CENTRAL_OAUTH_PORT", "tcp://10.0.0.1:80")]).warnings();
        assert_eq!(warnings.len(), 1);
    }

    #[test]
    fn an_empty_value_counts_as_unset() {
        assert!(
            environment(&[("CENTRAL_OAUTH_X", "")])
                .warnings()
                .is_empty()
        );
    }
}
