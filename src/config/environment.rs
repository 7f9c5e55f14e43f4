//! The environment variables of this program.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::fs::File;
use std::io::Read as _;
use std::sync::{Arc, Mutex};

use central_oauth_domain::lock::lock;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::{ConfigError, HIDDEN, KNOWN};

/// The secret variables, without the prefix. Each can be replaced by a variable with the suffix `_FILE`, which names a
/// file with the value.
pub(crate) const SECRETS: &[&str] = &[
    "ACCESS_KEY",
    "ADMIN_KEY",
    "DATABASE_URL",
    "ENROLL_KEY",
    "ID_TOKEN",
    "KMS_PIN",
    "KMS_TOKEN",
    "OPERATOR_KEYS",
    "PREVIOUS_SECRET_KEYS",
    "PROVIDER_CLIENT_SECRET",
    "SECRET_KEY",
];
/// The longest file that is read as a secret, in bytes.
const LONGEST_FILE: u64 = 64 * 1024;

/// The environment. Variables with our prefix are UTF-8 text; all others are stored unchanged.
#[derive(Clone, Default)]
pub(crate) struct Environment {
    ours: Vec<(String, SecretString)>,
    others: HashMap<OsString, OsString>,
    /// The full names of the variables that other settings name, such as `client_secret_env`.
    named: Arc<Mutex<BTreeSet<String>>>,
    /// The effective values of the variables that were read, by name without the prefix. Secrets are hidden.
    effective: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Environment {
    /// The prefix of our variables.
    pub(crate) const PREFIX: &'static str = "CENTRAL_OAUTH_";

    /// Reads the environment. An empty value counts as unset, because compose files pass empty values for unset
    /// variables.
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
                    environment.ours.push((ours.to_owned(), value.into()));
                }
                None => _ = environment.others.insert(name, value),
            }
        }
        Ok(environment)
    }

    /// Returns a variable by its full name, for settings that contain the name of a variable.
    pub(crate) fn named(&self, name: &str) -> Option<SecretString> {
        lock(&self.named).insert(name.to_owned());
        self.value(name).map(SecretString::from)
    }

    /// Returns the value of any variable by its full name.
    fn value(&self, name: &str) -> Option<&str> {
        let ours = self.ours(name).map(|value| value.expose_secret());
        ours.or_else(|| self.other(name))
    }

    /// Returns a secret, named without the prefix: the value of its variable, or the content of the file that its
    /// `_FILE` variable names. Removes line feeds at the end, because text files end with one.
    ///
    /// # Errors
    /// If both variables are set, or if the file is empty or cannot be read.
    pub(crate) fn secret(&self, name: &str) -> Result<Option<SecretString>, ConfigError> {
        let in_file = format!("{name}_FILE");
        let wrong = |problem: String| ConfigError::variable(&in_file, problem);
        let of = |name: &str| self.ours(&format!("{}{name}", Self::PREFIX));
        let secret = match (of(name), of(&in_file)) {
            (Some(_), Some(_)) => {
                let problem = format!("{}{name} is set too; set only one of them", Self::PREFIX);
                return Err(wrong(problem));
            }
            (value, None) => value.cloned(),
            (None, Some(path)) => Some(read_secret(path.expose_secret()).map_err(wrong)?),
        };
        self.note(name, secret.as_ref().map_or("", |_| HIDDEN));
        let without_end = |secret: SecretString| {
            let secret = secret.expose_secret().trim_end_matches(['\r', '\n']);
            SecretString::from(secret)
        };
        Ok(secret.map(without_end))
    }

    /// Returns the full name of the variable that provides a secret, with or without the suffix `_FILE`.
    pub(crate) fn variable_of(&self, secret: &str) -> String {
        let name = format!("{}{secret}", Self::PREFIX);
        match self.ours(&name) {
            Some(_) => name,
            None => format!("{name}_FILE"),
        }
    }

    fn ours(&self, name: &str) -> Option<&SecretString> {
        let mut ours = self.ours.iter();
        ours.find(|(ours, _)| ours == name).map(|(_, value)| value)
    }

    /// Returns the value of a variable whose name does not begin with `CENTRAL_OAUTH_`; `None` if it is not UTF-8.
    pub(crate) fn other(&self, name: &str) -> Option<&str> {
        self.others.get(OsStr::new(name))?.to_str()
    }

    /// Whether this variable, named without the prefix, or its `_FILE` variable is set.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        let mut names = self.ours.iter();
        names.any(|(ours, _)| ours.strip_prefix(Self::PREFIX).map(without_file) == Some(name))
    }

    /// Returns a variable, named without the prefix, that is not a secret.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        debug_assert!(KNOWN.contains(&name) && !SECRETS.contains(&name), "{name}");
        let value = self.ours(&format!("{}{name}", Self::PREFIX));
        let text = value.map(|value| value.expose_secret());
        let mut effective = lock(&self.effective);
        effective
            .entry(name.to_owned())
            .or_insert_with(|| text.unwrap_or_default().to_owned());
        text
    }

    /// Records the effective value of a variable, for values that may differ from the text of the variable, such as
    /// defaults.
    pub(super) fn note(&self, name: &str, value: impl Display) {
        lock(&self.effective).insert(name.to_owned(), value.to_string());
    }

    /// Returns the effective values of the variables that were read, by name without the prefix. Secrets are hidden.
    pub(crate) fn effective(&self) -> BTreeMap<String, String> {
        lock(&self.effective).clone()
    }

    /// Returns a warning for each unknown variable, with the nearest known name, and for each value in quotes.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let named = lock(&self.named);
        let names = self.ours.iter().map(|(name, _)| name).chain(named.iter());
        let names = BTreeSet::from_iter(names).into_iter();
        let quoted = names.filter(|name| self.has_quotes(name)).map(|name| {
            format!(
                "{name} is in quotes, which count as a part of its value: `docker run --env-file` keeps them, for example. Remove them"
            )
        });
        let unknown = self.unknown().map(|(_, warning)| warning);
        unknown.chain(quoted).collect()
    }

    /// Adds the probable cause to an error: quotes around the value, or a misspelt name of a variable that is not set.
    pub(crate) fn explain(&self, mut error: ConfigError) -> ConfigError {
        let text = error.to_string();
        if self.has_quotes(&error.place) && !text.contains("quotes") {
            error
                .problem
                .push_str("; its value is in quotes: remove them");
        }
        for (near, warning) in self.unknown() {
            let name = format!("{}{near}", Self::PREFIX);
            let is_missing = |middle: &str| text.contains(&format!("{name}{middle}is not set"));
            if is_missing(" ") || is_missing(": ") {
                error.problem.push_str(&format!("; {warning}"));
            }
        }
        error
    }

    /// Whether the value of a variable, named in full, is in quotes.
    fn has_quotes(&self, name: &str) -> bool {
        self.value(name).is_some_and(is_quoted)
    }

    /// Returns the nearest known name for each unknown variable, and a warning with it.
    fn unknown(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.ours.iter().filter_map(|(name, _)| {
            let short = name.strip_prefix(Self::PREFIX)?;
            let near = (!KNOWN.contains(&without_file(short))).then(|| nearest(short))?;
            let warning = format!("{name} is unknown; did you mean {}{near}?", Self::PREFIX);
            Some((near, warning))
        })
    }
}

