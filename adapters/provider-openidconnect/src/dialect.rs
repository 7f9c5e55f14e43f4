//! The meaning of error codes: those of the RFCs, those that several providers share, and those of a profile.

use serde_json::{Map, Value};

use crate::pattern::{Pattern, code_in, normal};
use crate::quirks::{ErrorWords, Quirks};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// RFC 8628 section 3.5: the person has not answered yet.
    Pending,
    /// RFC 8628 section 3.5: ask less often.
    SlowDown,
    /// The person declined.
    Denied,
    /// The device code is expired or invalid.
    Expired,
    /// A rate limit or a temporary failure.
    Passing,
    /// The operator must act.
    Misconfigured,
    /// A rejection that is final only if it persists.
    Doubtful,
    /// A final rejection.
    Refused,
}

impl Meaning {
    /// Whether the error belongs to the device flow.
    pub(crate) const fn is_step(self) -> bool {
        matches!(
            self,
            Self::Pending | Self::SlowDown | Self::Denied | Self::Expired
        )
    }
}

/// The parts of a response that may name the error. They may contain secrets.
#[derive(Debug)]
pub(crate) struct ErrorTexts<'a> {
    pub(crate) code: Option<&'a str>,
    pub(crate) description: Option<&'a str>,
    /// Other strings from members that servers use for codes and descriptions.
    pub(crate) texts: Vec<&'a str>,
    pub(crate) members: &'a Map<String, Value>,
}

impl ErrorTexts<'_> {
    fn matches(&self, pattern: &Pattern) -> bool {
        let mut texts = self.code.iter().chain(&self.texts);
        texts.any(|text| pattern.matches(text)) || pattern.matches_member(self.members)
    }
}

/// Interprets the errors of one provider.
#[derive(Debug, Default)]
pub(crate) struct Dialect {
    own: Vec<(Pattern, Meaning)>,
    dead: Vec<Pattern>,
    advice: Vec<(Pattern, String)>,
}

impl Dialect {
    /// Creates the dialect of a profile.
    pub(crate) fn new(quirks: &Quirks) -> Self {
        let advice = quirks.advice.iter();
        Self {
            own: own(&quirks.errors),
            dead: quirks
                .refresh
                .dead
                .iter()
                .map(|text| Pattern::new(text))
                .collect(),
            advice: advice
                .map(|(key, words)| (Pattern::new(key), words.clone()))
                .collect(),
        }
    }

    /// Interprets an error. Matches the profile's patterns against the code, then against the other texts and members.
    /// If none matches, looks up the code among the shared codes.
    pub(crate) fn meaning(&self, texts: &ErrorTexts<'_>) -> Meaning {
        let code = texts.code.unwrap_or_default();
        let own = |is_meant: &dyn Fn(&Pattern) -> bool| {
            let mut all = self.own.iter();
            all.find(|(pattern, _)| is_meant(pattern))
                .map(|(_, meaning)| *meaning)
        };
        own(&|pattern| pattern.matches(code))
            .or_else(|| own(&|pattern| texts.matches(pattern)))
            .or_else(|| shared(&self.canonical(code)))
            .unwrap_or(Meaning::Refused)
    }

    /// Whether the text is a known error code or contains one: see [`canonical`](Self::canonical).
    pub(crate) fn knows(&self, text: &str) -> bool {
        self.is_own(text) || shared(&self.canonical(text)).is_some()
    }

    /// Whether a pattern of the profile matches this response.
    pub(crate) fn lists(&self, texts: &ErrorTexts<'_>) -> bool {
        let own = self.own.iter().map(|(pattern, _)| pattern);
        own.chain(&self.dead).any(|pattern| texts.matches(pattern))
    }

    /// Whether the profile lists this code as a temporary failure. A shared code for a denial is never temporary,
    /// whatever the profile says.
    pub(crate) fn lists_as_passing(&self, code: &str) -> bool {
        let mut own = self.own.iter();
        let own = own.find(|(pattern, _)| pattern.matches(code));
        own.is_some_and(|(_, meaning)| *meaning == Meaning::Passing)
            && shared(&self.canonical(code)) != Some(Meaning::Denied)
    }

