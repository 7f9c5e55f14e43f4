//! Patterns for a provider's errors, as profiles write them.

use serde_json::{Map, Value};

/// An entry of a profile's lists of errors.
///
/// | written | matches |
/// | --- | --- |
/// | `invalid_code` | this code, alone or followed by words: `invalid_code: it was used` |
/// | `Invalid refresh token` | this whole text |
/// | `Invalid Params*` | every text that begins like this |
/// | `/errors/*/code=1021` | this value at this JSON pointer (RFC 6901); `*` stands for every element of an array |
///
/// Case does not matter, except in member names.
#[derive(Debug)]
pub(crate) enum Pattern {
    /// A code or a whole text, in lower case.
    Text(String),
    /// The start of a text, in lower case.
    Start(String),
    /// The steps of a JSON pointer, and the expected value in lower case.
    At(Vec<String>, String),
}

impl Pattern {
    pub(crate) fn new(written: &str) -> Self {
        if let Some((pointer, value)) = written.split_once('=')
            && let Some(steps) = pointer.strip_prefix('/')
        {
            let steps = steps.split('/');
            let steps = steps.map(|step| step.replace("~1", "/").replace("~0", "~"));
            return Self::At(steps.collect(), normal(value));
        }
        match written.strip_suffix('*') {
            Some(start) => Self::Start(start.trim_start().to_lowercase()),
            None => Self::Text(normal(written)),
        }
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Text(known) => normal(text) == *known || code_in(text).as_ref() == Some(known),
            Self::Start(start) => normal(text).starts_with(start),
            Self::At(..) => false,
        }
    }

    /// Whether the pattern matches a member of the response.
    pub(crate) fn matches_member(&self, members: &Map<String, Value>) -> bool {
        match self {
            Self::At(steps, value) => match steps.split_first() {
                Some((first, rest)) => members.get(first).is_some_and(|at| is_at(at, rest, value)),
                None => false,
            },
            Self::Text(_) | Self::Start(_) => false,
        }
    }
}

fn is_at(value: &Value, steps: &[String], expected: &str) -> bool {
    let Some((step, rest)) = steps.split_first() else {
        return match value {
            Value::String(text) => normal(text) == expected,
            Value::Number(number) => number.to_string() == expected,
            Value::Bool(flag) => flag.to_string() == expected,
            _ => false,
        };
    };
    match value {
        Value::Array(items) if step == "*" => items.iter().any(|item| is_at(item, rest, expected)),
        Value::Array(items) => {
            let item = step.parse().ok().and_then(|index: usize| items.get(index));
            item.is_some_and(|item| is_at(item, rest, expected))
        }
        Value::Object(members) => members
            .get(step)
            .is_some_and(|at| is_at(at, rest, expected)),
        _ => false,
    }
}

/// Returns the code at the start of a longer text, in lower case: `invalid_grant: Token has been revoked`.
pub(crate) fn code_in(text: &str) -> Option<String> {
    let text = text.trim();
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let (code, rest) = text.split_at(end);
    let code = code.trim_end_matches(['.', '-']);
    // A plain word before a space is prose.
    let is_code = code.contains('_') || !rest.starts_with(char::is_whitespace);
    (is_code && !code.is_empty()).then(|| code.to_ascii_lowercase())
}

/// Removes spaces around a text and converts it to lower case, for comparison.
pub(crate) fn normal(text: &str) -> String {
    text.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(written: &str, text: &str) -> bool {
        Pattern::new(written).matches(text)
    }

    #[test]
    fn codes_may_be_followed_by_words() {
        for text in [
            "invalid_code",
            "INVALID_CODE: used",
            "invalid_code.",
            "invalid_code (1)",
        ] {
            assert!(matches("invalid_code", text), "{text}");
        }
        for text in ["invalid_codes", "the invalid_code", "invalid"] {
            assert!(!matches("invalid_code", text), "{text}");
        }
        assert!(matches("expired", "expired: ask again"));
        assert!(!matches("expired", "expired tokens are no use"));
    }

    #[test]
    fn phrases_match_as_a_whole_unless_a_star_ends_them() {
        assert!(matches("Invalid refresh token", " invalid REFRESH token "));
        assert!(!matches(
            "Invalid refresh token",
            "invalid refresh token format"
        ));
        assert!(matches(
            "Invalid Params*",
            "invalid params: no refresh_token"
        ));
        assert!(!matches("Invalid Params*", "no invalid params"));
    }

    #[test]
    fn members_by_their_place() {
        let answer = serde_json::json!({
            "errors": [{"code": 7}, {"code": 1021, "field": "refresh_token"}],
            "error": {"code": "X9"}, "ok": false, "a/b": "c",
        });
        let members = answer.as_object().expect("an object");
        let matches = |written: &str| Pattern::new(written).matches_member(members);
        for written in [
            "/errors/*/code=1021",
            "/errors/1/field=Refresh_Token",
            "/error/code=x9",
            "/ok=false",
            "/a~1b=c",
        ] {
            assert!(matches(written), "{written}");
        }
        for written in [
            "/errors/0/code=1021",
            "/error=x9",
            "/errors/*=7",
            "/nothing=",
            "ok=false",
        ] {
            assert!(!matches(written), "{written}");
        }
    }
}
