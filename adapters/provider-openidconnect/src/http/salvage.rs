//! Reads tokens and errors from bodies that break their format.
//!
//! A provider that has rotated a refresh token sends the new one only once, so a notice of PHP before the JSON must not cost
//! the grant. Callers trust these members for nothing else.

use serde_json::{Map, Value};
use url::form_urlencoded;

use super::repair;

/// Members that only a response of an authorization server has.
const TELLING: [&str; 3] = ["access_token", "refresh_token", "error"];
/// Members that are read from a body without structure.
const PICKED: [&str; 7] = [
    "access_token",
    "refresh_token",
    "id_token",
    "token_type",
    "scope",
    "error",
    "error_description",
];

/// Returns the members: of a form without its content type, of JSON with faults, or those that can be found in the text.
///
/// A page is for people, and may quote anything: it has no members.
pub(super) fn members(text: &str) -> Option<Map<String, Value>> {
    if is_page(text) {
        return None;
    }
    form(text).or_else(|| json(text)).or_else(|| picked(text))
}

/// Parses a form.
pub(super) fn pairs(text: &str) -> Map<String, Value> {
    form_urlencoded::parse(text.as_bytes())
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect()
}

/// Whether it is a page: HTML or XML, and not only markup in front of JSON.
fn is_page(text: &str) -> bool {
    let start = text.split('{').next().unwrap_or_default();
    let start = start.to_ascii_lowercase();
    let marks = ["<!doctype", "<html", "<head", "<body", "<script", "<?xml"];
    marks.iter().any(|mark| start.contains(mark))
}

fn form(text: &str) -> Option<Map<String, Value>> {
    let (name, _) = text.split_once('=')?;
    let is_name = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let members = is_name.then(|| pairs(text));
    members.filter(is_telling)
}

fn is_telling(members: &Map<String, Value>) -> bool {
    let is_text = |name: &&str| members.get(*name).is_some_and(|value| value != "");
    TELLING.iter().any(is_text)
}

fn json(text: &str) -> Option<Map<String, Value>> {
    let list = text.starts_with('[').then_some(text);
    let starts = list.into_iter().chain(object(text));
    starts.filter_map(repair::value).find_map(of_value)
}

/// Returns the text from the first object with a member: a notice before it may contain braces.
fn object(text: &str) -> Option<&str> {
    let mut braces = text.match_indices('{').filter_map(|(at, _)| text.get(at..));
    braces.find(|start| start[1..].trim_start().starts_with('"'))
}

/// Some servers wrap the response in an array, and some APIs return a bare array of errors (Salesforce's REST API), which
/// becomes the member `errors`.
fn of_value(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(members) => Some(members),
        Value::Array(mut items) => match items.as_mut_slice() {
            [Value::Object(only)] if is_telling(only) => Some(std::mem::take(only)),
            items if items.iter().any(Value::is_object) => Some(Map::from_iter([(
                "errors".to_owned(),
                items.to_vec().into(),
            )])),
            _ => None,
        },
        _ => None,
    }
}

/// Finds single members in broken JSON. They count only if there are both tokens, or an error: an access token alone can
/// be had again.
fn picked(text: &str) -> Option<Map<String, Value>> {
    let found = PICKED.iter().filter_map(|name| pick(text, name));
    let members: Map<_, _> = found.collect();
    let has = |name: &str| members.contains_key(name);
    let counts = has("error") || (has("access_token") && has("refresh_token"));
    counts.then_some(members)
}

/// Returns a member that occurs once and is a text.
fn pick(text: &str, name: &str) -> Option<(String, Value)> {
    let quoted = format!("\"{name}\"");
    let (_, after) = text.split_once(&quoted)?;
    if after.contains(&quoted) {
        return None;
    }
    let value = repair::string(after.trim_start().strip_prefix(':')?.trim_start())?;
    (!value.is_empty()).then(|| (name.to_owned(), value.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Option<(String, String)> {
        let members = members(text)?;
        let text = |name: &str| {
            members
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        Some((
            text("access_token").to_owned(),
            text("refresh_token").to_owned(),
        ))
    }

    #[test]
    fn tokens_are_found() {
        for text in [
            "access_token=a&refresh_token=b&scope=x y",
            "<br />\n<b>Notice</b>: {closure} in x.php\n{ \"access_token\":\"a\",\"refresh_token\":\"b\"}",
            r#"for(;;);{"access_token":"a","refresh_token":"b"}"#,
            r#"{}{"access_token":"a","refresh_token":"b"}<!-- <html> -->"#,
            r#"[{"access_token":"a","refresh_token":"b"}]"#,
            r#"{"motd":"say "hi"","access_token":"a","refresh_token" : "b"}"#,
            r#"{"access_token":"a","refresh_token":"b","expi"#,
        ] {
            assert_eq!(
                texts(text),
                Some(("a".to_owned(), "b".to_owned())),
                "{text}"
            );
        }
    }

    #[test]
    fn other_texts_have_none() {
        for text in [
            "<!doctype html><script>x={\"access_token\":\"a\",\"refresh_token\":\"b\"}</script>",
            "<HTML><body>{\"error\":\"invalid_grant\"}",
            "<?xml version=\"1.0\"?><a>{\"error\":\"invalid_grant\"}</a>",
            "the access_token=a&refresh_token=b",
            "a=b&error=",
            "access_token",
            r#"{"access_token":"a","expi"#,
            r#"{"access_token":"a","refresh_token":"b"#,
            r#"{"access_token":"a","refresh_token":"b","x":{"refresh_token":"c"#,
            r#"["access_token"]"#,
            r#""access_token""#,
        ] {
            assert_eq!(texts(text), None, "{text}");
        }
    }

    #[test]
    fn errors_are_found() {
        for text in [
            r#"{"error":"invalid_grant","error_description":"the "token" is gone"}"#,
            r#"{"error":"invalid_grant","error_des"#,
            "error=invalid_grant",
        ] {
            assert_eq!(
                members(text).expect("members")["error"],
                "invalid_grant",
                "{text}"
            );
        }
    }
}
