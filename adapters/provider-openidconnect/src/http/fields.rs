//! Members of a response, read with the tolerance that real servers need.

use std::time::Duration;

use serde_json::{Map, Value};
use url::form_urlencoded;

/// The members of a JSON or form-urlencoded response.
#[derive(Debug, Default)]
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    pub(crate) const fn new(members: Map<String, Value>) -> Self {
        Self(members)
    }

    /// Parses a form or a query. If a parameter is repeated, the last one counts.
    pub(crate) fn of_form(text: &str) -> Self {
        let pairs = form_urlencoded::parse(text.as_bytes()).into_owned();
        Self(pairs.map(|(name, value)| (name, value.into())).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub(crate) const fn members(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Returns the members, together with those of a nested object that contains the tokens: `data` (TikTok, Lark) or
    /// `authed_user` (Slack). `token` is the name of the access token's member.
    ///
    /// Nested objects are ignored if the top level has this token or a refresh token (RFC 6749 section 5.1). Two nested
    /// objects with this token are ambiguous, so neither counts. An object with only a refresh token is ignored,
    /// because it may be an echo of the request.
    pub(crate) fn unwrapped(mut self, token: &str) -> Self {
        if self.first_text(&[token, "refresh_token"]).is_some() {
            return self;
        }
        let has_token = |members: &&Map<String, Value>| {
            let token = members.get(token).and_then(Value::as_str);
            token.is_some_and(|token| !token.is_empty())
        };
        let objects = self.0.values().filter_map(Value::as_object);
        let mut wrapped = objects.filter(has_token);
        if let (Some(only), None) = (wrapped.next(), wrapped.next()) {
            let mut only = only.clone();
            if self.says_error() {
                only.remove("error");
            }
            self.0.extend(only);
        }
        self
    }

    /// Whether the member `error` makes the response an error, whatever its status and other members say.
    ///
    /// Keycloak sends `null` in successes; others send an empty string, `false` or 0.
    pub(crate) fn says_error(&self) -> bool {
        match self.get("error") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(is_error)) => *is_error,
            Some(Value::Number(number)) => number.as_f64() != Some(0.0),
            Some(Value::String(text)) => !text.trim().is_empty(),
            Some(Value::Array(items)) => !items.is_empty(),
            Some(Value::Object(members)) => !members.is_empty(),
        }
    }

    /// Whether the response says that the request had no effect (`{"ok": false}`, Slack; `{"revoked": "false"}`,
    /// ApiFest).
    pub(crate) fn says_failure(&self) -> bool {
        let is_no = |value: &Value| *value == false || *value == "false";
        let is_false = |name: &str| self.get(name).is_some_and(is_no);
        ["ok", "success", "revoked"].into_iter().any(is_false)
    }

    pub(crate) fn into_members(self) -> Map<String, Value> {
        self.0
    }

    pub(crate) fn into_value(self) -> Value {
        Value::Object(self.0)
    }

    /// Returns a string. An empty string counts as missing: some servers send `"refresh_token": ""`.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    pub(crate) fn first_text(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.text(name))
    }

    /// Returns the first non-blank string among these members. For a member that is an array (AD FS sends several
    /// addresses in `email`), the array's first non-blank string counts.
    pub(crate) fn first_shown(&self, names: &[&str]) -> Option<&str> {
        let is_shown = |text: &&str| !text.trim().is_empty();
        names.iter().find_map(|name| match self.get(name)? {
            Value::Array(items) => items.iter().filter_map(Value::as_str).find(is_shown),
            value => value.as_str().filter(is_shown),
        })
    }

    /// Returns an identifier: a string or a whole number (GitHub's `id`).
    pub(crate) fn identifier(&self, name: &str) -> Option<String> {
        identifier(self.get(name)?)
    }

    /// Returns seconds from a number or a numeric string. Negative and absurdly large values count as missing.
    pub(crate) fn seconds(&self, name: &str) -> Option<Duration> {
        match self.get(name)? {
            Value::Number(number) => match number.as_u64() {
                Some(whole) => Some(Duration::from_secs(whole)),
                None => Duration::try_from_secs_f64(number.as_f64()?).ok(),
            },
            Value::String(text) => Duration::try_from_secs_f64(text.trim().parse().ok()?).ok(),
            _ => None,
        }
    }

    /// Returns a list of words: separated by spaces (RFC 6749 section 3.3) or commas (GitHub), or an array (Twitch).
    pub(crate) fn words(&self, name: &str) -> Option<Vec<String>> {
        words(self.get(name)?)
    }

    /// Returns the list at a JSON pointer (RFC 6901).
    pub(crate) fn words_at(&self, pointer: &str) -> Option<Vec<String>> {
        words(self.at(pointer)?)
    }

    pub(crate) fn text_at(&self, pointer: &str) -> Option<&str> {
        self.at(pointer)?.as_str().filter(|text| !text.is_empty())
    }

    pub(crate) fn identifier_at(&self, pointer: &str) -> Option<String> {
        identifier(self.at(pointer)?)
    }

    fn at(&self, pointer: &str) -> Option<&Value> {
        let (first, rest) = match pointer.strip_prefix('/')?.split_once('/') {
            Some((first, rest)) => (first, format!("/{rest}")),
            None => (pointer.strip_prefix('/')?, String::new()),
        };
        self.get(&first.replace("~1", "/").replace("~0", "~"))?
            .pointer(&rest)
    }
}