    /// Whether a failed refresh shows that the refresh token is dead. Ignores a code of `DEAD`, or words of
    /// `DEAD_BESIDE_UNAUTHORIZED_CLIENT`, if the profile gives them another meaning.
    pub(crate) fn is_dead(&self, texts: &ErrorTexts<'_>) -> bool {
        if self.dead.iter().any(|pattern| texts.matches(pattern)) {
            return true;
        }
        let words = normal(texts.description.unwrap_or_default());
        let is_invalid_grant = |code| match self.canonical(code).as_str() {
            UNAUTHORIZED_CLIENT => DEAD_BESIDE_UNAUTHORIZED_CLIENT.contains(&words.as_str()),
            code => DEAD.contains(&code),
        };
        texts.code.is_some_and(is_invalid_grant)
            && !self.own.iter().any(|(pattern, _)| texts.matches(pattern))
    }

    /// Returns the error code in a text, in lower case. The code is the whole text, or its start, or follows its last
    /// colon (Cline: `failed to refresh token: invalid_grant`). If the profile lists the text as a phrase, the phrase
    /// is the code, with underscores for spaces.
    pub(crate) fn canonical(&self, text: &str) -> String {
        let whole = normal(text);
        let head = whole.split(':').next().unwrap_or_default();
        if let Some(code) = spelled(head.trim()) {
            return code.to_owned();
        }
        match code_in(text) {
            Some(code) if shared(&code).is_some() || self.is_own(&code) => code,
            _ if self.is_own(text) => whole.replace(' ', "_"),
            _ => {
                let tail = whole.rsplit(':').next().unwrap_or_default();
                spelled(tail.trim()).map_or_else(|| whole.clone(), str::to_owned)
            }
        }
    }

    fn is_own(&self, text: &str) -> bool {
        let own = self.own.iter().map(|(pattern, _)| pattern);
        own.chain(&self.dead).any(|pattern| pattern.matches(text))
    }

    /// Returns the profile's advice. The key matches the description up to its first colon (Microsoft's error number),
    /// the whole description, the code, or else a member.
    pub(crate) fn advice(&self, texts: &ErrorTexts<'_>) -> Option<&str> {
        let code = texts.code.unwrap_or_default();
        let description = texts.description.unwrap_or_default();
        let first = description.split(':').next().unwrap_or_default();
        let advice = |is_meant: &dyn Fn(&Pattern) -> bool| {
            let mut all = self.advice.iter();
            all.find(|(pattern, _)| is_meant(pattern))
                .map(|(_, words)| words.as_str())
        };
        let mut said = [first, description, code].into_iter();
        said.find_map(|text| advice(&|pattern| pattern.matches(text)))
            .or_else(|| advice(&|pattern| pattern.matches_member(texts.members)))
    }
}

const INVALID_GRANT: &str = "invalid_grant";

/// Codes of a dead refresh token. Sources, beside RFC 6749: GitHub ("Refreshing user access tokens"), Slack ("Token
/// rotation"), Supabase ("Error codes"), OpenAI (github.com/openai/codex, `classify_refresh_token_failure`), Ory Hydra 1
/// (neondatabase/mcp-server-neon pull request 232). The last two codes have no source, but the same meaning.
const DEAD: [&str; 11] = [
    INVALID_GRANT,
    "token_inactive",
    "bad_refresh_token",
    "invalid_refresh_token",
    "refresh_token_not_found",
    "refresh_token_already_used",
    "refresh_token_expired",
    "refresh_token_reused",
    "refresh_token_invalidated",
    "refresh_token_revoked",
    "expired_refresh_token",
];

const UNAUTHORIZED_CLIENT: &str = "unauthorized_client";

