//! The keys of operators: one admin key, one enrolment key, and any number in a file.

use central_oauth_domain::operator::{OperatorKey, OperatorName, OperatorRole};
use central_oauth_domain::secret::AccessKey;
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::bearer::{bearer, is_bearer};
use super::{ConfigError, Environment, toml_file};

/// The minimum length of a key. 64 random bits in hexadecimal have this length.
const SHORTEST_KEY: usize = 16;
const FILE: &str = "OPERATOR_KEYS";
const GUESSABLE: &str = "has fewer than 16 characters and could be guessed; make a key, for example with `openssl rand -hex 32`";

/// The TOML text of `CENTRAL_OAUTH_OPERATOR_KEYS`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tables {
    #[serde(default)]
    operator: Vec<Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    name: String,
    #[serde(with = "Role")]
    role: OperatorRole,
    key: String,
}

/// The words for roles in the file.
#[derive(Deserialize)]
#[serde(remote = "OperatorRole", rename_all = "snake_case")]
enum Role {
    Admin,
    Auditor,
    Enroll,
}

/// Reads all keys of operators. Each call reads the files again.
///
/// # Errors
/// The problem of a key and where it is configured, without the key.
pub(crate) fn read(environment: &Environment) -> Result<Vec<OperatorKey>, ConfigError> {
    let mut keys = Vec::new();
    keys.extend(single(environment, "ADMIN_KEY", OperatorRole::Admin)?);
    if let Some(enroll) = single(environment, "ENROLL_KEY", OperatorRole::Enroll)? {
        if keys.iter().any(|admin| is_same(admin, &enroll)) {
            let problem = "is the same key as CENTRAL_OAUTH_ADMIN_KEY: everybody who may request link codes would be \
                an admin";
            return Err(ConfigError::variable("ENROLL_KEY", problem));
        }
        keys.push(enroll);
    }
    if let Some(text) = environment.secret("OPERATOR_KEYS")? {
        for (place, table) in (1..).zip(tables(text.expose_secret())?) {
            let wrong =
                |problem: &str| ConfigError::variable(FILE, format!("operator {place} {problem}"));
            keys.push(table.checked(&keys).map_err(wrong)?);
        }
    }
    Ok(keys)
}

/// Reads a variable that holds one key.
fn single(
    environment: &Environment,
    name: &str,
    role: OperatorRole,
) -> Result<Option<OperatorKey>, ConfigError> {
    let key = bearer(environment, name, SHORTEST_KEY)?;
    Ok(key.map(|key| OperatorKey::of_role(role, key)))
}

fn tables(text: &str) -> Result<Vec<Table>, ConfigError> {
    let tables: Result<Tables, _> = toml_file::parse(text);
    let tables = tables.map_err(|problem| ConfigError::variable(FILE, problem))?;
    Ok(tables.operator)
}

impl Table {
    fn checked(self, others: &[OperatorKey]) -> Result<OperatorKey, &'static str> {
        let name = OperatorName::new(&self.name).ok_or(
            "has a name that is not 1 to 64 of the characters a-z, 0-9, `.`, `_`, `-`, `@`",
        )?;
        let key = OperatorKey {
            name,
            role: self.role,
            key: AccessKey::new(self.key),
        };
        check(&key, others).map(|()| key)
    }
}

fn check(key: &OperatorKey, others: &[OperatorKey]) -> Result<(), &'static str> {
    if !is_bearer(&key.key) {
        return Err("has a key that is not all visible ASCII, or shorter than 16 characters");
    }
    if key.key.expose().len() < SHORTEST_KEY {
        return Err(GUESSABLE);
    }
    if others.iter().any(|other| other.name == key.name) {
        return Err("has the name of another one (the single keys are named admin and enroll)");
    }
    if others.iter().any(|other| is_same(other, key)) {
        return Err("has the key of another one");
    }
    Ok(())
}

fn is_same(one: &OperatorKey, other: &OperatorKey) -> bool {
    one.key.expose() == other.key.expose()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef";

    fn read_text(text: &str) -> Result<Vec<(String, OperatorRole)>, String> {
        let variables = [
            ("CENTRAL_OAUTH_ADMIN_KEY", "the-key-of-the-admin"),
            ("CENTRAL_OAUTH_OPERATOR_KEYS", text),
        ];
        let variables = variables.map(|(name, value)| (name.into(), value.into()));
        let environment = Environment::new(variables).unwrap();
        let keys = read(&environment).map_err(|error| error.to_string())?;
        let keys = keys.iter();
        Ok(keys.map(|key| (key.name.to_string(), key.role)).collect())
    }

    fn table(name: &str, role: &str, key: &str) -> String {
        format!("[[operator]]\nname = {name:?}\nrole = {role:?}\nkey = {key:?}\n")
    }

    #[test]
    fn several_keys_stand_beside_the_single_ones() {
        let text = table("alice", "admin", KEY)
            + &table("ops@example.com", "auditor", "another-key-of-16");
        let expected = [
            ("admin", OperatorRole::Admin),
            ("alice", OperatorRole::Admin),
            ("ops@example.com", OperatorRole::Auditor),
        ];
        let expected = expected.map(|(name, role)| (name.to_owned(), role));
        assert_eq!(read_text(&text), Ok(expected.to_vec()));
        assert_eq!(read_text("# nobody").map(|keys| keys.len()), Ok(1));
    }

    #[test]
    fn a_short_key_is_told_the_minimum() {
        for short in ["abc", "abcdefghi"] {
            let variable = ("CENTRAL_OAUTH_ADMIN_KEY".into(), short.into());
            let problem = read(&Environment::new([variable]).unwrap()).err().unwrap();
            let problem = problem.to_string();
            assert!(problem.contains("at least 16 characters"), "{problem}");
        }
    }

    #[test]
    fn a_mistake_is_named_without_the_key() {
        let one = table("alice", "admin", KEY);
        for (text, said) in [
            (table("", "admin", KEY), "operator 1 has a name"),
            (table("Alice", "admin", KEY), "operator 1 has a name"),
            (
                table("admin", "admin", KEY),
                "operator 1 has the name of another",
            ),
            (
                one.clone() + &table("bob", "enroll", KEY),
                "operator 2 has the key of another",
            ),
            (
                table("bob", "admin", "the-key-of-the-admin"),
                "operator 1 has the key of another",
            ),
            (
                table("bob", "admin", "fifteen-letters"),
                "operator 1 has fewer than 16",
            ),
            (
                table("bob", "admin", "with a space in it"),
                "operator 1 has a key",
            ),
            (
                table("bob", KEY, "another-key-of-16"),
                "line 3: expected one of",
            ),
            (format!("{one}secret = {KEY:?}"), "line 5: unknown field"),
            (
                format!("[[operator]]\nname = {KEY:?}"),
                "line 1: missing field",
            ),
            (format!("key = {KEY}"), "line 1: "),
        ] {
            let problem = read_text(&text).unwrap_err();
            assert!(
                problem.starts_with("CENTRAL_OAUTH_OPERATOR_KEYS: "),
                "{problem}"
            );
            assert!(problem.contains(said), "{text}: {problem}");
            assert!(
                !problem.contains(KEY) && problem.lines().count() == 1,
                "{problem}"
            );
        }
    }
}
