//! Where a provider is configured, for error messages.

use super::super::{ConfigError, Environment, KNOWN};

pub(crate) enum Source {
    /// In `CENTRAL_OAUTH_PROVIDER_*`.
    Environment,
    /// In a table of the file that `CENTRAL_OAUTH_PROVIDERS` names.
    File { path: String, table: String },
    /// In the program itself.
    BuiltIn,
}

impl Source {
    /// Creates an error from a problem that begins with the name of a key. For the environment, replaces the key with
    /// the name of its variable.
    pub(crate) fn error(&self, problem: &str) -> ConfigError {
        match self {
            Self::Environment => from_environment(problem),
            Self::File { path, table } => {
                ConfigError::variable("PROVIDERS", format!("{path}, table {table:?}: {problem}"))
            }
            Self::BuiltIn => ConfigError::place("the built-in provider", problem),
        }
    }
}

fn from_environment(problem: &str) -> ConfigError {
    let (key, rest) = problem.split_once(' ').unwrap_or((problem, ""));
    let variable = format!("PROVIDER_{}", key.to_ascii_uppercase());
    if KNOWN.contains(&variable.as_str()) {
        ConfigError::variable(&variable, rest)
    } else {
        ConfigError::place(format!("{}PROVIDER_*", Environment::PREFIX), problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_setting() {
        let problem = "issuer is not a URL";
        let table = Source::File {
            path: "p.toml".to_owned(),
            table: "a\nb".to_owned(),
        };
        assert_eq!(
            Source::Environment.error(problem).to_string(),
            "CENTRAL_OAUTH_PROVIDER_ISSUER: is not a URL"
        );
        assert_eq!(
            table.error(problem).to_string(),
            r#"CENTRAL_OAUTH_PROVIDERS: p.toml, table "a\nb": issuer is not a URL"#
        );
        assert_eq!(
            Source::Environment.error("something else").to_string(),
            "CENTRAL_OAUTH_PROVIDER_*: something else"
        );
    }
}