/// Returns a string, or the digits of a whole number.
pub(crate) fn identifier(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) if !number.is_f64() => Some(number.to_string()),
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        _ => None,
    }
}

fn words(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(split(text).map(str::to_owned).collect()),
        Value::Array(items) => {
            let texts = items.iter().filter_map(Value::as_str);
            Some(texts.flat_map(split).map(str::to_owned).collect())
        }
        _ => None,
    }
}

/// Splits at spaces, commas and control characters. No scope may contain control characters (RFC 6749 section 3.3), and
/// some databases reject them.
pub(crate) fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c == ',' || c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(json: &str) -> Fields {
        Fields::new(serde_json::from_str(json).expect("an object"))
    }

    #[test]
    fn seconds_come_in_every_form() {
        let secs = |json: &str| fields(&format!(r#"{{"n":{json}}}"#)).seconds("n");
        assert_eq!(secs("3600"), Some(Duration::from_secs(3600)));
        assert_eq!(secs("3600.5"), Some(Duration::from_millis(3_600_500)));
        assert_eq!(secs("\" 3600 \""), Some(Duration::from_secs(3600)));
        assert_eq!(
            secs("18446744073709551615"),
            Some(Duration::from_secs(u64::MAX))
        );
        for none in [
            "-1", "1e300", "\"NaN\"", "\"inf\"", "\"soon\"", "null", "true",
        ] {
            assert_eq!(secs(none), None, "{none}");
        }
    }

    #[test]
    fn wrapped_tokens_are_found_unless_that_is_ambiguous() {
        let token = |json: &str| {
            let fields = fields(json).unwrapped("access_token");
            fields.text("access_token").map(str::to_owned)
        };
        for wrapped in [
            r#"{"message":"success","data":{"access_token":"a"}}"#,
            r#"{"code":0,"data":{"access_token":"a","refresh_token":"b"},"extra":{"now":1}}"#,
            r#"{"access_token":"","token":{"access_token":"a"}}"#,
            r#"{"access_token":"a","user":{"access_token":"c"}}"#,
        ] {
            assert_eq!(token(wrapped).as_deref(), Some("a"), "{wrapped}");
        }
        for other in [
            r#"{"x":{"access_token":"a"},"y":{"access_token":"b"}}"#,
            r#"{"refresh_token":"b","user":{"access_token":"c"}}"#,
            r#"{"data":{"data":{"access_token":"a"}}}"#,
            r#"{"data":[{"access_token":"a"}]}"#,
            r#"{"data":{"access_token":"","refresh_token":"b"}}"#,
        ] {
            assert_eq!(token(other), None, "{other}");
        }
        for inner in ["", r#""error":null,"#, r#""error":"","#] {
            let json = format!(r#"{{"error":"x","data":{{{inner}"access_token":"a"}}}}"#);
            let unwrapped = fields(&json).unwrapped("access_token");
            assert_eq!(unwrapped.text("error"), Some("x"), "{json}");
        }
    }

    #[test]
    fn scopes_come_in_every_form() {
        let words = |json: &str| fields(&format!(r#"{{"n":{json}}}"#)).words("n");
        let both = Some(vec!["repo".to_owned(), "user".to_owned()]);
        for given in [
            "\"repo user\"",
            "\"repo,user\"",
            "\"repo, user\"",
            r#"["repo","user"]"#,
            r#""repo\u0000user\u001b""#,
        ] {
            assert_eq!(words(given), both, "{given}");
        }
        assert_eq!(words("\"\""), Some(Vec::new()));
        assert_eq!(words("null"), None);
    }
}
