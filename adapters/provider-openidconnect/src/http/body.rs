//! Detects the type of a body. Servers mislabel bodies, so the content counts more than the content type.

use serde_json::{Map, Value};
use url::form_urlencoded;

use super::Fields;

/// A parsed body.
pub(crate) enum Body {
    /// A JSON object, or a form-urlencoded response (GitHub without `Accept`).
    Fields(Fields),
    /// A signed JWT (allowed for userinfo: OpenID Connect Core section 5.3.2).
    Jwt,
    /// Anything else, with a description.
    Unusable(&'static str),
}

impl Body {
    /// Parses a decompressed body.
    pub(crate) fn parse(content_type: &str, bytes: &[u8]) -> Self {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Self::Unusable("a body that is not text");
        };
        // RFC 8259 section 8.1 allows parsers to ignore a byte order mark.
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

/// Some APIs return a bare array of errors (Salesforce's REST API). It becomes the member `errors`.
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
