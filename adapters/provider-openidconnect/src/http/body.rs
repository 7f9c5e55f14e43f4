//! What a body turns out to be. Servers mislabel bodies, so the text itself counts more than its content type.

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
    /// Finds out.
    pub(crate) fn parse(content_type: &str, bytes: &[u8]) -> Self {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Self::Unusable("a body that is no text");
        };
        let text = text.trim();
        match text.bytes().next() {
            None => Self::Unusable("an empty body"),
            Some(b'{') => match serde_json::from_str(text) {
                Ok(members) => Self::Fields(Fields::new(members)),
                Err(_) => Self::Unusable("broken JSON"),
            },
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
            Self::Unusable("neither a JSON object nor a form")
        }
    }
}

fn pairs(text: &str) -> Map<String, Value> {
    form_urlencoded::parse(text.as_bytes())
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect()
}
