//! Words that people see: the name of this service at the provider, and what scopes permit.

use central_oauth_domain::ports::ScopeWords;
use central_oauth_domain::text::{LONGEST_NAME, Unpresentable, check_presentable};

use super::{ProviderSettings, SettingsError, is_scope};

/// Maximum length of the words for a scope: about three lines on a phone.
const LONGEST_WORDS: usize = 150;

/// Words for the scopes of OpenID Connect Core sections 3.1.2.1, 5.4 and 11, in English.
const STANDARD: [(&str, &str); 6] = [
    ("openid", "Know who you are"),
    (
        "profile",
        "Read your profile, such as your name and picture",
    ),
    ("email", "Read your e-mail address"),
    ("address", "Read your postal address"),
    ("phone", "Read your phone number"),
    ("offline_access", "Keep this access while you are away"),
];

/// Rejects words that the pages cannot show.
pub(super) fn check(settings: &ProviderSettings) -> Result<(), SettingsError> {
    let wrong = |key: &str, fault: Unpresentable| SettingsError(format!("{key} {fault}"));
    if let Some(name) = &settings.consent_name {
        check_presentable(name, LONGEST_NAME).map_err(|fault| wrong("consent_name", fault))?;
    }
    for (scope, words) in &settings.scope_words {
        // The empty name stands for a request without scopes.
        if !scope.is_empty() && !is_scope(scope) {
            let problem = format!("scope_words has {scope:?}, which is not a scope");
            return Err(SettingsError(problem));
        }
        let key = format!("scope_words.{scope:?}");
        check_presentable(&words.text, LONGEST_WORDS).map_err(|fault| wrong(&key, fault))?;
    }
    Ok(())
}

impl ProviderSettings {
    /// Returns the words for a scope; for `""`, what a request without scopes permits.
    #[must_use]
    pub fn words_of(&self, scope: &str) -> Option<ScopeWords> {
        match self.scope_words.get(scope) {
            Some(words) => Some(words.clone()).filter(|words| !words.text.is_empty()),
            None => self.standard_words(scope),
        }
    }

    /// Returns the words for a standard scope, if `openid` is requested too. Other servers may give these names another
    /// meaning.
    fn standard_words(&self, scope: &str) -> Option<ScopeWords> {
        let mut known = STANDARD.iter().filter(|_| self.is_openid_connect());
        let (_, text) = known.find(|(known, _)| *known == scope)?;
        Some(ScopeWords {
            text: (*text).to_owned(),
            language: Some("en"),
        })
    }
}