/// Descriptions of a dead refresh token beside `unauthorized_client`, which otherwise is about the client. Sources:
/// Gitea and Forgejo (`handleRefreshToken` in routers/web/auth/oauth2_provider.go), woodpecker-ci/woodpecker#5839 and
/// #2887.
const DEAD_BESIDE_UNAUTHORIZED_CLIENT: [&str; 2] =
    ["token was already used", "unable to parse refresh token"];

fn own(words: &ErrorWords) -> Vec<(Pattern, Meaning)> {
    let all = [
        (&words.pending, Meaning::Pending),
        (&words.slow_down, Meaning::SlowDown),
        (&words.denied, Meaning::Denied),
        (&words.expired, Meaning::Expired),
        (&words.passing, Meaning::Passing),
        (&words.misconfigured, Meaning::Misconfigured),
        (&words.doubtful, Meaning::Doubtful),
    ];
    let pairs = all.into_iter().flat_map(|(words, meaning)| {
        let words = words.iter();
        words.map(move |word| (Pattern::new(word), meaning))
    });
    pairs.collect()
}

/// Whether this error code, in lower case, is from an RFC or shared by several providers.
pub(crate) fn is_registered(code: &str) -> bool {
    /// RFC 7009 section 2.2.1, RFC 6749 section 4.1.2.1, RFC 6750 section 3.1, OpenID Connect Core section 3.1.2.6.
    const OTHERS: [&str; 7] = [
        "unsupported_token_type",
        "unsupported_response_type",
        "invalid_token",
        "insufficient_scope",
        "interaction_required",
        "login_required",
        "consent_required",
    ];
    shared(code).is_some() || OTHERS.contains(&code)
}

/// Sources: RFC 6749 section 5.2, RFC 8628 section 3.5, RFC 8707 section 2, and codes that several servers use.
/// `authorization_declined` is Microsoft's. Google, Auth0 and gateways send the codes of rate limits also with other
/// statuses than 429. Older documentation of GitHub has `token_expired`, `device_flow_disabled` and
/// `incorrect_client_credentials`.
const SHARED: [(&str, Meaning); 20] = [
    ("authorization_pending", Meaning::Pending),
    ("slow_down", Meaning::SlowDown),
    ("access_denied", Meaning::Denied),
    ("authorization_declined", Meaning::Denied),
    ("expired_token", Meaning::Expired),
    ("token_expired", Meaning::Expired),
    ("code_expired", Meaning::Expired),
    ("server_error", Meaning::Passing),
    ("temporarily_unavailable", Meaning::Passing),
    ("rate_limit_exceeded", Meaning::Passing),
    ("rate_limited", Meaning::Passing),
    ("too_many_requests", Meaning::Passing),
    ("invalid_client", Meaning::Misconfigured),
    (UNAUTHORIZED_CLIENT, Meaning::Misconfigured),
    ("invalid_scope", Meaning::Misconfigured),
    ("invalid_target", Meaning::Misconfigured),
    ("unsupported_grant_type", Meaning::Misconfigured),
    ("device_flow_disabled", Meaning::Misconfigured),
    ("incorrect_client_credentials", Meaning::Misconfigured),
    ("invalid_request", Meaning::Refused),
];

/// Returns the shared codes, and those of dead refresh tokens.
fn all_shared() -> impl Iterator<Item = (&'static str, Meaning)> {
    let dead = DEAD.into_iter().map(|code| (code, Meaning::Refused));
    SHARED.into_iter().chain(dead)
}

fn shared(code: &str) -> Option<Meaning> {
    let (_, meaning) = all_shared().find(|(known, _)| *known == code)?;
    Some(meaning)
}

