//! Decides which strings can be tokens. Some servers send an error or a placeholder instead of a token (casdoor/casdoor
//! issue 662).

use crate::dialect::is_registered;
use crate::http::Fields;

/// Strings that scripts write for a missing value.
const PLACEHOLDERS: [&str; 3] = ["null", "undefined", "none"];
/// The prefix of an error that casdoor sends instead of a token.
const ERROR: &str = "error:";

/// Returns the access token: visible ASCII (RFC 6749 appendix A.12) without spaces, because it is sent in a header (RFC
/// 6750 section 2.1). White space around the token, such as a final line feed, is removed.
pub(crate) fn access_token(fields: &Fields) -> Option<&str> {
    let token = fields.text("access_token")?.trim();
    let is_visible = token.bytes().all(|byte| byte.is_ascii_graphic());
    let is_markup = token.starts_with('<');
    (is_visible && !is_markup && !is_placeholder(token)).then_some(token)
}

/// Returns the refresh token. Accepts more characters than RFC 6749 appendix A.17 allows, because the token is always
/// sent encoded, and a rejected token is a lost grant. For example, MIME's Base64 has line breaks. Rejects other
/// control characters, and characters that could not be decoded.
pub(crate) fn refresh_token(fields: &Fields) -> Option<&str> {
    let token = fields.text("refresh_token")?;
    let is_bad = |c: char| c.is_control() && !c.is_whitespace() || c == char::REPLACEMENT_CHARACTER;
    let is_token = !token.trim().is_empty() && !token.chars().any(is_bad);
    (is_token && !is_placeholder(token)).then_some(token)
}

/// Whether the response has a token of either kind.
pub(crate) fn has_token(fields: &Fields) -> bool {
    access_token(fields).is_some() || refresh_token(fields).is_some()
}

/// Returns the error message that the server put into `access_token`. `None` if the response has an access token or a
/// refresh token.
pub(crate) fn error_in_token(fields: &Fields) -> Option<&str> {
    if has_token(fields) {
        return None;
    }
    let text = fields.text("access_token")?.trim();
    let message = text.strip_prefix(ERROR).unwrap_or(text).trim();
    (!message.is_empty()).then_some(message)
}

/// Whether the text stands for a missing value, is an error, or is masked (`***`).
fn is_placeholder(text: &str) -> bool {
    let text = text.trim();
    let is = |word: &&str| text.eq_ignore_ascii_case(word);
    PLACEHOLDERS.iter().any(is)
        || is_registered(&text.to_ascii_lowercase())
        || text.starts_with(ERROR)
        || text.bytes().all(|byte| byte == b'*')
}
