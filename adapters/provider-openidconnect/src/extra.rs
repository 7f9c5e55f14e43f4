//! Additional response parameters: members of token responses that the operator lists for clients.

use central_oauth_domain::grant::{Extra, ListedMembers};
use serde_json::Value;

use crate::http::Fields;

/// Members of token responses that contain tokens.
pub(crate) const TOKENS: [&str; 3] = ["access_token", "refresh_token", "id_token"];

/// Reads the listed members. Numbers and booleans become strings. Objects, lists, long values, and values equal to a
/// token are left out.
pub(crate) fn read(fields: &Fields, listed: &[String]) -> ListedMembers {
    let tokens = TOKENS.map(|name| fields.text(name));
    let value = |name: &String| {
        let value = text(member(fields, name)?)?;
        let fits = value.len() <= Extra::LONGEST_VALUE;
        let is_token = tokens.contains(&Some(value.as_str()));
        (fits && !is_token).then_some(value)
    };
    listed
        .iter()
        .map(|name| (name.clone(), value(name)))
        .collect()
}

/// Why a list of members is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ExtraError {
    /// The list names a token or a secret.
    #[error("cannot list {0:?}: tokens and secrets are never given to clients")]
    Secret(String),
    /// The list has an entry that cannot be the name of a member.
    #[error("has {0:?}, which is not a member or a dotted path of members, such as \"team.id\"")]
    Name(String),
    /// The list names too many members.
    #[error("can list {} members at most", Extra::MOST_MEMBERS)]
    TooMany,
}

pub(crate) fn check(listed: &[String]) -> Result<(), ExtraError> {
    if listed.len() > Extra::MOST_MEMBERS {
        return Err(ExtraError::TooMany);
    }
    for name in listed {
        if !Extra::may_hold(name) {
            return Err(ExtraError::Secret(name.clone()));
        }
        let is_path = name.split('.').all(|segment| !segment.trim().is_empty());
        if !is_path || name.len() > Extra::LONGEST_NAME || name.chars().any(char::is_control) {
            return Err(ExtraError::Name(name.clone()));
        }
    }
    Ok(())
}

/// Finds a member by its name (which may contain dots) or by a dotted path.
fn member<'a>(fields: &'a Fields, path: &str) -> Option<&'a Value> {
    let mut names = path.split('.');
    fields.get(path).or_else(|| {
        let first = fields.get(names.next()?)?;
        names.try_fold(first, |value, name| value.get(name))
    })
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(answer: &str, name: &str) -> Option<String> {
        let fields = Fields::new(serde_json::from_str(answer).expect("an object"));
        read(&fields, &[name.to_owned()]).remove(0).1
    }

    #[test]
    fn members_are_found_by_name_and_by_path() {
        let answer = r#"{"instance_url": "https://org.example", "team": {"id": "T1", "n": 7, "on": false, "deep": {"x": "y"}},
            "https://example.com/claim": "c", "none": null, "empty": "", "list": ["a"]}"#;
        for (name, expected) in [
            ("instance_url", Some("https://org.example")),
            ("team.id", Some("T1")),
            ("team.n", Some("7")),
            ("team.on", Some("false")),
            ("team.deep.x", Some("y")),
            ("https://example.com/claim", Some("c")),
            ("team", None),
            ("team.deep", None),
            ("list", None),
            ("none", None),
            ("empty", None),
            ("team.missing", None),
            ("instance_url.id", None),
        ] {
            assert_eq!(read_one(answer, name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn tokens_and_long_values_are_left_out() {
        let answer =
            r#"{"access_token": "at", "refresh_token": "rt", "copy": "rt", "again": "at"}"#;
        assert_eq!(read_one(answer, "copy"), None);
        assert_eq!(read_one(answer, "again"), None);
        let long = "x".repeat(Extra::LONGEST_VALUE);
        let answer = |value: &str| format!(r#"{{"url": "{value}"}}"#);
        assert_eq!(read_one(&answer(&long), "url"), Some(long.clone()));
        assert_eq!(read_one(&answer(&format!("{long}x")), "url"), None);
    }

    #[test]
    fn invalid_members_are_rejected() {
        let check =
            |names: &[&str]| check(&names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>());
        assert_eq!(check(&["instance_url", "team.id"]), Ok(()));
        for secret in [
            "refresh_token",
            "authed_user.access_token",
            "app.client_secret",
        ] {
            assert_eq!(check(&[secret]), Err(ExtraError::Secret(secret.to_owned())));
        }
        for name in ["", "team.", ".id", "a..b", " "] {
            assert_eq!(
                check(&[name]),
                Err(ExtraError::Name(name.to_owned())),
                "{name:?}"
            );
        }
        assert_eq!(check(&["a"; 17]), Err(ExtraError::TooMany));
    }
}