/// Whether a text begins and ends with the same quotation mark.
pub(super) fn is_quoted(text: &str) -> bool {
    let in_marks = |mark| text.len() > 1 && text.starts_with(mark) && text.ends_with(mark);
    in_marks('"') || in_marks('\'')
}

/// Removes the suffix `_FILE` from the name of a secret. Returns other names unchanged.
fn without_file(name: &str) -> &str {
    let secret = name.strip_suffix("_FILE");
    secret
        .filter(|secret| SECRETS.contains(secret))
        .unwrap_or(name)
}

/// Reads a file that holds one secret.
///
/// # Errors
/// The problem, without the content or the path of the file: the variable may contain the secret itself by mistake.
pub(crate) fn read_secret(path: &str) -> Result<SecretString, String> {
    let wrong = |problem: &dyn std::fmt::Display| format!("the file that this names {problem}");
    let file = File::open(path);
    let file = file.map_err(|error| wrong(&format_args!("cannot be read: {error}")))?;
    let mut text = Zeroizing::new(String::new());
    let read = file.take(LONGEST_FILE + 1).read_to_string(&mut text);
    read.map_err(|error| wrong(&format_args!("cannot be read: {error}")))?;
    let is_too_long = text.len() as u64 > LONGEST_FILE;
    // Editors on Windows write a byte order mark.
    match text.strip_prefix('\u{feff}').unwrap_or(&text) {
        text if text.trim().is_empty() => Err(wrong(&"is empty")),
        _ if is_too_long => Err(wrong(&"is too long for a secret")),
        text => Ok(SecretString::from(text)),
    }
}

/// Returns the known name that ends with this text (`CLIENT_ID`), or else the most similar one.
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
            ("CENTRAL_OAUTH_SECRET_KEY_FILE", "x"),
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
    fn quotes_around_a_value_cause_a_warning_without_the_value() {
        for value in ["\"0123456789abcdef\"", "'0123456789abcdef'"] {
            let warnings = environment(&[("CENTRAL_OAUTH_ADMIN_KEY", value)]).warnings();
            assert_eq!(warnings.len(), 1, "{value}");
            assert!(warnings[0].starts_with("CENTRAL_OAUTH_ADMIN_KEY is in quotes"));
            assert!(!warnings[0].contains("0123456789"));
        }
        for value in ["\"", "a\"b\"", "\"a'", "it's"] {
            let warnings = environment(&[("CENTRAL_OAUTH_ADMIN_KEY", value)]).warnings();
            assert!(warnings.is_empty(), "{value}");
        }
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
