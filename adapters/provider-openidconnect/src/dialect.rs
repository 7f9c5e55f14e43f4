//! What the words of a provider mean: those of the RFCs, those that several providers share, and a profile's own.

use std::collections::BTreeMap;

use crate::quirks::{ErrorWords, Quirks};

/// What an error says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// RFC 8628 section 3.5: the person has not answered yet.
    Pending,
    /// RFC 8628 section 3.5: ask less often.
    SlowDown,
    /// The person said no.
    Denied,
    /// The device code is dead.
    Expired,
    /// It passes.
    Passing,
    /// The operator must act.
    Misconfigured,
    /// A definite no.
    Refused,
}

impl Meaning {
    /// Whether it is a step of the device flow.
    pub(crate) const fn is_step(self) -> bool {
        matches!(
            self,
            Self::Pending | Self::SlowDown | Self::Denied | Self::Expired
        )
    }
}

/// A provider's words, in lower case.
#[derive(Debug, Default)]
pub(crate) struct Dialect {
    own: BTreeMap<String, Meaning>,
    dead: Vec<String>,
    advice: BTreeMap<String, String>,
}

impl Dialect {
    /// What a profile says.
    pub(crate) fn new(quirks: &Quirks) -> Self {
        let lower = |word: &String| word.to_lowercase();
        let advice = quirks.advice.iter();
        Self {
            own: own(&quirks.errors),
            dead: quirks.refresh.dead.iter().map(lower).collect(),
            advice: advice
                .map(|(key, words)| (lower(key), words.clone()))
                .collect(),
        }
    }

    /// What an error means by its code or, in whole, its description. A profile's own words come first.
    pub(crate) fn meaning(&self, code: &str, description: Option<&str>) -> Meaning {
        let description = description.map(normal);
        let own = |word: &str| self.own.get(word).copied();
        own(&normal(code))
            .or_else(|| own(description.as_deref()?))
            .or_else(|| shared(&normal(code)))
            .unwrap_or(Meaning::Refused)
    }

    /// Whether a message on its own is a word: some servers have no codes.
    pub(crate) fn is_word(&self, message: &str) -> bool {
        let word = normal(message);
        self.own.contains_key(&word)
            || self.dead.contains(&word)
            || shared(&word).is_some_and(Meaning::is_step)
    }

    /// Whether a refresh that fails so shows that the refresh token is dead. A profile's word for something else is
    /// stronger than `invalid_grant`.
    pub(crate) fn is_dead(&self, code: &str, description: Option<&str>) -> bool {
        let (code, description) = (normal(code), description.map(normal));
        let words = [Some(&code), description.as_ref()];
        let mut words = words.into_iter().flatten();
        if words.clone().any(|word| self.dead.contains(word)) {
            return true;
        }
        DEAD.contains(&code.as_str()) && !words.any(|word| self.own.contains_key(word))
    }

    /// What to do about it, if the profile knows; what stands before a colon is Microsoft's number of the error.
    pub(crate) fn advice(&self, code: &str, description: Option<&str>) -> Option<&str> {
        let description = description.unwrap_or_default();
        let first = description.split(':').next().unwrap_or_default();
        let mut keys = [first, description, code].into_iter();
        keys.find_map(|key| self.advice.get(&normal(key)))
            .map(String::as_str)
    }
}

/// The last two are the words of GitHub, "Refreshing user access tokens", and of Slack, "Token rotation".
const DEAD: [&str; 3] = [
    "invalid_grant",
    "bad_refresh_token",
    "invalid_refresh_token",
];

fn own(words: &ErrorWords) -> BTreeMap<String, Meaning> {
    let all = [
        (&words.slow_down, Meaning::SlowDown),
        (&words.denied, Meaning::Denied),
        (&words.expired, Meaning::Expired),
        (&words.passing, Meaning::Passing),
        (&words.misconfigured, Meaning::Misconfigured),
    ];
    let pairs = |(words, meaning): (&Vec<String>, Meaning)| {
        let words = words.iter().map(|word| normal(word));
        words.map(|word| (word, meaning)).collect::<Vec<_>>()
    };
    all.into_iter().flat_map(pairs).collect()
}

/// RFC 6749 section 5.2, RFC 8628 section 3.5, and what has been seen of more than one server: `authorization_declined`
/// is Microsoft's word, `token_expired` an older one of GitHub's documentation, as are the last two.
fn shared(code: &str) -> Option<Meaning> {
    Some(match code {
        "authorization_pending" => Meaning::Pending,
        "slow_down" => Meaning::SlowDown,
        "access_denied" | "authorization_declined" => Meaning::Denied,
        "expired_token" | "token_expired" => Meaning::Expired,
        "server_error" | "temporarily_unavailable" => Meaning::Passing,
        "invalid_client"
        | "unauthorized_client"
        | "invalid_scope"
        | "unsupported_grant_type"
        | "device_flow_disabled"
        | "incorrect_client_credentials" => Meaning::Misconfigured,
        _ => return None,
    })
}

fn normal(word: &str) -> String {
    word.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialect() -> Dialect {
        let mut quirks = Quirks::default();
        let words = |all: &[&str]| all.iter().map(|word| (*word).to_owned()).collect();
        quirks.errors.misconfigured = words(&["Unsupported grant type"]);
        quirks.errors.passing = words(&["Access Denied"]);
        quirks.refresh.dead = words(&["refresh_token is invalid"]);
        quirks.advice = BTreeMap::from([("AADSTS1".to_owned(), "Do this.".to_owned())]);
        Dialect::new(&quirks)
    }

    #[test]
    fn a_profile_s_word_is_stronger() {
        let words = dialect();
        let said = |code: &str, description: &str| {
            let description = Some(description);
            (
                words.meaning(code, description),
                words.is_dead(code, description),
            )
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
    }

    #[test]
    fn advice_by_number() {
        let words = dialect();
        let advice = |description| words.advice("x", Some(description));
        assert_eq!(advice("AADSTS1: so and so"), Some("Do this."));
        assert_eq!(advice("AADSTS12: so and so"), None);
        assert_eq!(words.advice("aadsts1", None), Some("Do this."));
    }
}
