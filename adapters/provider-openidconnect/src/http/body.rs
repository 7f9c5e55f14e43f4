//! Finds out what a body is. Servers mislabel bodies, so the text itself counts more than its content type.

use serde_json::{Map, Value};
use url::form_urlencoded;

use super::Fields;

/// A body, normalised.
pub(crate) enum Body {
    /// Members: a JSON object, or a form-urlencoded answer (GitHub without `Accept`).
    Fields(Fields),
    /// A signed JWT (a userinfo answer may be one: OpenID Connect Core section 5.3.2).
    Jwt,
    /// Nothing that the protocol knows; in words.
    Unusable(&'static str),
}

impl Body {
    /// Parses a body that has been decompressed.
    pub(crate) fn parse(content_type: &str, bytes: &[u8]) -> Self {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Self::Unusable("a body that is no text");
        };
        // RFC 8259 section 8.1 lets parsers ignore a byte order mark.
        let text = text.trim_start_matches('\u{feff}').trim();
        match text.bytes().next() {
            None => Self::Unusable("an empty body"),
            Some(b'{') => match serde_json::from_str(text) {
                Ok(members) => Self::Fields(Fields::new(members)),
                Err(_) => Self::Unusable("broken JSON"),
            },
            Some(b'[') => errors(text).map_or(Self::Unusable(NEITHER), Self::Fields),
            Some(b'<') => Self::Unusable("HTML"),
            Some(_) => Self::parse_other(content_type, text),
        }
    }

    fn parse_other(content_type: &str, text: &str) -> Self {
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if media_type.eq_ignore_ascii_case("application/jwt") {
            Self::Jwt
        } else if media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            Self::Fields(Fields::new(pairs(text)))
        } else {
            Self::Unusable(NEITHER)
        }
    }
}

const NEITHER: &str = "neither a JSON object nor a form";

/// Some APIs answer with a bare array of errors (Salesforce's REST API). It is read as the member `errors`.
fn errors(text: &str) -> Option<Fields> {
    let list: Vec<Value> = serde_json::from_str(text).ok()?;
    let has_members = list.iter().any(Value::is_object);
    has_members.then(|| Fields::new(Map::from_iter([("errors".to_owned(), list.into())])))
}

fn pairs(text: &str) -> Map<String, Value> {
    form_urlencoded::parse(text.as_bytes())
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect()
}
