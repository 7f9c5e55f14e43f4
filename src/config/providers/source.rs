//! Where a provider is described, for telling the operator what to put right.

use super::super::{ConfigError, Environment, KNOWN};

/// Where a provider is described.
pub(crate) enum Source {
    /// In `CENTRAL_OAUTH_PROVIDER_*`.
    Environment,
    /// In a table of the file that `CENTRAL_OAUTH_PROVIDERS` names.
    File {
        /// The file.
        path: String,
        /// The table.
        table: String,
    },
    /// In the program itself.
    BuiltIn,
}

impl Source {
    /// A problem whose text begins with the key that it is about: the variable of the same name is named instead
    /// where it was set by one.
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
    fn a_problem_names_what_the_operator_wrote() {
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
