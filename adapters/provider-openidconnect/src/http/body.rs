//! Detects the type of a body. Servers mislabel bodies, so the content counts more than the content type.

use super::{Fields, salvage, text};

pub(crate) enum Body {
    /// A JSON object, or a form-urlencoded response (GitHub without `Accept`).
    Fields(Fields),
    /// The members of a malformed body. Only tokens and errors are taken from it.
    Salvaged(Fields),
    /// A signed JWT (allowed for userinfo: OpenID Connect Core section 5.3.2).
    Jwt,
    /// HTML, from a proxy or a sign-in page.
    Page,
    /// Anything else, with a description.
    Unusable(&'static str),
}

impl Body {
    /// Parses a decompressed body.
    pub(crate) fn parse(content_type: &str, bytes: &[u8]) -> Self {
        let (text, is_utf8) = text::decode(bytes);
        let text = text::trimmed(&text);
        let sound = if is_utf8 {
            Self::sound(content_type, text)
        } else {
            None
        };
        let salvaged = || Some(Self::Salvaged(Fields::new(salvage::members(text)?)));
        sound
            .or_else(salvaged)
            .unwrap_or_else(|| Self::unreadable(text, is_utf8))
    }

    /// Parses a body whose end is missing, if the received part is enough: a whole JSON object, or at least a refresh
    /// token. Some servers close the connection early once they have sent everything, without TLS `close_notify` or the
    /// last chunk.
    pub(crate) fn parse_part(bytes: &[u8]) -> Option<Self> {
        let (text, is_utf8) = text::decode(bytes);
        let text = text::trimmed(&text);
        let whole = is_utf8.then(|| Self::sound("", text)).flatten();
        let salvaged = || Some(Self::Salvaged(Fields::new(salvage::members_of_part(text)?)));
        whole.or_else(salvaged)
    }

    /// Parses a well-formed body.
    fn sound(content_type: &str, text: &str) -> Option<Self> {
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        let is = |name: &str| media_type.eq_ignore_ascii_case(name);
        match text.bytes().next()? {
            b'{' => Some(Self::Fields(Fields::new(serde_json::from_str(text).ok()?))),
            b'[' | b'<' => None,
            _ if is("application/jwt") => Some(Self::Jwt),
            _ if is("application/x-www-form-urlencoded") => {
                Some(Self::Fields(Fields::of_form(text)))
            }
            _ => None,
        }
    }

    fn unreadable(text: &str, is_utf8: bool) -> Self {
        match text.bytes().next() {
            None => Self::Unusable("an empty body"),
            Some(b'<') => Self::Page,
            Some(b'{') => Self::Unusable("broken JSON"),
            Some(_) if !is_utf8 => Self::Unusable("a body that is not text"),
            Some(_) => Self::Unusable("neither a JSON object nor a form"),
        }
    }
}