/// Returns the shared code that a lower-case text spells without its underscores or with other separators:
/// `authorization-pending`, `expiredtoken`, `slowdownexception` (AWS). A text with spaces counts only for three codes,
/// because it may be prose: a firewall also says `Access Denied`.
fn spelled(text: &str) -> Option<&'static str> {
    const PHRASES: [&str; 3] = [INVALID_GRANT, "authorization_pending", "slow_down"];
    let plain = |text: &str| text.replace([' ', '-', '_'], "");
    let word = plain(text);
    let word = word.strip_suffix("exception").unwrap_or(&word);
    let is_phrase = text.contains(' ');
    let mut codes = all_shared().map(|(code, _)| code);
    codes.find(|code| plain(code) == word && (!is_phrase || PHRASES.contains(code)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn dialect() -> Dialect {
        let mut quirks = Quirks::default();
        let words = |all: &[&str]| all.iter().map(|word| (*word).to_owned()).collect();
        quirks.errors.misconfigured = words(&["Unsupported grant type"]);
        quirks.errors.passing = words(&["Access Denied"]);
        quirks.refresh.dead = words(&["refresh_token is invalid", "gone_for_good"]);
        quirks.advice = BTreeMap::from([("AADSTS1".to_owned(), "Do this.".to_owned())]);
        Dialect::new(&quirks)
    }

    #[test]
    fn the_profile_takes_precedence() {
        let (words, members) = (dialect(), Map::new());
        let said = |code, description| {
            let texts = ErrorTexts {
                code: Some(code),
                description: None,
                texts: vec![description],
                members: &members,
            };
            (words.meaning(&texts), words.is_dead(&texts))
        };
        assert_eq!(said("invalid_grant", "gone"), (Meaning::Refused, true));
        let other = "unsupported GRANT type";
        assert_eq!(
            said("invalid_grant", other),
            (Meaning::Misconfigured, false)
        );
        assert_eq!(
            said("unauthorized_client", ""),
            (Meaning::Misconfigured, false)
        );
        assert!(said("unauthorized_client", "refresh_token is invalid").1);
        assert_eq!(said("access denied", "").0, Meaning::Passing);
        assert_eq!(said("access_denied", "").0, Meaning::Denied);
        assert!(said("gone_for_good: really", "").1);
    }

    #[test]
    fn codes_are_found_in_texts() {
        let words = dialect();
        for (text, code) in [
            ("INVALID_GRANT", "invalid_grant"),
            ("invalid_grant: Token has been revoked", "invalid_grant"),
            ("Invalid Grant: revoked", "invalid_grant"),
            ("invalid-grant", "invalid_grant"),
            ("InvalidGrantException", "invalid_grant"),
            ("RefreshTokenExpired", "refresh_token_expired"),
            ("invalid-client : no", "invalid_client"),
            ("Authorization pending", "authorization_pending"),
            ("invalid client", "invalid client"),
            ("invalid_client, says the gateway", "invalid_client"),
            ("gone_for_good: really", "gone_for_good"),
            ("Access Denied", "access_denied"),
            ("refresh_token is invalid", "refresh_token_is_invalid"),
            ("made_up: whatever", "made_up: whatever"),
            ("failed to refresh token: invalid_grant", "invalid_grant"),
            (
                "made_up: invalid_grant, perhaps",
                "made_up: invalid_grant, perhaps",
            ),
        ] {
            assert_eq!(words.canonical(text), code);
        }
        assert!(words.knows("invalid_scope: no") && !words.knows("made_up"));
    }

    /// Firewalls send these phrases too, so the phrases are not error codes of the authorization server.
    #[test]
    fn phrases_of_others_are_no_codes() {
        let words = Dialect::default();
        for text in ["Access Denied", "Server error", "Too many requests"] {
            assert!(!words.knows(text), "{text}");
        }
        assert!(words.knows("AccessDenied") && words.knows("Slow Down"));
    }

    #[test]
    fn advice_by_number() {
        let (words, members) = (dialect(), Map::new());
        let advice = |code, description| {
            words.advice(&ErrorTexts {
                code,
                description,
                texts: Vec::new(),
                members: &members,
            })
        };
        assert_eq!(advice(None, Some("AADSTS1: so and so")), Some("Do this."));
        assert_eq!(advice(None, Some("AADSTS12: so and so")), None);
        assert_eq!(advice(Some("aadsts1"), None), Some("Do this."));
    }
}
