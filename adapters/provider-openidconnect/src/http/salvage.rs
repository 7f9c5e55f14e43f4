//! Reads tokens and errors from malformed bodies.
//!
//! A provider that has rotated a refresh token sends the new one only once, so a PHP notice before the JSON must not
//! cost the grant. Callers use these members only for tokens and errors.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{Fields, repair};

/// Members that only a response of an authorization server has, the most important first.
const TELLING: [&str; 3] = ["refresh_token", "access_token", "error"];
/// Members that are searched for in a body that cannot be parsed.
const PICKED: [&str; 7] = [
    "access_token",
    "refresh_token",
    "id_token",
    "token_type",
    "scope",
    "error",
    "error_description",
];
/// Maximum number of unreadable objects that are tried. Each may cost a scan of the whole text.
const MAX_FAILURES: usize = 4;

/// Returns the members of a form without the right content type, or of faulty JSON. If neither can be parsed, returns
/// single members that are found in the text. Some gateways encode the response twice, so the text may be a JSON
/// string.
///
/// An HTML or XML page has no members: it is for people, and may quote anything.
pub(super) fn members(text: &str) -> Option<Map<String, Value>> {
    let quoted = text
        .starts_with('"')
        .then(|| serde_json::from_str::<String>(text));
    let text = quoted
        .and_then(Result::ok)
        .map_or(Cow::Borrowed(text), Cow::Owned);
    if is_page(&text) {
        return None;
    }
    form(&text).or_else(|| json(&text))
}

/// Returns the members of a truncated body, if it contains complete JSON or at least a complete refresh token. A
/// truncated error is ignored, because the request can be repeated.
pub(super) fn members_of_part(text: &str) -> Option<Map<String, Value>> {
    if is_page(text) {
        return None;
    }
    match objects(text) {
        Objects {
            best: Some(best),
            are_sound: true,
        } if is_telling(&best) => Some(best),
        _ => {
            // The last value of a form may be incomplete.
            let pairs = text.rsplit_once('&').and_then(|(pairs, _)| form(pairs));
            let found = pairs.or_else(|| picked(text));
            found.filter(|found| says(found, "refresh_token"))
        }
    }
}

/// Whether the text is an HTML or XML page. Some markup in front of JSON does not make it a page.
fn is_page(text: &str) -> bool {
    let start = before_json(text).to_ascii_lowercase();
    let marks = [
        "<!doctype",
        "<html",
        "<head",
        "<title",
        "<meta",
        "<style",
        "<body",
        "<script",
        "<?xml",
    ];
    marks.iter().any(|mark| start.contains(mark))
}

/// Returns the text before the first brace. Leaves out HTML comments, because they may contain braces.
fn before_json(text: &str) -> String {
    let (mut start, mut rest) = (String::new(), text);
    while let Some((before, comment)) = rest.split_once("<!")
        && comment.starts_with("--")
        && !before.contains('{')
    {
        start.push_str(before);
        rest = comment.split_once("-->").map_or("", |(_, after)| after);
    }
    start + rest.split('{').next().unwrap_or_default()
}

fn form(text: &str) -> Option<Map<String, Value>> {
    let (name, _) = text.split_once('=')?;
    let is_name = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let members = is_name.then(|| Fields::of_form(text).into_members());
    members.filter(is_telling)
}

fn is_telling(members: &Map<String, Value>) -> bool {
    rank(members) < TELLING.len()
}

/// Returns the index in `TELLING` of the first name that has a value in `members`. 0 is best: a refresh token.
fn rank(members: &Map<String, Value>) -> usize {
    let first = TELLING.iter().position(|name| says(members, name));
    first.unwrap_or(TELLING.len())
}

fn says(members: &Map<String, Value>, name: &str) -> bool {
    members
        .get(name)
        .is_some_and(|value| !value.is_null() && value != "")
}

/// Returns the object with the best rank. If another object in the text is unreadable, single members of the text
/// are preferred to this object, unless it has a refresh token. If a name of `TELLING` also occurs twice in such a text,
/// no object counts.
fn json(text: &str) -> Option<Map<String, Value>> {
    let Objects { best, are_sound } = objects(text);
    let is_once = |name: &&str| text.matches(&format!("\"{name}\"")).nth(1).is_none();
    let best = best.filter(|_| are_sound || TELLING.iter().all(is_once));
    match best {
        Some(best) if are_sound || rank(&best) == 0 => Some(best),
        best => picked(text).or(best),
    }
}

struct Objects {
    /// The first object with the best rank.
    best: Option<Map<String, Value>>,
    /// Whether all objects could be read.
    are_sound: bool,
}

