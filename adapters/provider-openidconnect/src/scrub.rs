//! Removes the secrets of a request from texts about its response.

use central_oauth_domain::text::presentable;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::form_urlencoded::{self, byte_serialize};

/// Maximum length of a quoted text.
const MAX_CHARACTERS: usize = 300;
/// Maximum length of a quoted error code.
const MAX_CODE: usize = 64;

/// The secrets of one exchange. Providers echo what they receive ("device code XYZ is unknown"), so every text of a
/// response goes through here first.
#[derive(Clone, Default)]
pub(crate) struct Scrubber(Vec<SecretString>);

impl Scrubber {
    /// Adds a secret in each form in which it may appear after an echo: as it is, form-urlencoded, in JSON, and
    /// form-decoded. (If a provider echoes the secret in a form without encoding it, parsing the form decodes it.)
    pub(crate) fn add(&mut self, secret: &str) {
        let encoded: String = byte_serialize(secret.as_bytes()).collect();
        let quoted = Value::from(secret).to_string();
        let quoted = quoted.trim_matches('"');
        let whole = format!("={}", secret.replace('&', "%26"));
        let decoded = form_urlencoded::parse(whole.as_bytes()).next();
        let decoded = decoded.map(|(_, value)| value).unwrap_or_default();
        for form in [secret, encoded.as_str(), quoted, &decoded] {
            if !form.is_empty() {
                self.0.push(SecretString::from(form));
            }
        }
        // Longer secrets are removed first: removing a shorter one could leave a part of a longer one.
        self.0
            .sort_by_key(|known| usize::MAX - known.expose_secret().len());
    }

    /// Returns a [`presentable`] text without secrets. Shortens it last, because half a secret would not be recognised.
    pub(crate) fn text(&self, words: &str) -> String {
        let mut clean = words.to_owned();
        for secret in &self.0 {
            clean = clean.replace(secret.expose_secret(), "[removed]");
        }
        presentable(&clean).chars().take(MAX_CHARACTERS).collect()
    }

    /// Returns an error code in lower case, if the text can be one. RFC 6749 section 5.2 allows printable ASCII; a
    /// space distinguishes a phrase such as "Not Found" from a code.
    pub(crate) fn code(&self, word: &str) -> Option<String> {
        let clean = self.text(word.trim());
        let is_code = !clean.is_empty()
            && clean.len() <= MAX_CODE
            && clean.bytes().all(|byte| byte.is_ascii_graphic());
        is_code.then(|| clean.to_ascii_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_removed_before_shortening() {
        let mut scrubber = Scrubber::default();
        scrubber.add("s3cr3t");
        scrubber.add("s3cr3t/longer");
        let echo = format!("{}s3cr3t/longer s3cr3t%2Flonger", "x".repeat(290));
        let clean = scrubber.text(&echo);
        assert!(!clean.contains("s3cr3t") && !clean.contains("longer"));
        assert_eq!(clean.chars().count(), MAX_CHARACTERS);
        scrubber.add("in\"json");
        assert_eq!(
            scrubber.text(r#"{"token":"in\"json"}"#),
            r#"{"token":"[removed]"}"#
        );
        assert_eq!(scrubber.text("a\r\nb"), "a  b");
        scrubber.add("base64+with%2B&marks");
        assert_eq!(scrubber.text("base64 with+&marks"), "[removed]");
    }

    #[test]
    fn a_phrase_is_not_a_code() {
        let scrubber = Scrubber::default();
        assert_eq!(
            scrubber.code("Invalid_Grant").as_deref(),
            Some("invalid_grant")
        );
        assert_eq!(scrubber.code("Not Found"), None);
        assert_eq!(scrubber.code(""), None);
        assert_eq!(scrubber.code(&"x".repeat(65)), None);
    }
}
