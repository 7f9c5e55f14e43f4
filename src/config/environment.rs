//! The environment variables of this program.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};

use secrecy::SecretString;
use serde::de::DeserializeOwned;

use super::{ConfigError, KNOWN};

/// The variables of this program, as text, and all others as they are.
#[derive(Clone, Default)]
pub(crate) struct Environment {
    ours: Vec<(String, String)>,
    others: HashMap<OsString, OsString>,
}

impl Environment {
    /// What the name of every variable of ours starts with.
    pub(crate) const PREFIX: &'static str = "CENTRAL_OAUTH_";

    /// Takes the environment. An empty value counts as unset, as compose files write it.
    ///
    /// # Errors
    /// When one of ours is not UTF-8.
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

    /// A variable by its full name, for settings that name one.
    pub(crate) fn secret(&self, name: &str) -> Option<SecretString> {
        let other = || self.others.get(OsStr::new(name))?.to_str();
        let ours = self.ours.iter().find(|(ours, _)| ours == name);
        let value = ours.map(|(_, value)| value.as_str()).or_else(other)?;
        Some(SecretString::from(value))
    }

    /// A variable of others, by its full name, where it is text.
    pub(crate) fn other(&self, name: &str) -> Option<&str> {
        self.others.get(OsStr::new(name))?.to_str()
    }

    /// Whether one of ours, named here without the prefix, has a value.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        let mut names = self.ours.iter().map(|(name, _)| name);
        names.any(|ours| ours.strip_prefix(Self::PREFIX) == Some(name))
    }

    /// One section: a flat struct of optional strings.
    pub(crate) fn section<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        // Sections hold strings only, so nothing in them can be malformed at this level.
        envy::prefixed(Self::PREFIX)
            .from_iter(self.ours.iter().cloned())
            .map_err(|_| ConfigError::place(Self::PREFIX, "the environment cannot be read"))
    }

    /// A sentence for each variable that nobody reads, with the nearest name that somebody does.
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

/// The known name that is nearest: one that this is the end of (`CLIENT_ID`), else the most alike.
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
    fn an_unknown_variable_is_named_with_its_nearest_neighbour() {
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
    fn who_forgets_how_a_name_begins_is_told() {
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
    fn what_kubernetes_adds_is_only_warned_about() {
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