/// Reads all objects in the text, because log lines in JSON may come before the response.
fn objects(text: &str) -> Objects {
    let (mut best, mut failures, mut rest) = (None::<Map<_, _>>, 0, text);
    while let Some(start) = value_start(text, rest)
        && failures < MAX_FAILURES
    {
        if let Some((value, after)) = repair::value(start) {
            let found = best.into_iter().chain(of_value(value));
            best = found.min_by_key(rank);
            rest = after;
        } else {
            failures += 1;
            rest = start.get(1..).unwrap_or_default();
        }
    }
    Objects {
        best,
        are_sound: failures == 0,
    }
}

/// Returns the rest of the text from the next object that has a member. Braces without a member are skipped, because
/// they may belong to a notice before the JSON. An array counts only at the start of the text.
fn value_start<'a>(text: &str, rest: &'a str) -> Option<&'a str> {
    if rest.len() == text.len() && rest.starts_with('[') {
        return Some(rest);
    }
    let mut braces = rest.match_indices('{').filter_map(|(at, _)| rest.get(at..));
    braces.find(|start| start[1..].trim_start().starts_with('"'))
}

/// Returns the members of an object, or of the only object in an array. An array of errors (Salesforce's REST API)
/// becomes the member `errors`.
fn of_value(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(members) => Some(members),
        Value::Array(items) => match items.as_slice() {
            [Value::Object(only)] if is_telling(only) => Some(only.clone()),
            _ if items.iter().any(Value::is_object) => {
                Some(Map::from_iter([("errors".to_owned(), items.into())]))
            }
            _ => None,
        },
        _ => None,
    }
}

/// Searches broken JSON for single members. Returns them only if a refresh token or an error is among them: an access
/// token can be requested again.
fn picked(text: &str) -> Option<Map<String, Value>> {
    let found = PICKED.iter().filter_map(|name| pick(text, name));
    let members: Map<_, _> = found.collect();
    let counts = says(&members, "error") || says(&members, "refresh_token");
    counts.then_some(members)
}

/// Returns a member if its name occurs once and its value is a string.
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
            "{\"level\":\"warn\",\"ctx\":{\"error\":\"x\"}}\n{\"access_token\":\"a\",\"refresh_token\":\"b\"}",
            r#"{"error":"a line of a log"} {"access_token":"a","refresh_token":"b"}"#,
            r#"{"access_token":"a"} {"access_token":"a","refresh_token":"b"} {"access_token":"c"}"#,
            "Notice: {\"foo\" in x.php on line 3\n{\"access_token\":\"a\",\"refresh_token\":\"b\"}",
            r#""{\"access_token\":\"a\",\"refresh_token\":\"b\"}""#,
            r#"<!-- {cached} <html> -->{"access_token":"a","refresh_token":"b"}"#,
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
            "<!-- {built} --><!DOCTYPE html>{\"error\":\"invalid_grant\"}",
            "<!--> <!-- {a} {b} -->\n<!-- {c} --> <html>{\"error\":\"invalid_grant\"}",
            "<title>No</title><style>a{}</style>{\"error\":\"invalid_grant\"}",
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

    /// The tokens in a nested object are not the tokens of the response.
    #[test]
    fn a_broken_response_is_not_taken_for_its_part() {
        let broken = r#"{"motd":"say "hi"","access_token":"a","refresh_token":"b","user":{"refresh_token":"c"}}"#;
        assert_eq!(members(broken), None);
        let broken = r#"{"motd":"say "hi"","access_token":"a","refresh_token":"b","user":{"access_token":"c"}}"#;
        assert_eq!(texts(broken), Some((String::new(), "b".to_owned())));
    }

    #[test]
    fn the_beginning_is_enough_if_the_refresh_token_is_there() {
        let of_part = |text| {
            let members = members_of_part(text)?;
            let token = members.get("refresh_token").and_then(Value::as_str);
            token.map(str::to_owned)
        };
        for text in [
            r#"{"access_token":"a","refresh_token":"b","expi"#,
            r#"{"refresh_token":"b","access_tok"#,
            r#"{"level":"info"}{"access_token":"a","refresh_token":"b"}"#,
            "access_token=a&refresh_token=b&token_type=Bea",
        ] {
            assert_eq!(of_part(text).as_deref(), Some("b"), "{text}");
        }
        for text in [
            r#"{"access_token":"a","refresh_token":"b"#,
            r#"{"error":"invalid_grant","error_descr"#,
            "access_token=a&refresh_token=b",
            "error=invalid_grant&error_descr",
            "<!doctype html><p>{\"access_token\":\"a\",\"refresh_token\":\"b\"}",
        ] {
            assert_eq!(members_of_part(text), None, "{text}");
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
